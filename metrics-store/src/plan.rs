//! Who is asked when, under a budget.

mod kinds;
mod strain;
mod wanted;

#[cfg(test)]
mod tests;

use datadog_query::{Allowance, Answers, BatchLimits, Budget, Query, batches};
use time::{Duration, OffsetDateTime};

pub use self::strain::{Round, Strain};
use self::{kinds::Kinds, strain::Watch, wanted::keep_first};
pub(crate) use self::{
    strain::Life,
    wanted::{Travel, Wanted},
};

/// Decides which queries are asked when. It is told of every call and every answer; what is
/// due, and how urgent it is, the [`Ledger`](crate::Ledger) knows.
///
/// Calls go one by one, spread over the period. Each takes the due queries whose values run
/// out first, and is filled with those that are due next: a call costs as much half empty,
/// and so queries fall into step. What has no time to lose does not wait for its turn. Where
/// the budget has no call left all wait, and so the least urgent wait longest.
#[derive(Debug)]
pub struct Plan {
    period: Duration,
    limits: BatchLimits,
    budget: Budget,
    jitter: fastrand::Rng,
    /// When the next call goes that can wait.
    turn: OffsetDateTime,
    /// How many queries travel together, and which.
    kinds: Kinds,
    watch: Watch,
}

/// What goes out now, and when to ask the plan again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// The calls that go out.
    pub calls: Vec<Call>,
    /// When there may be more, if no answer comes and no query is new before.
    pub again: OffsetDateTime,
    /// That values begin to get too old, or no longer do.
    pub strain: Option<Strain>,
}

/// Queries that go to Datadog in one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The queries.
    pub queries: Vec<Query>,
    /// How far back a value of theirs still counts.
    pub look_back: Duration,
    /// When they are due again.
    pub(crate) due: OffsetDateTime,
}

/// A call comes later than it could by so much of a period, at most: the agents of one
/// organisation do not stay in step.
const JITTER: f64 = 0.05;

/// Calls that would go closer together than that go together: the choice among very many
/// queries takes milliseconds.
const TURN: Duration = Duration::milliseconds(100);

/// What runs out so soon has no time to lose, since an answer takes a moment.
const A_MOMENT: Duration = Duration::seconds(5);

impl Plan {
    /// A plan that asks for every query once a `period`, in calls within these limits, as
    /// far as the budget allows it. Equal seeds make equal plans; agents that share a limit
    /// have seeds of their own.
    pub fn new(period: Duration, limits: BatchLimits, budget: Budget, seed: u64) -> Self {
        let mut jitter = fastrand::Rng::with_seed(seed);
        Self {
            period: period.max(Duration::SECOND),
            kinds: Kinds::new(limits.queries),
            limits,
            budget: budget.in_phase(jitter.f64()),
            jitter,
            turn: OffsetDateTime::UNIX_EPOCH,
            watch: Watch::default(),
        }
    }

    /// What goes out at `now`, of all these that are wanted.
    pub(crate) fn next(
        &mut self,
        wanted: impl Iterator<Item = Wanted>,
        life: Life,
        now: OffsetDateTime,
    ) -> Next {
        let (calls, again) = match self.budget.allowance(now) {
            Allowance::Now(most) => self.calls(wanted, most as usize, now),
            Allowance::From(again) => (Vec::new(), again),
        };
        let round = self.round(life, now);
        let strain = round.and_then(|round| self.watch.turn(round));
        Next {
            calls,
            again,
            strain,
        }
    }

    /// Notes what the answer to a call was like, and returns when the next call may go where
    /// it was refused as one too many.
    pub fn answered(&mut self, answers: &Answers, now: OffsetDateTime) -> Option<OffsetDateTime> {
        // The search for a query that spoils a call takes more than the one that went out.
        let calls = answers.calls.max(1);
        self.budget.spend(calls - 1, now);
        match answers.patience(std::time::Duration::ZERO) {
            None => {
                let limit = answers.rate_limit.as_ref();
                self.budget.answered(calls, limit, now);
                None
            }
            Some(wait) => {
                let told = Some(wait).filter(|wait| !wait.is_zero());
                Some(self.budget.refused(calls, told, now))
            }
        }
    }

    /// Forgets what was told of the limit, since the next calls go to another account.
    pub fn forget_limit(&mut self) {
        self.budget.forget();
    }

    /// How many calls of other kinds than queries may go out at `now`, `most` at most. They
    /// count as gone, and each is [`looked_up`](Self::looked_up) when it is answered.
    pub fn look_ups(&mut self, most: u32, now: OffsetDateTime) -> u32 {
        let calls = match self.budget.allowance(now) {
            Allowance::Now(calls) => calls.min(most),
            Allowance::From(_) => 0,
        };
        self.budget.spend(calls, now);
        calls
    }

    /// Such a call was answered.
    pub fn looked_up(&mut self, now: OffsetDateTime) {
        self.budget.answered(1, None, now);
    }

    /// What it takes to ask for everything once, where a limit is known.
    pub(crate) fn round(&self, life: Life, now: OffsetDateTime) -> Option<Round> {
        let calls = self.calls_in_a_round();
        let takes = self.budget.span(calls, now)?;
        let takes = Duration::try_from(takes).unwrap_or(Duration::MAX);
        let takes = takes.max(self.period);
        Some(Round {
            queries: self.kinds.queries(),
            calls,
            takes,
            // A bucket is known when it has closed, and is the newest until the next closes.
            oldest: takes.saturating_add(life.bucket.saturating_mul(2)),
            max_age: life.max_age,
        })
    }

    fn calls(
        &mut self,
        wanted: impl Iterator<Item = Wanted>,
        most: usize,
        now: OffsetDateTime,
    ) -> (Vec<Call>, OffsetDateTime) {
        self.kinds.clear();
        let (mut due, mut later, mut alone) = (Vec::new(), Vec::new(), Vec::new());
        let mut again = now + self.period;
        for one in wanted {
            if one.travel != Travel::Alone {
                self.kinds.count(one.look_back);
            }
            match one.travel {
                _ if one.due > now => {
                    again = again.min(one.due);
                    if one.travel == Travel::Together {
                        later.push(one);
                    }
                }
                Travel::Alone => alone.push(one),
                Travel::Together | Travel::UnderWay => due.push(one),
            }
        }

        // A query that goes alone takes its place among the others, and costs a whole call.
        alone.sort_unstable_by_key(|one| one.deadline);
        let first = due.iter().map(|one| one.deadline).min();
        let before = alone.partition_point(|one| first.is_none_or(|first| one.deadline < first));
        let (before, after) = alone.split_at(before);
        let calls = self.calls_together(
            due,
            later,
            most.saturating_sub(before.len()),
            &mut again,
            now,
        );
        let on_its_own = |one: &Wanted| (vec![one.query.clone()], one.look_back);
        let calls = before
            .iter()
            .map(on_its_own)
            .chain(calls)
            .chain(after.iter().map(on_its_own));
        let calls: Vec<_> = calls
            .take(most)
            .map(|(queries, look_back)| self.call(queries, look_back, now))
            .collect();
        self.budget.spend(number(calls.len()), now);
        if !calls.is_empty() {
            again = now;
        }
        (calls, again)
    }

    /// The calls for what travels together: one when it is time for one, and as many as
    /// what has no time to lose needs. All are of one kind, that of what runs out first; another
    /// has its turn when the plan is asked again, which is at once.
    fn calls_together(
        &mut self,
        mut due: Vec<Wanted>,
        mut later: Vec<Wanted>,
        most: usize,
        again: &mut OffsetDateTime,
        now: OffsetDateTime,
    ) -> Vec<(Vec<Query>, Duration)> {
        let Some(first) = due.iter().min_by_key(|one| one.deadline) else {
            return Vec::new();
        };
        let (soonest, kind) = (first.deadline, kinds::of(first.look_back));
        due.retain(|one| kinds::of(one.look_back) == kind);
        later.retain(|one| kinds::of(one.look_back) == kind);
        let has_no_time = |one: &&Wanted| {
            one.deadline
                .is_none_or(|deadline| deadline - A_MOMENT <= now)
        };
        let calls_for = |queries: usize| queries.div_ceil(self.limits.queries.get());
        let urgent = calls_for(due.iter().filter(has_no_time).count());
        let of_a_turn = self.calls_in_a_turn();
        // A clock that was set back makes nobody wait.
        let is_time = self.turn <= now || now + self.period < self.turn;
        let in_turn = match is_time {
            true => calls_for(due.len()).min(of_a_turn),
            false => 0,
        };
        let calls = urgent.max(in_turn).min(most);
        if calls == 0 {
            if let Some(soonest) = soonest {
                *again = (*again).min(self.turn).min(soonest - A_MOMENT);
            }
            return Vec::new();
        }
        let room = calls.saturating_mul(self.limits.queries.get());
        keep_first(&mut due, room, |one| one.deadline);
        keep_first(&mut later, room - due.len(), |one| Some(one.due));
        let chosen = || due.iter().chain(&later);
        let look_back = chosen().map(|one| one.look_back).max().unwrap_or_default();
        let (batches, too_long) = batches(chosen().map(|one| one.query.clone()), self.limits);
        let mut calls: Vec<_> = batches
            .iter()
            .take(calls)
            .map(|batch| batch.queries().to_vec())
            .collect();
        self.kinds.went(kind, calls.first().map_or(1, Vec::len));
        let of_a_turn = number(calls.len().clamp(1, of_a_turn));
        self.turn = now + self.period * of_a_turn / self.calls_in_a_round();
        // These fit no call, and their answer says so.
        match calls.first_mut() {
            Some(call) => call.extend(too_long),
            None => calls.push(too_long),
        }
        calls.into_iter().map(|call| (call, look_back)).collect()
    }

    fn call(&mut self, queries: Vec<Query>, look_back: Duration, now: OffsetDateTime) -> Call {
        let due = now + self.period * (1.0 + JITTER * self.jitter.f64());
        Call {
            queries,
            look_back,
            due,
        }
    }

    /// How many calls go together at most, so that turns are not too close.
    fn calls_in_a_turn(&self) -> usize {
        let turns = (self.period / TURN) as usize;
        self.kinds.calls().div_ceil(turns.max(1)).max(1)
    }

    /// How many calls it takes to ask for everything once.
    fn calls_in_a_round(&self) -> u32 {
        number(self.kinds.calls()).max(1)
    }
}

fn number(of: usize) -> u32 {
    of.try_into().unwrap_or(u32::MAX)
}
