//! How many calls may go to Datadog now, so that an organisation's limit is not crossed.

mod others;

#[cfg(test)]
mod tests;

use std::time::Duration;

use time::OffsetDateTime;

use self::others::Others;
use crate::RateLimit;

/// Spreads the calls that an organisation's limit leaves, and keeps a part of them free for
/// its other users: dashboards, monitors, scripts.
///
/// Where nothing is known of the limit, one call goes and the others wait for what it is
/// told: at the start, when a period ends, and when a refused call has been waited out. A
/// server that tells nothing of a limit is asked freely until it refuses.
#[derive(Clone, Debug)]
pub struct Budget {
    /// The part of the limit that is kept free.
    reserve: f64,
    /// How late we come where all of an organisation wait for one moment, from 0 to 1.
    phase: f64,
    others: Others,
    standing: Standing,
    /// The calls that have not been answered.
    under_way: u32,
    /// The calls that may go out ahead of the even pace, which add up while none goes,
    ahead: f64,
    /// and when they were last added up.
    added_up: OffsetDateTime,
    /// The refusals one after the other that did not say for how long.
    untold: u32,
}

/// What is known of the limit.
#[derive(Clone, Copy, Debug)]
enum Standing {
    /// Nothing.
    Unknown,
    /// There is an answer, and it told of no limit.
    Free,
    Told(Told),
    /// A call was one too many.
    Refused {
        at: OffsetDateTime,
        until: OffsetDateTime,
    },
}

/// What the last answer told, less the calls that went out since.
#[derive(Clone, Copy, Debug)]
struct Told {
    remaining: u64,
    limit: u64,
    period: Duration,
    at: OffsetDateTime,
    resets: OffsetDateTime,
}

/// How many calls may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// So many now, at least one.
    Now(u32),
    /// None before this, unless an answer comes that tells otherwise.
    From(OffsetDateTime),
}

/// Datadog tells whole seconds.
const A_SECOND: Duration = Duration::from_secs(1);

/// Those that wait for one moment come within so long after it.
const LATEST: Duration = Duration::from_secs(10);

/// The part of what is left that may go out ahead of the pace: the first round after a
/// start needs no patience, and the rest of the period hardly feels it.
const AHEAD: f64 = 0.05;

/// The part of what is free that others get at most.
const THEIRS: f64 = 0.8;

/// The wait after a refusal that does not say for how long, which doubles with each
const FIRST_WAIT: Duration = Duration::from_secs(60);
/// up to this.
const LONGEST_WAIT: Duration = Duration::from_mins(15);

/// How long to wait for the answer to the one call that finds out, before looking again.
const A_LOOK: Duration = Duration::from_secs(60);

impl Budget {
    /// Keeps so many of a hundred calls free; more than ninety-nine leave none to ask with.
    #[must_use]
    pub fn keeping_free(percent: u8) -> Self {
        Self {
            reserve: f64::from(percent.min(99)) / 100.0,
            phase: 0.0,
            others: Others::default(),
            standing: Standing::Unknown,
            under_way: 0,
            ahead: f64::INFINITY,
            added_up: OffsetDateTime::UNIX_EPOCH,
            untold: 0,
        }
    }

    /// The same budget of one of several clients, which would all come in the second in
    /// which a period begins: this one comes later by its `phase`, from 0 to 1.
    #[must_use]
    pub fn in_phase(self, phase: f64) -> Self {
        let phase = phase.clamp(0.0, 1.0);
        Self { phase, ..self }
    }

    /// Forgets what was told of the limit, since the next calls go to another account.
    pub fn forget(&mut self) {
        *self = Self {
            reserve: self.reserve,
            phase: self.phase,
            under_way: self.under_way,
            ..Self::keeping_free(0)
        };
    }

    /// How many calls may go out at `now`.
    #[must_use]
    pub fn allowance(&self, now: OffsetDateTime) -> Allowance {
        match self.standing(now) {
            Standing::Unknown if self.under_way == 0 => Allowance::Now(1),
            Standing::Unknown => Allowance::From(now + A_LOOK),
            Standing::Free => Allowance::Now(u32::MAX),
            Standing::Refused { until, .. } => Allowance::From(until),
            Standing::Told(told) => {
                let spare = self.spare(&told, now);
                if spare < 1.0 {
                    return Allowance::From(told.resets + self.lateness(told.period));
                }
                let ahead = self.ahead(&told, now);
                if ahead >= 1.0 {
                    return Allowance::Now(ahead as u32);
                }
                let wait = told.left(now).mul_f64((1.0 - ahead) / spare);
                Allowance::From((now + wait + A_TICK).min(told.resets))
            }
        }
    }

    /// So many calls go out at `now`.
    pub fn spend(&mut self, calls: u32, now: OffsetDateTime) {
        self.under_way = self.under_way.saturating_add(calls);
        if let Standing::Told(mut told) = self.standing(now) {
            self.ahead = self.ahead(&told, now) - f64::from(calls);
            self.added_up = now;
            told.remaining = told.remaining.saturating_sub(calls.into());
            self.standing = Standing::Told(told);
        }
    }

    /// So many of the calls that went out were answered, with this of the limit.
    pub fn answered(&mut self, calls: u32, limit: Option<&RateLimit>, now: OffsetDateTime) {
        self.under_way = self.under_way.saturating_sub(calls);
        let before = self.standing(now);
        // A call that went before the refused one tells nothing of what comes after it.
        if let Standing::Refused { .. } = before {
            return;
        }
        self.untold = 0;
        let under_way = u64::from(self.under_way);
        let told = limit.and_then(|limit| Told::of(limit, now));
        self.standing = match (before, told) {
            (Standing::Told(before), Some(mut told)) if before.is_of_the_period_of(&told) => {
                // What we believed is what we took, so the rest was taken by others. The
                // calls under way may be counted already, or not yet.
                let theirs = before.remaining.saturating_sub(told.remaining);
                self.others.took(theirs, now - before.at);
                if under_way > 0 {
                    told.remaining = told.remaining.min(before.remaining);
                }
                Standing::Told(told)
            }
            (_, Some(mut told)) => {
                told.remaining = told.remaining.saturating_sub(under_way);
                Standing::Told(told)
            }
            (Standing::Told(before), None) => Standing::Told(before),
            (_, None) => self.believed(now).map_or(Standing::Free, Standing::Told),
        };
    }

    /// So many of the calls were answered by a refusal as one too many, and Datadog wants to
    /// be left alone for so long, where it said so. Returns when the next call may go.
    pub fn refused(
        &mut self,
        calls: u32,
        wait: Option<Duration>,
        now: OffsetDateTime,
    ) -> OffsetDateTime {
        self.under_way = self.under_way.saturating_sub(calls);
        let until = match (self.standing(now), wait) {
            // Its neighbours of the same moment say nothing new.
            (Standing::Refused { until, .. }, None) => return until,
            (Standing::Refused { until, .. }, Some(wait)) => until.max(self.after(wait, now)),
            (_, Some(wait)) => self.after(wait, now),
            (_, None) => {
                let doubled = 1_u32.checked_shl(self.untold).unwrap_or(u32::MAX);
                self.untold = self.untold.saturating_add(1);
                self.after(FIRST_WAIT.saturating_mul(doubled).min(LONGEST_WAIT), now)
            }
        };
        self.standing = Standing::Refused { at: now, until };
        until
    }

    /// How long so many calls take from `now` on, spread evenly over what this period and
    /// the next ones leave to us; nothing, as long as no limit is known.
    #[must_use]
    pub fn span(&self, calls: u32, now: OffsetDateTime) -> Option<Duration> {
        let calls = f64::from(calls);
        let told = self.believed(now)?;
        let (spare, left) = (self.spare(&told, now).max(0.0), told.left(now));
        if calls <= spare {
            return Some(left.mul_f64(calls / spare));
        }
        let next = told.next(told.resets);
        // A limit that leaves us nothing takes for ever: a call a day tells that as well.
        let a_day = told.period.as_secs_f64() / Duration::from_hours(24).as_secs_f64();
        let a_period = self.spare(&next, next.at).max(a_day);
        Some(left + told.period.mul_f64((calls - spare) / a_period))
    }

    /// The limit as it was told last, in the period of `now`.
    fn believed(&self, now: OffsetDateTime) -> Option<Told> {
        match (self.standing(now), self.standing) {
            (Standing::Told(told), _) => Some(told),
            (_, Standing::Told(told)) => Some(told.next(now)),
            _ => None,
        }
    }

    /// What is known at `now`: a period ends, and so does a wait. A clock that was set back
    /// makes all of it doubtful.
    fn standing(&self, now: OffsetDateTime) -> Standing {
        match self.standing {
            Standing::Told(Told {
                at, resets: end, ..
            })
            | Standing::Refused { at, until: end }
                if now < at || end <= now =>
            {
                Standing::Unknown
            }
            known => known,
        }
    }

    /// The calls of this period that are ours. The others get the reserve and what they
    /// will take if they go on as they did, but not all: whoever takes ever more does not
    /// make us wait for ever.
    fn spare(&self, told: &Told, now: OffsetDateTime) -> f64 {
        let free = told.remaining as f64 - told.limit as f64 * self.reserve;
        let theirs = self.others.rate() * told.left(now).as_secs_f64();
        free - theirs.min(free * THEIRS).max(0.0)
    }

    /// The calls that may go out ahead of the pace at `now`.
    fn ahead(&self, told: &Told, now: OffsetDateTime) -> f64 {
        let (spare, left) = (self.spare(told, now).max(0.0), told.left(now));
        let idle = (now - self.added_up).as_seconds_f64().max(0.0);
        let grown = self.ahead + idle * spare / left.as_secs_f64().max(1.0);
        grown.min((spare * AHEAD).max(1.0))
    }

    fn after(&self, wait: Duration, now: OffsetDateTime) -> OffsetDateTime {
        now + wait + A_SECOND + self.lateness(wait)
    }

    /// How much later than the others we come, who all waited for so long.
    fn lateness(&self, wait: Duration) -> Duration {
        LATEST.min(wait / 20).mul_f64(self.phase)
    }
}

/// Rounding is not to wake anybody a moment too early.
const A_TICK: Duration = Duration::from_micros(1);

impl Told {
    /// What an answer at `now` tells, where it tells what is left and until when.
    fn of(limit: &RateLimit, now: OffsetDateTime) -> Option<Self> {
        let (remaining, reset) = (limit.remaining?, limit.reset?);
        Some(Self {
            remaining,
            limit: limit.limit.unwrap_or(remaining),
            period: limit.period.unwrap_or(reset).max(A_SECOND),
            at: now,
            resets: now + reset + A_SECOND,
        })
    }

    /// A whole limit, in the period after this one that `now` falls into.
    fn next(self, now: OffsetDateTime) -> Self {
        let period = self.period.as_secs_f64();
        let gone = (now - self.resets).as_seconds_f64().max(0.0) % period;
        Self {
            remaining: self.limit,
            at: now,
            resets: now + Duration::from_secs_f64(period - gone),
            ..self
        }
    }

    fn left(&self, now: OffsetDateTime) -> Duration {
        (self.resets - now).try_into().unwrap_or_default()
    }

    /// Periods do not overlap, and the ends that are told of one differ by a second or two.
    fn is_of_the_period_of(&self, other: &Self) -> bool {
        (self.resets - other.resets).unsigned_abs() < (self.period / 2).max(A_SECOND)
    }
}
