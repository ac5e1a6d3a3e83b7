//! What a hostile client sends is refused or bounded, and the next client is served.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use super::{
    Running,
    client::{self, Protocol},
};
use crate::Limits;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Indexed fields of HTTP/2's static table: `GET`, `https`, `/`.
const GET: &[u8] = &[0x82, 0x87, 0x84];

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [length[1], length[2], length[3], kind, flags];
    [&head, stream.to_be_bytes().as_slice(), payload].concat()
}

/// Sends this to a server until it closes the connection, which it has to, and sees that it
/// serves others on.
async fn is_cut_off(protocol: Protocol, begin: &[u8], more: impl Fn(u32) -> Vec<u8>) {
    let server = Running::start(Limits::default()).await;
    let tls = client::handshake(server.address, &server.certificate, protocol, None);
    let (mut reads, mut writes) = tokio::io::split(tls.await.unwrap());
    let attack = async {
        let sends = async {
            if writes.write_all(begin).await.is_ok() {
                let mut nth = 0;
                while writes.write_all(&more(nth)).await.is_ok() {
                    nth += 1;
                    tokio::task::yield_now().await;
                }
            }
        };
        let reads = async {
            // Ends with the connection, by an alert, a reset or an orderly end.
            let _ = reads.read_to_end(&mut Vec::new()).await;
        };
        tokio::join!(sends, reads)
    };
    let ended = timeout(Duration::from_secs(20), attack).await;
    assert!(ended.is_ok(), "the server still listens to it");
    assert_eq!(
        server.connect(Protocol::Http2).await.text("/a").await,
        "/a by HTTP/2.0"
    );
}

fn opening() -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()
}

#[tokio::test]
async fn garbage_after_the_handshake_costs_its_own_connection() {
    let server = Running::start(Limits::default()).await;
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let mut tls = client::handshake(server.address, &server.certificate, protocol, None)
            .await
            .unwrap();
        tls.write_all(&[0xff; 4096]).await.unwrap();
        let _ = tls.read_to_end(&mut Vec::new()).await;
    }
    assert_eq!(
        server.connect(Protocol::Http2).await.text("/a").await,
        "/a by HTTP/2.0"
    );
}

#[tokio::test]
async fn a_user_of_hundreds_of_groups_is_served_over_http_1() {
    let server = Running::start(Limits::default()).await;
    let tls = client::handshake(server.address, &server.certificate, Protocol::Http1, None);
    let mut tls = tls.await.unwrap();
    let groups = "x-remote-group: one-of-many\r\n".repeat(400);
    let request = format!("GET /a HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{groups}\r\n");
    tls.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = tls.read_to_end(&mut answer).await;
    assert!(
        answer.starts_with(b"HTTP/1.1 200"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
}

#[tokio::test]
async fn a_head_beyond_the_limit_is_refused() {
    let server = Running::start(Limits::default()).await;
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let answer = server
            .connect(protocol)
            .await
            .get_with("/a", "x-long", &"x".repeat(100_000))
            .await;
        let refused = match answer {
            Ok(answer) => answer.status() == http::StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Err(_) => true,
        };
        assert!(refused, "{protocol:?}");
    }
}

#[tokio::test]
async fn streams_that_are_reset_as_soon_as_they_are_opened_end_the_connection() {
    is_cut_off(Protocol::Http2, &opening(), |nth| {
        let stream = 1 + 2 * nth;
        let cancel = 8_u32.to_be_bytes();
        [
            frame(HEADERS, END_STREAM | END_HEADERS, stream, GET),
            frame(RST_STREAM, 0, stream, &cancel),
        ]
        .concat()
    })
    .await;
}

#[tokio::test]
async fn a_head_that_never_ends_ends_the_connection_over_http_2() {
    let begin = [opening(), frame(HEADERS, END_STREAM, 1, GET)].concat();
    // A literal field `a: b`, again and again.
    let field = [0x00, 1, b'a', 1, b'b'].repeat(100);
    is_cut_off(Protocol::Http2, &begin, |_| {
        frame(CONTINUATION, 0, 1, &field)
    })
    .await;
}

#[tokio::test]
async fn a_head_that_never_ends_ends_the_connection_over_http_1() {
    is_cut_off(Protocol::Http1, b"GET / HTTP/1.1\r\n", |nth| {
        format!("a-{nth}: b\r\n").into_bytes()
    })
    .await;
}

#[tokio::test]
async fn a_body_that_never_ends_is_not_read() {
    let begin = b"GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000000\r\n\r\n";
    is_cut_off(Protocol::Http1, begin, |_| vec![b'x'; 10_000]).await;
}
