//! No client keeps another out: places are few, and those who take them go quiet.

use std::{any::Any, pin::pin, time::Duration};

use http::Request;
use http_body_util::Empty;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::yield_now,
    time::timeout,
};

use super::{
    Running,
    client::{self, Client, Protocol},
};
use crate::Limits;

fn places(connections: usize) -> Limits {
    Limits {
        connections,
        ..Limits::default()
    }
}

#[tokio::test]
async fn a_client_waits_while_every_connection_has_a_request_in_flight() {
    let server = Running::start(places(1)).await;
    let mut first = server.connect(Protocol::Http2).await;
    let slow = tokio::spawn(async move { first.text("/slow").await });
    server.arrived.acquire().await.unwrap().forget();

    let (address, certificate) = (server.address, server.certificate.clone());
    let mut second = pin!(async {
        Client::connect(address, &certificate, Protocol::Http2, None)
            .await
            .unwrap()
            .text("/b")
            .await
    });
    assert!(
        timeout(Duration::from_millis(50), &mut second)
            .await
            .is_err()
    );
    server.gate.add_permits(1);
    assert_eq!(slow.await.unwrap(), "slow");
    // Its connection is kept by nobody but an idle client.
    assert_eq!(second.await, "/b by HTTP/2.0");
}

#[tokio::test]
async fn idle_and_slow_clients_do_not_keep_others_out() {
    let server = Running::start(places(2)).await;
    let mut held: Vec<Box<dyn Any>> = Vec::new();
    for _ in 0..3 {
        // Never begins its handshake,
        held.push(Box::new(TcpStream::connect(server.address).await.unwrap()));
        for protocol in [Protocol::Http1, Protocol::Http2] {
            // never asks, or begins to, after it,
            let tls = client::handshake(server.address, &server.certificate, protocol, None);
            let mut tls = tls.await.unwrap();
            tls.write_all(b"GET / HT").await.unwrap();
            held.push(Box::new(tls));
            // or asked once, and went quiet.
            let mut client = server.connect(protocol).await;
            client.text("/a").await;
            held.push(Box::new(client));
        }
    }
    let mut client = server.connect(Protocol::Http2).await;
    assert_eq!(client.text("/b").await, "/b by HTTP/2.0");
    drop(held);
}

#[tokio::test]
async fn the_connection_that_was_used_last_is_kept() {
    let server = Running::start(places(2)).await;
    let mut used = server.connect(Protocol::Http2).await;
    let mut idle = server.connect(Protocol::Http2).await;
    idle.text("/a").await;
    used.text("/a").await;
    let mut third = server.connect(Protocol::Http2).await;
    assert_eq!(third.text("/b").await, "/b by HTTP/2.0");
    assert_eq!(used.text("/c").await, "/c by HTTP/2.0");
    assert!(idle.get("/d").await.is_err());
}

#[tokio::test]
async fn a_client_that_never_reads_its_answer_does_not_keep_others_out() {
    let server = Running::start(places(1)).await;
    let tls = client::handshake(server.address, &server.certificate, Protocol::Http1, None);
    let mut tls = tls.await.unwrap();
    tls.write_all(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    server.arrived.acquire().await.unwrap().forget();
    let mut other = server.connect(Protocol::Http1).await;
    assert_eq!(other.text("/b").await, "/b by HTTP/1.1");
}

#[tokio::test]
async fn a_connection_that_is_idle_for_too_long_is_closed() {
    let server = Running::start(Limits {
        idle: Duration::from_millis(20),
        head: Duration::from_millis(20),
        ..Limits::default()
    })
    .await;
    let Client::Http2(mut sender) = server.connect(Protocol::Http2).await else {
        unreachable!("it was asked for");
    };
    let request = Request::get("https://metrics.default.svc/a").body(Empty::new());
    sender.send_request(request.unwrap()).await.unwrap();
    let closed = async {
        while !sender.is_closed() {
            yield_now().await;
        }
    };
    assert_eq!(timeout(Duration::from_secs(10), closed).await, Ok(()));
}

#[tokio::test]
async fn over_http_1_the_time_to_be_idle_is_that_of_the_next_head() {
    let server = Running::start(Limits {
        head: Duration::from_millis(20),
        ..Limits::default()
    })
    .await;
    let tls = client::handshake(server.address, &server.certificate, Protocol::Http1, None);
    let mut tls = tls.await.unwrap();
    tls.write_all(b"GET /a HTTP/1.1\r\nhost: a\r\n\r\nGET /b HT")
        .await
        .unwrap();
    let mut said = Vec::new();
    let closed = timeout(Duration::from_secs(10), tls.read_to_end(&mut said)).await;
    assert!(closed.is_ok());
    assert!(
        said.ends_with(b"/a by HTTP/1.1"),
        "{}",
        String::from_utf8_lossy(&said)
    );
}
