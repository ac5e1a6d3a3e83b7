//! The real server on a loopback port, asked by a real client.

mod attacks;
pub(super) mod client;
mod places;

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response, Version};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use time::macros::datetime;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Semaphore, oneshot},
    task::JoinHandle,
};
use tower::service_fn;

use self::client::{Client, Protocol};
use super::*;
use crate::{Ending, PeerCertificates, layer::testing::Lines};

const ALL: [Protocol; 3] = [Protocol::Http1, Protocol::Http2, Protocol::Http2OverTls12];

/// A running server and the means to end it.
struct Running {
    address: SocketAddr,
    certificate: ServingCertificate,
    rotation: Arc<RotatingCertificate>,
    /// How many requests to `/slow` have arrived, as permits.
    arrived: Arc<Semaphore>,
    /// Permits let requests to `/slow` go on.
    gate: Arc<Semaphore>,
    metrics: ServerMetrics,
    end: oneshot::Sender<()>,
    ended: JoinHandle<Ended>,
}

impl Running {
    async fn start(limits: Limits) -> Self {
        let metrics = ServerMetrics::new(Arc::new(|| datetime!(2026-01-02 03:04:05 UTC)));
        let server = Server::bind(([127, 0, 0, 1], 0).into())
            .await
            .unwrap()
            .within(limits)
            .counting(metrics.clone());
        let address = server.local_addr();
        let certificate = ServingCertificate::self_signed(["metrics.default.svc"]).unwrap();
        let rotation = Arc::new(RotatingCertificate::new(certificate.clone()));
        let (arrived, gate) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let service = service_fn({
            let (arrived, gate) = (Arc::clone(&arrived), Arc::clone(&gate));
            move |request| answer(request, Arc::clone(&arrived), Arc::clone(&gate))
        });
        let (end, ending) = oneshot::channel();
        let ended = tokio::spawn(server.serve(rotation.clone(), service, ending.map(drop)));
        Self {
            address,
            certificate,
            rotation,
            arrived,
            gate,
            metrics,
            end,
            ended,
        }
    }

    async fn connect(&self, protocol: Protocol) -> Client {
        Client::connect(self.address, &self.certificate, protocol, None)
            .await
            .unwrap()
    }
}

async fn answer(
    request: Request<Incoming>,
    arrived: Arc<Semaphore>,
    gate: Arc<Semaphore>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let text = match request.uri().path() {
        "/panic" => panic!("asked to"),
        "/slow" => {
            arrived.add_permits(1);
            gate.acquire().await.unwrap().forget();
            "slow".to_owned()
        }
        // More than the buffers between the two of them hold.
        "/big" => {
            arrived.add_permits(1);
            "x".repeat(64 << 20)
        }
        "/peer" => match &*request.extensions().get::<PeerCertificates>().unwrap().0 {
            [] => "nobody".to_owned(),
            [leaf, ..] => format!("{leaf:?}"),
        },
        "/readyz" => match request.extensions().get::<Ending>() {
            None => "ready".to_owned(),
            Some(Ending) => "ending".to_owned(),
        },
        path => format!("{path} by {:?}", request.version()),
    };
    Ok(Response::new(Full::new(text.into())))
}

#[tokio::test]
async fn http_1_and_http_2_are_served_on_one_port() {
    let server = Running::start(Limits::default()).await;
    let mut first = server.connect(Protocol::Http1).await;
    assert_eq!(
        first.get("/a").await.unwrap(),
        (Version::HTTP_11, "/a by HTTP/1.1".to_owned())
    );
    let mut second = server.connect(Protocol::Http2).await;
    assert_eq!(
        second.get("/b").await.unwrap(),
        (Version::HTTP_2, "/b by HTTP/2.0".to_owned())
    );
}

#[tokio::test]
async fn a_client_without_a_certificate_is_nobody() {
    let server = Running::start(Limits::default()).await;
    assert_eq!(
        server.connect(Protocol::Http2).await.text("/peer").await,
        "nobody"
    );
}

#[tokio::test]
async fn an_answer_to_head_has_no_body_whoever_answers() {
    let server = Running::start(Limits::default()).await;
    let Client::Http2(mut sender) = server.connect(Protocol::Http2).await else {
        unreachable!("it was asked for");
    };
    let request = Request::head("https://metrics.default.svc/a").body(Empty::new());
    let answer = sender.send_request(request.unwrap()).await.unwrap();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, Bytes::new());
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_reaches_the_request() {
    let server = Running::start(Limits::default()).await;
    let own = rcgen::generate_simple_self_signed(["front-proxy-client".to_owned()]).unwrap();
    let shown = format!("{:?}", own.cert.der().to_vec());
    for protocol in ALL {
        let own = Some((&own.cert, &own.signing_key));
        let client = Client::connect(server.address, &server.certificate, protocol, own).await;
        assert_eq!(client.unwrap().text("/peer").await, shown, "{protocol:?}");
    }
}

#[tokio::test]
async fn a_certificate_without_its_key_is_refused_in_the_handshake() {
    let server = Running::start(Limits::default()).await;
    let stolen = rcgen::generate_simple_self_signed(["front-proxy-client".to_owned()]).unwrap();
    let other_key = rcgen::KeyPair::generate().unwrap();
    for protocol in ALL {
        let own = Some((&stolen.cert, &other_key));
        let client = Client::connect(server.address, &server.certificate, protocol, own).await;
        // In TLS 1.3 the client learns of it by its first read.
        let refused = match client {
            Ok(mut client) => client.get("/peer").await.is_err(),
            Err(_) => true,
        };
        assert!(refused, "{protocol:?}");
    }
}

#[tokio::test]
async fn a_replaced_certificate_is_shown_to_new_connections_and_old_ones_live_on() {
    let server = Running::start(Limits::default()).await;
    let mut old = server.connect(Protocol::Http2).await;
    let next = ServingCertificate::self_signed(["metrics.default.svc"]).unwrap();
    server.rotation.replace(next.clone());

    assert!(
        Client::connect(server.address, &server.certificate, Protocol::Http2, None)
            .await
            .is_err()
    );
    let mut new = Client::connect(server.address, &next, Protocol::Http2, None)
        .await
        .unwrap();
    assert_eq!(new.text("/new").await, "/new by HTTP/2.0");
    assert_eq!(old.text("/old").await, "/old by HTTP/2.0");
}

#[tokio::test]
async fn a_panic_costs_one_request_over_http_2_and_one_connection_over_http_1() {
    let server = Running::start(Limits::default()).await;
    let mut client = server.connect(Protocol::Http2).await;
    assert!(client.get("/panic").await.is_err());
    assert_eq!(client.text("/a").await, "/a by HTTP/2.0");

    assert!(
        server
            .connect(Protocol::Http1)
            .await
            .get("/panic")
            .await
            .is_err()
    );
    assert_eq!(
        server.connect(Protocol::Http1).await.text("/a").await,
        "/a by HTTP/1.1"
    );
}

#[tokio::test]
async fn clients_that_do_not_trust_the_certificate_are_one_warning() {
    let lines = Lines::capture();
    let server = Running::start(Limits::default()).await;
    let other = ServingCertificate::self_signed(["metrics.default.svc"]).unwrap();
    for protocol in ALL {
        let client = Client::connect(server.address, &other, protocol, None).await;
        assert!(client.is_err(), "{protocol:?}");
    }
    while !server
        .metrics
        .text()
        .contains("\napiserver_tls_handshake_errors_total 3\n")
    {
        tokio::task::yield_now().await;
    }
    let warnings = lines
        .read()
        .into_iter()
        .filter(|line| line.starts_with("WARN"));
    let [warning] = <[String; 1]>::try_from(warnings.collect::<Vec<_>>()).unwrap();
    assert!(
        warning.contains(": a client does not trust our certificate: if it is the API server, "),
        "{warning}"
    );
}

#[tokio::test]
async fn garbage_instead_of_a_handshake_costs_its_own_connection() {
    let server = Running::start(Limits::default()).await;
    let mut garbage = TcpStream::connect(server.address).await.unwrap();
    garbage
        .write_all(b"GET / HTTP/1.1\r\nHost: not-tls\r\n\r\n")
        .await
        .unwrap();
    // The server says no and closes, with an alert or a reset.
    let _ = garbage.read_to_end(&mut Vec::new()).await;
    let counted = "\napiserver_tls_handshake_errors_total 1\n";
    while !server.metrics.text().contains(counted) {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        server.connect(Protocol::Http2).await.text("/a").await,
        "/a by HTTP/2.0"
    );
}

#[tokio::test]
async fn a_client_that_asks_for_nothing_is_let_go() {
    let short = Limits {
        head: Duration::from_millis(20),
        ..Limits::default()
    };
    let server = Running::start(short).await;
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let mut silent = client::handshake(server.address, &server.certificate, protocol, None)
            .await
            .unwrap();
        // The read ends when the server closes the connection, and only then.
        let mut said = Vec::new();
        let closed = timeout(Duration::from_secs(10), silent.read_to_end(&mut said)).await;
        assert!(closed.is_ok(), "{protocol:?}");
    }
}

#[tokio::test]
async fn a_handshake_that_never_begins_is_given_up() {
    let short = Limits {
        handshake: Duration::from_millis(20),
        ..Limits::default()
    };
    let server = Running::start(short).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(silent.read_to_end(&mut Vec::new()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_slow_request_is_finished_while_new_connections_are_refused() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let server = Running::start(Limits::default()).await;
        let mut client = server.connect(protocol).await;
        let slow = tokio::spawn(async move { client.text("/slow").await });
        server.arrived.acquire().await.unwrap().forget();

        server.end.send(()).unwrap();
        refused(server.address).await;
        assert!(!server.ended.is_finished());
        server.gate.add_permits(1);
        assert_eq!(slow.await.unwrap(), "slow");
        assert_eq!(server.ended.await.unwrap(), Ended { cut_off: 0 });
    }
}

#[tokio::test]
async fn a_server_that_ends_says_so_and_serves_until_it_is_withdrawn() {
    let server = Running::start(Limits {
        withdraw: Duration::from_secs(3600),
        ..Limits::default()
    })
    .await;
    let mut old = server.connect(Protocol::Http2).await;
    assert_eq!(old.text("/readyz").await, "ready");
    server.end.send(()).unwrap();
    while old.text("/readyz").await != "ending" {
        tokio::task::yield_now().await;
    }
    for protocol in ALL {
        let mut new = Client::connect(server.address, &server.certificate, protocol, None)
            .await
            .unwrap();
        assert_eq!(new.text("/readyz").await, "ending", "{protocol:?}");
    }

    // An hour goes by in no time, since nothing else is there to do.
    tokio::time::pause();
    assert_eq!(server.ended.await.unwrap(), Ended { cut_off: 0 });
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn idle_connections_do_not_hold_up_the_end() {
    let server = Running::start(Limits::default()).await;
    let mut first = server.connect(Protocol::Http1).await;
    let mut second = server.connect(Protocol::Http2).await;
    let _silent = TcpStream::connect(server.address).await.unwrap();
    first.text("/a").await;
    second.text("/b").await;
    server.end.send(()).unwrap();
    assert_eq!(server.ended.await.unwrap(), Ended { cut_off: 0 });
}

#[tokio::test]
async fn what_is_not_finished_in_time_is_cut_off_and_counted() {
    let server = Running::start(Limits {
        drain: Duration::from_millis(20),
        ..Limits::default()
    })
    .await;
    let mut client = server.connect(Protocol::Http2).await;
    let slow = tokio::spawn(async move { client.get("/slow").await });
    server.arrived.acquire().await.unwrap().forget();
    server.end.send(()).unwrap();
    assert_eq!(server.ended.await.unwrap(), Ended { cut_off: 1 });
    assert!(slow.await.unwrap().is_err());
}

#[tokio::test]
async fn a_taken_address_is_refused_with_advice() {
    let server = Running::start(Limits::default()).await;
    let error = Server::bind(server.address).await.unwrap_err();
    let expected = format!(
        "cannot listen on {}: another process listens there: stop it, or choose another port",
        server.address
    );
    assert_eq!(error.to_string(), expected);
}

/// Returns once nothing listens there any more.
async fn refused(address: SocketAddr) {
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}
