//! Connections, the one through a proxy within the time for the call.
//!
//! ureq gives each part of a proxy's answer the time for the whole call: a proxy that answers
//! byte by byte would keep a thread for days. Its way to hand in connectors promises no
//! stability between its minor versions; should this not compile with the next one, its own
//! connector does the same but for such a proxy.

use std::{
    cell::Cell,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use ureq::{
    Error,
    unversioned::transport::{
        Buffers, ConnectProxyConnector, ConnectionDetails, Connector, Either, NextTimeout,
        RustlsConnector, TcpConnector, Transport,
        time::{Duration, Instant},
    },
};

/// As ureq connects by itself, but for the proxy.
pub(super) fn connector() -> impl Connector {
    ().chain(Notice)
        .chain(PunctualProxy::default())
        .chain(TcpConnector::default())
        .chain(RustlsConnector::default())
}

thread_local! {
    /// Whether this thread has begun to connect, as ureq does on the thread of the call.
    static CONNECTS: Cell<bool> = const { Cell::new(false) };
}

/// What a call gives, and whether it opened a connection: if not, it went out on one that was
/// kept.
pub(super) fn noticing<T>(call: impl FnOnce() -> T) -> (T, bool) {
    CONNECTS.set(false);
    (call(), CONNECTS.get())
}

#[derive(Debug)]
struct Notice;

impl<In: Transport> Connector<In> for Notice {
    type Out = In;

    fn connect(&self, _: &ConnectionDetails<'_>, so_far: Option<In>) -> Result<Option<In>, Error> {
        CONNECTS.set(true);
        Ok(so_far)
    }
}

#[derive(Debug, Default)]
struct PunctualProxy(ConnectProxyConnector);

impl<In: Transport> Connector<In> for PunctualProxy {
    type Out = Either<In, Box<dyn Transport>>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        let until = details.now + details.timeout.after;
        let connected = Arc::new(AtomicBool::new(false));
        let to_proxy = Arc::clone(&details.run_connector);
        let clock = Arc::clone(&details.current_time);
        let punctual = {
            let connected = Arc::clone(&connected);
            move |proxy: &ConnectionDetails<'_>| -> Result<Box<dyn Transport>, Error> {
                Ok(Box::new(Punctual {
                    transport: to_proxy(proxy)?,
                    until,
                    clock: Arc::clone(&clock),
                    connected: Arc::clone(&connected),
                }))
            }
        };
        let connection = self.0.connect(
            &ConnectionDetails {
                uri: details.uri,
                addrs: details.addrs.clone(),
                config: details.config,
                request_level: details.request_level,
                resolver: details.resolver,
                now: details.now,
                timeout: details.timeout,
                current_time: Arc::clone(&details.current_time),
                run_connector: Arc::new(punctual),
                register_shutdown: Arc::clone(&details.register_shutdown),
            },
            chained,
        );
        connected.store(true, Relaxed);
        connection
    }
}

/// Waits no longer than until an instant, for as long as the proxy has not connected.
struct Punctual {
    transport: Box<dyn Transport>,
    until: Instant,
    clock: Arc<dyn Fn() -> Instant + Send + Sync>,
    connected: Arc<AtomicBool>,
}

impl Transport for Punctual {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.transport.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.transport.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, mut timeout: NextTimeout) -> Result<bool, Error> {
        if !self.connected.load(Relaxed)
            && let (Instant::Exact(until), Instant::Exact(now)) = (self.until, (self.clock)())
        {
            timeout.after = Duration::Exact(until.saturating_duration_since(now));
        }
        self.transport.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.transport.is_open()
    }

    fn is_tls(&self) -> bool {
        self.transport.is_tls()
    }
}

impl fmt::Debug for Punctual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Punctual").field(&self.transport).finish()
    }
}
