//! Servers that send too slowly or too much.

use std::{iter, time::Duration};

use flate2::{Compression, write::GzEncoder};

use super::*;

fn within(milliseconds: u64) -> LeafSettings {
    LeafSettings {
        timeout: Duration::from_millis(milliseconds),
        ..LeafSettings::default()
    }
}

fn up_to(most_bytes: u64) -> LeafSettings {
    LeafSettings {
        most_bytes,
        ..LeafSettings::default()
    }
}

/// Sends a byte every few milliseconds, until the client hangs up.
fn trickle(stream: &mut TcpStream, byte: &[u8]) {
    stream
        .set_read_timeout(Some(Duration::from_millis(5)))
        .unwrap();
    // Each read waits for the client to hang up.
    while stream.read(&mut [0]).is_err() && stream.write_all(byte).is_ok() {}
}

/// Sends the same again and again, until the client hangs up.
fn flood(stream: &mut TcpStream, bytes: &[u8]) {
    while stream.write_all(bytes).is_ok() {}
}

#[test]
fn a_server_that_stays_silent_runs_out_of_time() {
    let (address, _) = serve(|stream| drop(stream.read(&mut [0])));
    assert_eq!(
        body(ask(address, &within(50))),
        Err(ExchangeError::TimedOut)
    );
}

#[test]
fn a_server_that_sends_byte_after_byte_runs_out_of_time_wherever_it_does() {
    let body_of_400 = b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n";
    let without_end = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let starts: [(&[u8], &[u8]); 5] = [
        (b"HTTP/1.1 200 ", b"O"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
        (b"HTTP/1.1 200 OK\r\n", b"X: x\r\n"),
        (body_of_400, b"x"),
        (without_end, b"1\r\nx\r\n"),
    ];
    for (start, again) in starts {
        let (address, server) = serve(move |stream| {
            stream.write_all(start).unwrap();
            trickle(stream, again);
        });
        let outcome = body(ask(address, &within(100)));
        let shown = String::from_utf8_lossy(start);
        assert_eq!(outcome, Err(ExchangeError::TimedOut), "{shown:?}");
        server.join().unwrap();
    }
}

#[test]
fn a_handshake_that_comes_byte_by_byte_runs_out_of_time() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let mut greeting = [0; 5];
        stream.read_exact(&mut greeting).unwrap();
        let mut rest = vec![0; usize::from(u16::from_be_bytes([greeting[3], greeting[4]]))];
        stream.read_exact(&mut rest).unwrap();
        // A record of the handshake that is to hold 4 KiB.
        stream.write_all(&[22, 3, 3, 16, 0]).unwrap();
        trickle(&mut stream, &[0]);
    });
    let answer = asked(leaf(&within(1000)), &format!("https://{address}/"));
    assert_eq!(body(answer), Err(ExchangeError::TimedOut));
    server.join().unwrap();
}

#[test]
fn a_proxy_that_answers_byte_by_byte_runs_out_of_time() {
    let (proxy, server) = serve(|stream| {
        stream.write_all(b"HTTP/1.1 200 ").unwrap();
        trickle(stream, b"O");
    });
    let settings = LeafSettings {
        proxy: Some(format!("http://{proxy}")),
        ..within(100)
    };
    let answer = asked(leaf(&settings), "http://api.datadoghq.example/");
    assert_eq!(body(answer), Err(ExchangeError::TimedOut));
    server.join().unwrap();
}

#[test]
fn an_answer_of_the_most_bytes_is_taken_and_one_byte_more_is_not() {
    let (address, _) = answering(OK);
    assert_eq!(
        body(ask(address, &up_to(14))),
        Ok("{\"valid\":true}".into())
    );
    let (address, _) = answering(OK);
    assert_eq!(
        body(ask(address, &up_to(13))),
        Err(ExchangeError::TooLarge { limit: 13 })
    );
}

#[test]
fn an_answer_without_end_is_given_up_at_the_most_bytes() {
    for head in [
        "Transfer-Encoding: chunked\r\n\r\n",
        // It ends with the connection, which never ends.
        "\r\n",
    ] {
        let (address, server) = serve(move |stream| {
            write!(stream, "HTTP/1.1 200 OK\r\n{head}").unwrap();
            flood(stream, b"8\r\nxxxxxxxx\r\n");
        });
        let outcome = body(ask(address, &up_to(100_000)));
        let limit = 100_000;
        assert_eq!(outcome, Err(ExchangeError::TooLarge { limit }), "{head:?}");
        server.join().unwrap();
    }
}

#[test]
fn a_small_packet_that_unpacks_to_much_is_given_up_at_the_most_bytes() {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    for block in iter::repeat_n([b' '; 1 << 16], 1 << 9) {
        packed.write_all(&block).unwrap();
    }
    let packed = packed.finish().unwrap();
    assert!(packed.len() < 1 << 16, "{} bytes for 32 MiB", packed.len());
    let (address, _) = serve(move |stream| {
        let length = packed.len();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {length}\r\n\r\n"
        )
        .unwrap();
        let _ = stream.write_all(&packed);
    });
    let limit = 1 << 16;
    assert_eq!(
        body(ask(address, &up_to(limit))),
        Err(ExchangeError::TooLarge { limit })
    );
}

#[test]
fn a_head_without_end_is_given_up_long_before_the_time_is_over() {
    let (address, server) = serve(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n").unwrap();
        flood(stream, b"X: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n");
    });
    let outcome = body(ask(address, &within(60_000)));
    assert!(
        matches!(
            outcome,
            Err(ExchangeError::Unreachable(_) | ExchangeError::CutOff(_))
        ),
        "{outcome:?}"
    );
    server.join().unwrap();
}
