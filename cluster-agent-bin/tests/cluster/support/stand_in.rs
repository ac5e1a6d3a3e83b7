//! A server in the agent's place, as small as the API server accepts it.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use super::{Authority, ControlPlane};

/// Starts a TLS server that says `json` to whatever it is asked, with a certificate of this
/// authority, and returns its loopback port. It ends with the test.
pub(crate) fn stand_in(authority: &Authority, json: &'static str) -> u16 {
    let config = Arc::new(config(authority));
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the system has a free loopback port");
    let address = listener.local_addr();
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let config = Arc::clone(&config);
            // A client that hangs up, or that distrusts us, is none of our business.
            thread::spawn(move || answer(config, connection, json).ok());
        }
    });
    address.expect("a bound socket has an address").port()
}

fn config(authority: &Authority) -> ServerConfig {
    let pair = authority.server(&[ControlPlane::SERVICE_NAME]);
    let certificate = CertificateDer::from_pem_slice(pair.certificate.as_bytes());
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes());
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring knows the default versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.expect("we wrote it")],
            key.expect("we wrote it"),
        )
        .expect("the key is the certificate's")
}

fn answer(config: Arc<ServerConfig>, connection: TcpStream, json: &str) -> io::Result<()> {
    let tls = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut stream = BufReader::new(StreamOwned::new(tls, connection));
    let mut line = String::new();
    // The head of a GET, to its empty line.
    while line != "\r\n" {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Ok(());
        }
    }
    let mut stream = stream.into_inner();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
    let length = json.len();
    write!(stream, "{head}\r\nContent-Length: {length}\r\n\r\n{json}")?;
    stream.conn.send_close_notify();
    stream.flush()
}
