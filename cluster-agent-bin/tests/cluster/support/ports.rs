//! Loopback ports that nobody listens on.

use std::net::{Ipv4Addr, TcpListener};

/// Ports that are free now. Another process may take one before it is used: whoever starts
/// a server on one is ready to see it fail and to ask again.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    // All are held until all are known, so that they differ.
    let held = [(); N].map(|()| {
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the system has a free loopback port")
    });
    held.map(|listener| {
        listener
            .local_addr()
            .expect("a bound socket has an address")
            .port()
    })
}
