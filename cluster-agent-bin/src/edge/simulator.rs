//! The socket of the simulated Datadog.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use datadog_query::simulator::{Delivery, Simulator};
use futures_util::FutureExt;
use http::{HeaderValue, Request, Response, header::CONTENT_LENGTH};
use http_body_util::{BodyExt, Limited};
use hyper::{
    body::{Body, Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use provider_api::Clock;
use tokio::{
    net::TcpListener,
    time::{Sleep, sleep},
};
use tracing::debug;

use crate::edge::WallClock;

/// More than any call to it has reason to send.
const MOST_BYTES: usize = 1 << 20;

/// A bound socket on which a [`Simulator`] answers.
pub(crate) struct SimulatedDatadog {
    listener: TcpListener,
    address: SocketAddr,
}

impl SimulatedDatadog {
    /// Takes the address; port 0 means any free port.
    pub(crate) async fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Where it is reached.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers until it is dropped.
    pub(crate) async fn serve(self, simulator: Arc<Simulator>, clock: WallClock) -> Infallible {
        loop {
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    debug!(%error, "cannot accept a connection");
                    sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let simulator = Arc::clone(&simulator);
            tokio::spawn(async move {
                let answer = service_fn(|request| answer(&simulator, clock, request));
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .serve_connection(TokioIo::new(stream), answer);
                if let Err(error) = connection.await {
                    debug!(%error, "a connection ended early");
                }
            });
        }
    }
}

async fn answer(
    simulator: &Simulator,
    clock: WallClock,
    request: Request<Incoming>,
) -> io::Result<Response<Delivered>> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, MOST_BYTES)
        .collect()
        .await
        .map_err(io::Error::other)?
        .to_bytes();
    let answer = simulator.answer(&Request::from_parts(parts, body), clock.now());
    match answer.delivery {
        Delivery::After(pause) => sleep(pause).await,
        Delivery::HangUp => return Err(io::Error::other("the scenario hangs up")),
        Delivery::AtOnce | Delivery::Trickled { .. } | Delivery::CutOff { .. } => {}
    }
    let (mut parts, bytes) = answer.response.into_parts();
    // The length of the whole, whatever part of it is delivered.
    parts
        .headers
        .insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    Ok(Response::from_parts(
        parts,
        Delivered::of(bytes, answer.delivery),
    ))
}

/// A body that is delivered as the scenario wants it.
struct Delivered {
    left: Bytes,
    pace: Pace,
}

enum Pace {
    Whole,
    /// This many bytes are sent, then the connection breaks.
    CutOff(usize),
    /// A byte each time the pause is over.
    Trickled(Duration, Pin<Box<Sleep>>),
}

impl Delivered {
    fn of(left: Bytes, delivery: Delivery) -> Self {
        let pace = match delivery {
            Delivery::CutOff { after } => Pace::CutOff(after),
            Delivery::Trickled { pause } => Pace::Trickled(pause, Box::pin(sleep(pause))),
            Delivery::AtOnce | Delivery::After(_) | Delivery::HangUp => Pace::Whole,
        };
        Self { left, pace }
    }
}

impl Body for Delivered {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Self { left, pace } = &mut *self;
        let length = match pace {
            Pace::CutOff(0) => {
                return Poll::Ready(Some(Err(io::Error::other(
                    "the scenario cuts the answer off",
                ))));
            }
            _ if left.is_empty() => return Poll::Ready(None),
            Pace::Whole => left.len(),
            Pace::CutOff(after) => std::mem::take(after).min(left.len()),
            Pace::Trickled(pause, next) => {
                std::task::ready!(next.poll_unpin(context));
                *next = Box::pin(sleep(*pause));
                1
            }
        };
        Poll::Ready(Some(Ok(Frame::data(left.split_to(length)))))
    }
}
