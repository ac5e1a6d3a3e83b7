//! A way through which a process reaches another, and that a test can cut.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
};

/// A loopback port behind which another one is, as long as the link is whole. TLS goes
/// through as it is: certificates are those of the far end.
pub(crate) struct Link {
    port: u16,
    wire: Arc<Wire>,
}

struct Wire {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    condition: Condition,
    /// Both ends of every connection.
    open: Vec<TcpStream>,
}

#[derive(Clone, Copy, PartialEq)]
enum Condition {
    Whole,
    /// Nothing arrives and nobody is told: a network that loses every packet.
    Silent,
    /// Connections are closed, and new ones at once.
    Severed,
}

impl Link {
    /// A link to this loopback port.
    pub(crate) fn to(port: u16) -> Self {
        Self::to_any(move || Some(port))
    }

    /// A link on which each connection goes to the loopback port that `pick` names then;
    /// where it names none, the connection is closed.
    pub(crate) fn to_any(pick: impl Fn() -> Option<u16> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let listener = listener.expect("the system has a free loopback port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let wire = Arc::new(Wire {
            state: Mutex::new(State {
                condition: Condition::Whole,
                open: Vec::new(),
            }),
            changed: Condvar::new(),
        });
        let (pick, accepting) = (Arc::new(pick), Arc::clone(&wire));
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let (pick, wire) = (Arc::clone(&pick), Arc::clone(&accepting));
                thread::spawn(move || wire.carry(&near, &*pick));
            }
        });
        Self {
            port: address.port(),
            wire,
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Closes all connections, and new ones at once.
    pub(crate) fn sever(&self) {
        self.wire.become_(Condition::Severed);
    }

    /// From now on nothing arrives, on old connections and on new ones, and nobody is told.
    pub(crate) fn silence(&self) {
        self.wire.become_(Condition::Silent);
    }

    /// Makes it whole again. What was sent into the silence arrives now, as TCP has it.
    pub(crate) fn mend(&self) {
        self.wire.become_(Condition::Whole);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.sever();
    }
}

impl Wire {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics under this lock")
    }

    fn become_(&self, condition: Condition) {
        let mut state = self.lock();
        state.condition = condition;
        if condition == Condition::Severed {
            for end in state.open.drain(..) {
                // It may have been closed by its peer.
                let _ = end.shutdown(Shutdown::Both);
            }
        }
        self.changed.notify_all();
    }

    /// Waits while the link is silent; whether it is whole then.
    fn is_whole(&self) -> bool {
        let state = self
            .changed
            .wait_while(self.lock(), |state| state.condition == Condition::Silent)
            .expect("nobody panics under this lock");
        state.condition == Condition::Whole
    }

    /// Carries one connection to its end.
    fn carry(&self, near: &TcpStream, pick: &dyn Fn() -> Option<u16>) {
        if !self.is_whole() {
            return;
        }
        let far = pick().and_then(|port| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok());
        let Some(far) = far else { return };
        let ends = [near, &far].map(|end| end.try_clone().expect("a socket can be shared"));
        {
            let mut state = self.lock();
            if state.condition == Condition::Severed {
                return;
            }
            state.open.extend(ends);
        }
        thread::scope(|scope| {
            scope.spawn(|| self.pass(near, &far));
            self.pass(&far, near);
        });
    }

    /// Passes on what comes until either end is closed, and closes both.
    fn pass(&self, mut from: &TcpStream, mut to: &TcpStream) {
        let mut bytes = [0; 16 * 1024];
        while let Ok(count @ 1..) = from.read(&mut bytes)
            && self.is_whole()
            && to.write_all(&bytes[..count]).is_ok()
        {}
        for end in [from, to] {
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_sent_into_the_silence_arrives_later_and_a_severed_link_is_closed() {
        let far = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let link = Link::to(far.local_addr().unwrap().port());
        let mut near = TcpStream::connect((Ipv4Addr::LOCALHOST, link.port())).unwrap();
        let (mut far, _) = far.accept().unwrap();
        let mut word = [0; 2];
        near.write_all(b"hi").unwrap();
        far.read_exact(&mut word).unwrap();

        link.silence();
        near.write_all(b"ho").unwrap();
        far.set_read_timeout(Some(Duration::from_millis(100)))
            .unwrap();
        assert!(far.read(&mut word).is_err());
        link.mend();
        far.set_read_timeout(None).unwrap();
        far.read_exact(&mut word).unwrap();
        assert_eq!(&word, b"ho");

        link.sever();
        assert_eq!(near.read(&mut word).unwrap_or(0), 0);
        let mut late = TcpStream::connect((Ipv4Addr::LOCALHOST, link.port())).unwrap();
        assert_eq!(late.read(&mut word).unwrap_or(0), 0);
    }
}
