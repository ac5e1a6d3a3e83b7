//! The reference server, with one fault or none.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use http::Request;
use hyper::body::Incoming;
use time::OffsetDateTime;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};

use super::{
    delegation::Delegation,
    door::Door,
    provider::Reference,
    wrong::{Fault, Quirk, Reply},
};
use crate::{
    Action, Answering, Authenticate, Authorize, Authorizer, CatchPanic, Deadline, Decision,
    Impersonate, InFlightLimit, Limits, MetricsApi, MetricsPage, PeerCertificates, RequestId,
    RotatingCertificate, Server, ServerMetrics, ServingCertificate, Undecided, User,
    conformance::{Handout, Launch, Pair, Running},
};

pub(super) const IN_FLIGHT: usize = 40;
const HOUR: Duration = Duration::from_secs(3600);

/// The server under test, which can be started again and again at its address.
#[derive(Clone)]
pub(super) struct Suspect {
    fault: Fault,
    pub(super) address: SocketAddr,
    handout: Handout,
    certificate: Arc<RotatingCertificate>,
}

impl Suspect {
    pub(super) async fn new(fault: Fault, handout: &Handout) -> Self {
        // Nobody else is given this port for a while.
        let held = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let name = match fault.quirk {
            Quirk::OtherName => "other.shop.svc",
            _ => "metrics.shop.svc",
        };
        let certificate = ServingCertificate::self_signed([name]).unwrap();
        Self {
            fault,
            address: held.local_addr().unwrap(),
            handout: handout.clone(),
            certificate: Arc::new(RotatingCertificate::new(certificate)),
        }
    }

    /// Shows another certificate from now on.
    pub(super) fn install(&self, pair: &Pair) {
        let next = ServingCertificate::from_pem(pair.certificate.as_bytes(), pair.key.as_bytes());
        if self.fault.quirk != Quirk::CertificateKept {
            self.certificate.replace(next.unwrap());
        }
    }

    fn limits(&self) -> Limits {
        let quirk = self.fault.quirk;
        let patience = match quirk {
            Quirk::Patient => HOUR,
            _ => Duration::from_millis(1500),
        };
        let (withdraw, drain) = match quirk {
            Quirk::CutsOff => (0, 0),
            _ => (1, 5),
        };
        Limits {
            handshake: patience,
            head: patience,
            head_bytes: if quirk == Quirk::BigHeads {
                4 << 20
            } else {
                64 << 10
            },
            withdraw: Duration::from_secs(withdraw),
            drain: Duration::from_secs(drain),
            ..Limits::default()
        }
    }

    fn service(&self) -> impl Answering<Incoming> {
        let fault = self.fault;
        let delegation = Delegation::to(&self.handout, fault.quirk);
        let actors: Arc<dyn Authorizer> = match fault.quirk {
            Quirk::ImpersonationUnasked => Arc::new(Everybody),
            _ => Arc::clone(&delegation) as _,
        };
        let metrics = ServerMetrics::new(Arc::new(|| OffsetDateTime::UNIX_EPOCH));
        let below = ServiceBuilder::new()
            .layer(Deadline::default())
            .layer(Authenticate::by([Arc::clone(&delegation) as _]))
            .layer(Impersonate::by(actors))
            .layer(Authorize::by(delegation))
            .layer(metrics.page())
            .service(
                MetricsApi::new(Reference)
                    .and_custom(Reference)
                    .version("v1.2.3")
                    .beside(MetricsPage::PATH),
            );
        let limit = match fault.quirk {
            Quirk::NoLimit => InFlightLimit::new(IN_FLIGHT * 100),
            Quirk::OneAtATime => InFlightLimit::new(1),
            _ => InFlightLimit::new(IN_FLIGHT),
        };
        let limited = limit.layer(service_fn(move |mut request: Request<Incoming>| {
            let below = below.clone();
            async move {
                if fault.quirk == Quirk::OneAtATime {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                if let Some(Hidden(shown)) = request.extensions_mut().remove() {
                    request.extensions_mut().insert(shown);
                }
                below.oneshot(request).await
            }
        }));
        let limited = service_fn(move |mut request: Request<Incoming>| {
            // Without a certificate, the limit takes a master for everybody.
            if fault.quirk == Quirk::MastersLimited
                && let Some(shown) = request.extensions_mut().remove::<PeerCertificates>()
            {
                request.extensions_mut().insert(Hidden(shown));
            }
            limited.clone().oneshot(request)
        });
        let good = ServiceBuilder::new()
            .layer(RequestId::default())
            .layer(metrics)
            .layer(CatchPanic)
            .service(limited);
        service_fn(move |request: Request<Incoming>| {
            let good = good.clone();
            async move {
                let (asked, body) = request.into_parts();
                let mut parts = asked.clone();
                (fault.request)(&mut parts);
                let answer = good.oneshot(Request::from_parts(parts, body)).await?;
                let mut reply = Reply::of(answer).await;
                (fault.answer)(&asked, &mut reply);
                Ok::<_, Infallible>(reply.into_answer())
            }
        })
    }
}

/// What a client has shown, where a layer is not to see it.
#[derive(Clone)]
struct Hidden(PeerCertificates);

#[async_trait]
impl Launch for Suspect {
    async fn start(&self) -> io::Result<Box<dyn Running>> {
        let quirk = self.fault.quirk;
        let listener = taken(self.address).await;
        let (server, door) = if Door::is_needed(quirk) {
            let door = Door::new(listener, quirk);
            (
                Server::bind(([127, 0, 0, 1], 0).into()).await.unwrap(),
                Some(door),
            )
        } else {
            drop(listener);
            (Server::bind(self.address).await.unwrap(), None)
        };
        let door = door.map(|door| tokio::spawn(door.to(server.local_addr())));
        let (signals, seen) = watch::channel(0);
        let code = Arc::new(Mutex::new(None));
        let asked = {
            let mut seen = seen.clone();
            async move {
                let enough = if quirk == Quirk::Lingers { u32::MAX } else { 1 };
                seen.wait_for(|count| *count >= enough).await.unwrap();
            }
        };
        let serving = server.within(self.limits()).serve(
            Arc::clone(&self.certificate) as _,
            self.service(),
            asked,
        );
        let (told, address) = (Arc::clone(&code), self.address);
        let task = tokio::spawn(async move {
            let mut seen = seen;
            tokio::select! {
                _ = serving => *told.lock().unwrap() = Some(i32::from(quirk == Quirk::Fails)),
                _ = seen.wait_for(|count| *count > 1), if quirk != Quirk::OneSignalAlone => {
                    *told.lock().unwrap() = Some(1);
                }
            }
            if quirk == Quirk::StillThere {
                let _still = TcpListener::bind(address).await.unwrap();
                std::future::pending::<()>().await;
            }
        });
        Ok(Box::new(Process {
            signals,
            code,
            tasks: [Some(task), door],
        }))
    }
}

/// The address, once whoever had it before has left.
async fn taken(address: SocketAddr) -> TcpListener {
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(_taken) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

struct Process {
    signals: watch::Sender<u32>,
    code: Arc<Mutex<Option<i32>>>,
    tasks: [Option<JoinHandle<()>>; 2],
}

#[async_trait]
impl Running for Process {
    async fn ask_to_end(&mut self) -> io::Result<()> {
        self.signals.send_modify(|count| *count += 1);
        Ok(())
    }

    fn ended(&mut self) -> io::Result<Option<i32>> {
        Ok(*self.code.lock().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.tasks.iter().flatten().for_each(JoinHandle::abort);
    }
}

/// Lets everybody act as everybody.
struct Everybody;

#[async_trait]
impl Authorizer for Everybody {
    async fn authorize(&self, _: &User, _: &Action) -> Result<Decision, Undecided> {
        Ok(Decision::Allowed)
    }
}
