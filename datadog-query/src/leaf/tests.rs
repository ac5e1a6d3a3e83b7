use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread::{self, JoinHandle},
};

use futures_executor::block_on;
use tower::ServiceExt;

use super::*;

mod bounds;
mod connections;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{\"valid\":true}";

/// A server for one connection, and what it has read in the end.
fn serve(
    serve: impl FnOnce(&mut TcpStream) + Send + 'static,
) -> (SocketAddr, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let head = lines
            .map(Result::unwrap)
            .take_while(|line| !line.is_empty())
            .collect();
        serve(&mut stream);
        head
    });
    (address, server)
}

fn answering(answer: &'static [u8]) -> (SocketAddr, JoinHandle<Vec<String>>) {
    serve(|stream| stream.write_all(answer).unwrap())
}

fn leaf(settings: &LeafSettings) -> Leaf {
    Leaf::new(settings, |job| drop(thread::spawn(job))).unwrap()
}

fn asked(leaf: Leaf, url: &str) -> Result<Response<Bytes>, ExchangeError> {
    let request = Request::get(url)
        .header("dd-api-key", "an-api-key")
        .body(Bytes::new())
        .unwrap();
    block_on(leaf.oneshot(request))
}

fn ask(address: SocketAddr, settings: &LeafSettings) -> Result<Response<Bytes>, ExchangeError> {
    asked(
        leaf(settings),
        &format!("http://{address}/api/v1/validate?a=b"),
    )
}

fn body(answer: Result<Response<Bytes>, ExchangeError>) -> Result<Bytes, ExchangeError> {
    answer.map(Response::into_body)
}

#[test]
fn a_request_goes_out_whole_and_the_answer_comes_back() {
    let (address, server) = answering(OK);
    assert_eq!(
        body(ask(address, &LeafSettings::default())),
        Ok("{\"valid\":true}".into())
    );
    let head = server.join().unwrap();
    assert_eq!(head[0], "GET /api/v1/validate?a=b HTTP/1.1");
    assert!(
        head.contains(&"dd-api-key: an-api-key".to_owned()),
        "{head:?}"
    );
}

#[test]
fn a_body_goes_out_behind_its_head() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/api/v2/query", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let mut request = BufReader::new(stream.try_clone().unwrap());
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            request.read_line(&mut head).unwrap();
        }
        let mut body = [0; 8];
        request.read_exact(&mut body).unwrap();
        stream.write_all(OK).unwrap();
        (head, body)
    });
    let request = Request::post(url).body("{\"data\":".into()).unwrap();
    let answer = block_on(leaf(&LeafSettings::default()).oneshot(request));
    assert_eq!(body(answer), Ok("{\"valid\":true}".into()));
    let (head, sent) = server.join().unwrap();
    assert_eq!(&sent, b"{\"data\":");
    assert!(
        head.starts_with("POST /api/v2/query HTTP/1.1\r\n"),
        "{head}"
    );
    assert!(head.contains("content-length: 8\r\n"), "{head}");
}

#[test]
fn an_error_status_is_an_answer() {
    let (address, _) = answering(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    let answer = ask(address, &LeafSettings::default()).unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.body().as_ref()),
        (403, &b"no"[..])
    );
}

#[test]
fn a_packed_answer_is_unpacked() {
    let (address, _) = serve(|stream| {
        let packed = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xabV*K\xcc\xc9LQ\xb2*)*M\xad\x05\x00\xc3\x05\xfa\xc6\x0e\x00\x00\x00";
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
            packed.len()
        )
        .unwrap();
        stream.write_all(packed).unwrap();
    });
    assert_eq!(
        body(ask(address, &LeafSettings::default())),
        Ok("{\"valid\":true}".into())
    );
}

#[test]
fn an_answer_that_ends_too_early_is_cut_off() {
    let (address, _) = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"val");
    let answer = body(ask(address, &LeafSettings::default()));
    assert!(
        matches!(answer, Err(ExchangeError::CutOff(_))),
        "{answer:?}"
    );

    let (address, _) = answering(b"HTTP/1.1 20");
    let answer = body(ask(address, &LeafSettings::default()));
    assert!(
        matches!(answer, Err(ExchangeError::CutOff(_))),
        "{answer:?}"
    );
}

#[test]
fn a_port_where_nobody_listens_is_unreachable() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let Err(ExchangeError::Unreachable(text)) = body(ask(address, &LeafSettings::default())) else {
        panic!("somebody listens at {address}");
    };
    assert!(text.contains("refused"), "{text}");
}

#[test]
fn a_redirect_is_an_answer_and_the_keys_stay_here() {
    let elsewhere = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let location = elsewhere.local_addr().unwrap();
    let (address, _) = serve(move |stream| {
        write!(
            stream,
            "HTTP/1.1 302 Found\r\nLocation: http://{location}/\r\nContent-Length: 0\r\n\r\n"
        )
        .unwrap();
    });
    assert_eq!(
        ask(address, &LeafSettings::default())
            .unwrap()
            .status()
            .as_u16(),
        302
    );
    assert_eq!(
        elsewhere.accept().unwrap_err().kind(),
        io::ErrorKind::WouldBlock
    );
}

#[test]
fn a_job_that_is_never_run_is_given_up() {
    let leaf = Leaf::new(&LeafSettings::default(), drop).unwrap();
    assert_eq!(
        body(asked(leaf, "http://127.0.0.1:1/")),
        Err(ExchangeError::GivenUp)
    );
}

#[test]
fn a_proxy_is_asked_for_every_host_that_is_no_exception() {
    let (proxy, server) = answering(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
    let settings = LeafSettings {
        proxy: Some(format!("http://me:secret@{proxy}")),
        no_proxy: vec!["127.0.0.1".to_owned()],
        ..LeafSettings::default()
    };
    let answer = body(asked(leaf(&settings), "http://api.datadoghq.example/"));
    let refused = "CONNECT proxy failed";
    assert!(
        matches!(&answer, Err(ExchangeError::Unreachable(text)) if text.contains(refused)),
        "{answer:?}"
    );
    assert_eq!(
        server.join().unwrap()[0],
        "CONNECT api.datadoghq.example:80 HTTP/1.1"
    );

    let (address, _) = answering(OK);
    assert_eq!(body(ask(address, &settings)), Ok("{\"valid\":true}".into()));
}

#[test]
fn a_private_authority_is_trusted_once_it_is_told() {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let chain = vec![certified.cert.der().clone()];
    let key =
        rustls::pki_types::PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = Arc::new(
        rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap(),
    );
    let ask = |settings: &LeafSettings| {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = rustls::ServerConnection::new(Arc::clone(&server)).unwrap();
        thread::spawn(move || {
            let mut stream = rustls::StreamOwned::new(server, listener.accept().unwrap().0);
            // A client that does not trust the server ends the handshake.
            if stream.read(&mut [0; 1024]).is_ok() {
                stream.write_all(OK).unwrap();
            }
        });
        body(asked(leaf(settings), &format!("https://localhost:{port}/")))
    };

    let Err(ExchangeError::Unreachable(text)) = ask(&LeafSettings::default()) else {
        panic!("a stranger was trusted");
    };
    assert!(text.starts_with("tls: "), "{text}");

    let authorities = Some(certified.cert.pem().into_bytes());
    let told = LeafSettings {
        authorities,
        ..LeafSettings::default()
    };
    assert_eq!(ask(&told), Ok("{\"valid\":true}".into()));
}
