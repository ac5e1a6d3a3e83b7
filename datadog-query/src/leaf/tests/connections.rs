//! Which connections are used again.

use super::*;

/// Reads the head of a request, and returns whether there was one.
fn head(lines: &mut impl Iterator<Item = io::Result<String>>) -> bool {
    let head = lines.map(Result::unwrap);
    head.take_while(|line| !line.is_empty()).count() > 0
}

#[test]
fn a_connection_is_used_again_after_whatever_was_answered() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let answers: [&[u8]; 4] = [
            OK,
            b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            OK,
        ];
        for answer in answers {
            assert!(head(&mut lines));
            stream.write_all(answer).unwrap();
        }
        listener.set_nonblocking(true).unwrap();
        listener.accept().map(drop).map_err(|why| why.kind())
    });
    let leaf = leaf(&LeafSettings::default());
    let statuses = [(); 4].map(|()| {
        let answer = asked(leaf.clone(), &format!("http://{address}/")).unwrap();
        answer.status().as_u16()
    });
    assert_eq!(statuses, [200, 403, 200, 200]);
    // All four came over the first connection.
    assert_eq!(server.join().unwrap(), Err(io::ErrorKind::WouldBlock));
}

#[test]
fn a_connection_that_the_server_has_closed_meanwhile_costs_no_call() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (closed, is_closed) = std::sync::mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            assert!(head(&mut lines));
            assert_eq!(lines.next().unwrap().unwrap(), "a body");
            stream.write_all(OK).unwrap();
            drop((stream, lines));
            let _ = closed.send(());
        }
    });
    let leaf = leaf(&LeafSettings::default());
    for _ in 0..3 {
        let request = Request::post(format!("http://{address}/")).body("a body\n".into());
        let answer = block_on(leaf.clone().oneshot(request.unwrap()));
        assert_eq!(body(answer), Ok("{\"valid\":true}".into()));
        is_closed.recv().unwrap();
    }
}

/// A server that answers the first call of each connection and hangs up at the second, but at the
/// first where `answers` says no. Tells at which call of which connection it is.
fn hanging_up(answers: bool) -> (SocketAddr, std::sync::mpsc::Receiver<(usize, &'static str)>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    thread::spawn(move || {
        for (connection, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            assert!(head(&mut lines));
            if answers {
                tell.send((connection, "answered")).unwrap();
                stream.write_all(OK).unwrap();
                assert!(head(&mut lines));
            }
            tell.send((connection, "hung up")).unwrap();
        }
    });
    (address, told)
}

#[test]
fn a_call_that_meets_the_end_of_a_kept_connection_goes_out_once_more_on_a_new_one() {
    let (address, told) = hanging_up(true);
    let leaf = leaf(&LeafSettings::default());
    for _ in 0..3 {
        let answer = asked(leaf.clone(), &format!("http://{address}/"));
        assert_eq!(body(answer), Ok("{\"valid\":true}".into()));
    }
    let expected = [
        (0, "answered"),
        (0, "hung up"),
        (1, "answered"),
        (1, "hung up"),
        (2, "answered"),
    ];
    assert_eq!(told.try_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn a_call_that_is_hung_up_on_by_a_new_connection_is_cut_off() {
    let (address, told) = hanging_up(false);
    let answer = body(ask(address, &LeafSettings::default()));
    assert!(
        matches!(answer, Err(ExchangeError::CutOff(_))),
        "{answer:?}"
    );
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [(0, "hung up")]);
}
