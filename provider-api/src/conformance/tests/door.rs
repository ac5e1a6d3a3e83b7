//! A door before the server that lets in only who greets as the fault wants it.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

use super::wrong::Quirk;

pub(super) struct Door {
    listener: TcpListener,
    quirk: Quirk,
}

impl Door {
    pub(super) fn is_needed(quirk: Quirk) -> bool {
        use Quirk::{Http1Alone, NewTlsAlone, OldTlsAlone, OldTlsSpoken};
        matches!(quirk, OldTlsSpoken | NewTlsAlone | OldTlsAlone | Http1Alone)
    }

    pub(super) fn new(listener: TcpListener, quirk: Quirk) -> Self {
        Self { listener, quirk }
    }

    /// Passes on to the server at this address.
    pub(super) async fn to(self, server: SocketAddr) {
        loop {
            let (mut client, _) = self.listener.accept().await.unwrap();
            let quirk = self.quirk;
            tokio::spawn(async move {
                let mut hello = [0; 2048];
                let length = client.peek(&mut hello).await.unwrap();
                match quirk.opens(&hello[..length]) {
                    Some(true) => {
                        let mut server = TcpStream::connect(server).await.unwrap();
                        // The client may have left: that is its business.
                        let _ = copy_bidirectional(&mut client, &mut server).await;
                    }
                    Some(false) => {}
                    None => client.write_all(&[0x16, 0x03, 0x02]).await.unwrap(),
                }
            });
        }
    }
}

impl Quirk {
    /// Whether a greeting is let in; none is answered as a server of its day did.
    fn opens(self, hello: &[u8]) -> Option<bool> {
        let has = |part: &[u8]| hello.windows(part.len()).any(|window| window == part);
        let is_1_1 = hello.get(9..11) == Some(&[3, 2]);
        // The extension `supported_versions`, with TLS 1.3 alone or among others.
        let alone = has(&[0, 43, 0, 3, 2, 3, 4]);
        let among = has(&[0, 43, 0, 5, 4, 3, 4]);
        match self {
            Self::OldTlsSpoken if is_1_1 => None,
            Self::NewTlsAlone => Some(alone || among),
            Self::OldTlsAlone => Some(!alone),
            Self::Http1Alone => Some(!has(b"\x02h2")),
            _ => Some(true),
        }
    }
}
