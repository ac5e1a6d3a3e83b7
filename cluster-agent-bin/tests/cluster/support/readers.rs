//! Reading all the time, while something goes wrong.

mod count;

use std::{
    ops::Range,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use time::OffsetDateTime;

use self::count::{Count, Lap};
use super::{Truth, certificates::PairFiles, http};

/// Between two reads of one reader.
const PACE: Duration = Duration::from_millis(100);

/// Threads that read the truth all the time, each at one place through a connection that it
/// keeps, until they are dropped.
pub(crate) struct Readers(Vec<Reader>);

struct Reader {
    place: String,
    seen: Arc<Mutex<Count>>,
    /// Its end is the end of the thread.
    _running: mpsc::Sender<()>,
}

impl Readers {
    /// Reads the metrics of these shops at these places: a name and the beginning of a URL
    /// each. The certificate says who reads.
    pub(crate) fn start(
        truth: Truth,
        shops: Range<u32>,
        certificate: &PairFiles,
        places: &[(&str, String)],
    ) -> Self {
        let reader = |(place, base): &(&str, String)| {
            let (running, stop) = mpsc::channel::<()>();
            let seen = Arc::new(Mutex::new(Count::since(moment())));
            let (shops, base) = (shops.clone(), base.clone());
            let (client, counted) = (http::reader(certificate), Arc::clone(&seen));
            thread::spawn(move || {
                for shop in shops.cycle() {
                    let answer = client.get(&format!("{base}{}", Truth::path("default", shop)));
                    let judged = answer.map(|list| truth.judge(shop, &list, now()));
                    count(&counted).note(judged, moment());
                    // Waits for the end, and so keeps the pace.
                    if stop.recv_timeout(PACE) != Err(mpsc::RecvTimeoutError::Timeout) {
                        return;
                    }
                }
            });
            Reader {
                place: (*place).to_owned(),
                seen,
                _running: running,
            }
        };
        Self(places.iter().map(reader).collect())
    }

    /// What was seen since the last lap, or the start. Printed as the rows of a table.
    pub(crate) fn lap(&self, what: &str) -> Lap {
        let take = |reader: &Reader| {
            let seen = count(&reader.seen).take(moment());
            (reader.place.clone(), seen)
        };
        let lap = Lap::new(what, self.0.iter().map(take).collect());
        println!("{lap}");
        lap
    }
}

fn count(seen: &Mutex<Count>) -> std::sync::MutexGuard<'_, Count> {
    seen.lock().expect("nobody panics under this lock")
}

#[expect(
    clippy::disallowed_methods,
    reason = "other processes are measured, and they live by the real clock"
)]
pub(super) fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

#[expect(clippy::disallowed_methods, reason = "as above")]
fn moment() -> Instant {
    Instant::now()
}
