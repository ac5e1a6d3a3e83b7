//! What a client may hold open, and for how long.

use std::time::Duration;

/// The bounds of a [`Server`](crate::Server).
///
/// The defaults suit a metrics server behind the Kubernetes API server, which
/// opens a few HTTP/2 connections and keeps them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time. When all are taken, the one that has been idle longest is
    /// closed for the next client, which waits where all have a request in flight.
    pub connections: usize,
    /// The time for a TLS handshake.
    pub handshake: Duration,
    /// The time for a request's head, and so the time that an HTTP/1.1
    /// connection may stay idle. An HTTP/2 connection has it for its first request.
    pub head: Duration,
    /// The time that a connection may stay open after its last answer, which includes the
    /// reading of that answer.
    pub idle: Duration,
    /// The bytes of a request's head.
    pub head_bytes: u32,
    /// Requests at a time on one HTTP/2 connection.
    pub streams: u32,
    /// How often an HTTP/2 client is asked whether it is still there.
    pub ping_every: Duration,
    /// How long it may take to say so.
    pub ping_answer: Duration,
    /// How long the server serves on, no longer ready, once it is asked to end:
    /// the time in which a cluster learns to send its requests elsewhere. After a
    /// connection was refused nobody can send it elsewhere any more.
    pub withdraw: Duration,
    /// The time for requests in flight after that.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(10),
            // The API server probes more often, and so keeps its connections.
            idle: Duration::from_secs(5 * 60),
            head_bytes: 64 * 1024,
            streams: 200,
            ping_every: Duration::from_secs(30),
            ping_answer: Duration::from_secs(15),
            withdraw: Duration::ZERO,
            drain: Duration::from_secs(60),
        }
    }
}
