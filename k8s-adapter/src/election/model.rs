//! Several candidates, and a true time that none of them knows: requests and answers take
//! as long as they like or are lost, replicas die and start again, clocks differ and run
//! at different rates.

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::{
    api::coordination::v1::LeaseSpec, apimachinery::pkg::apis::meta::v1::MicroTime, jiff::Timestamp,
};
use proptest::{collection::vec, prelude::*};
use tokio::time::Instant;

use super::{
    Timing,
    candidate::{Candidate, Look, Step},
};

/// Milliseconds of the true time.
type Time = u64;

/// How the network treats one request.
#[derive(Clone, Copy, Debug)]
struct Passage {
    there: Time,
    back: Time,
    request_lost: bool,
    answer_lost: bool,
}

/// What happens to the world from outside.
#[derive(Clone, Copy, Debug)]
enum Blow {
    /// A replica ends without a word,
    Dies(usize),
    /// and starts anew.
    Starts(usize),
    /// The Lease is deleted by hand.
    Deleted,
}

#[derive(Clone, Debug)]
enum Event {
    Blow(Blow),
    Wakes,
    GivesUp,
    GetArrives(Passage),
    Found(Option<(u64, LeaseSpec)>),
    ClaimArrives(Passage, Option<u64>, LeaseSpec),
    Answered(Option<LeaseSpec>),
}

struct Replica {
    name: String,
    timing: Timing,
    /// Its own time is this far from, and passes at this per cent of, the true one.
    offset: Duration,
    rate: u32,
    candidate: Candidate,
    alive: bool,
    /// Of the look that is under way; what belongs to another one is not heard.
    look: u64,
    sent: Instant,
}

struct World {
    epoch: Instant,
    now: Time,
    events: BTreeMap<(Time, u64), (usize, u64, Event)>,
    scheduled: u64,
    version: u64,
    lease: Option<(u64, LeaseSpec)>,
    replicas: Vec<Replica>,
    passages: Vec<Passage>,
    deleted: Option<Time>,
}

/// A quick network.
const QUICK: Passage = Passage {
    there: 5,
    back: 5,
    request_lost: false,
    answer_lost: false,
};

/// The widest rates in the model: 100 % and 80 % of them are 1.25 apart.
const SLOWEST: u32 = 80;

impl World {
    /// Replicas of these timings, offsets in seconds and rates, which all start at once.
    fn of(replicas: &[(Timing, u32, u32)], passages: Vec<Passage>) -> Self {
        let epoch = Instant::now();
        let mut world = Self {
            epoch,
            now: 0,
            events: BTreeMap::new(),
            scheduled: 0,
            version: 0,
            lease: None,
            replicas: Vec::new(),
            passages,
            deleted: None,
        };
        for (index, &(timing, offset, rate)) in replicas.iter().enumerate() {
            let name = format!("replica-{index}");
            world.replicas.push(Replica {
                candidate: Candidate::new(name.clone(), timing),
                name,
                timing,
                offset: Duration::from_secs(offset.into()),
                rate,
                alive: true,
                look: 0,
                sent: epoch,
            });
            world.schedule(0, index, Event::Wakes);
        }
        world
    }

    fn schedule(&mut self, at: Time, replica: usize, event: Event) {
        self.scheduled += 1;
        let look = self.replicas[replica].look;
        self.events
            .insert((at, self.scheduled), (replica, look, event));
    }

    /// What the replica's monotonic clock shows at this true time.
    fn local(&self, replica: usize, at: Time) -> Instant {
        let Replica { offset, rate, .. } = self.replicas[replica];
        self.epoch + offset + Duration::from_millis(at) * rate / 100
    }

    /// The first true time at which the replica's clock shows this.
    fn truly(&self, replica: usize, local: Instant) -> Time {
        let Replica { offset, rate, .. } = self.replicas[replica];
        let passed = (local - self.epoch).saturating_sub(offset).as_nanos();
        Time::try_from(passed.div_ceil(u128::from(rate) * 10_000)).unwrap()
    }

    /// What the replica writes as the present: minutes from the true time.
    fn written(&self, replica: usize) -> MicroTime {
        let local = self.local(replica, self.now) - self.epoch;
        MicroTime(Timestamp::from_millisecond(i64::try_from(local.as_millis()).unwrap()).unwrap())
    }

    fn passage(&mut self) -> Passage {
        self.passages.pop().unwrap_or(QUICK)
    }

    fn leaders(&self) -> Vec<usize> {
        let leads = |index: &usize| {
            let replica = &self.replicas[*index];
            replica.alive && replica.candidate.leads_at(self.local(*index, self.now))
        };
        (0..self.replicas.len()).filter(leads).collect()
    }

    /// Goes on until this time, or until `enough` after an event.
    fn run(&mut self, end: Time, mut enough: impl FnMut(&Self) -> bool) {
        while let Some(entry) = self.events.first_entry()
            && entry.key().0 <= end
        {
            let ((at, _), (replica, look, event)) = entry.remove_entry();
            self.now = at;
            self.happens(replica, look, event);
            let leaders = self.leaders();
            assert!(
                leaders.len() <= 1 || self.deleted_lately(),
                "{leaders:?} lead at {at}"
            );
            if enough(self) {
                return;
            }
        }
        self.now = end;
    }

    /// Whether a leader may not have heard yet that its Lease was deleted.
    fn deleted_lately(&self) -> bool {
        let deadline = self.replicas.iter().map(|it| it.timing.renew_deadline);
        let bound = deadline.max().unwrap_or_default() * 100 / SLOWEST;
        self.deleted
            .is_some_and(|deleted| self.now - deleted <= Time::try_from(bound.as_millis()).unwrap())
    }

    fn happens(&mut self, index: usize, look: u64, event: Event) {
        let local = self.local(index, self.now);
        let heard = self.replicas[index].alive && self.replicas[index].look == look;
        match event {
            Event::Blow(Blow::Dies(index)) => self.replicas[index].alive = false,
            Event::Blow(Blow::Starts(index)) => self.start(index),
            Event::Blow(Blow::Deleted) => {
                self.lease = None;
                self.deleted = Some(self.now);
            }
            // A request is on its way whether or not anybody waits for the answer.
            Event::GetArrives(passage) => {
                if !passage.answer_lost {
                    let found = self.lease.clone();
                    self.answer(index, look, passage, Event::Found(found));
                }
            }
            Event::ClaimArrives(passage, version, spec) => {
                let accepted = version == self.lease.as_ref().map(|(version, _)| *version);
                if accepted {
                    self.version += 1;
                    self.lease = Some((self.version, spec.clone()));
                }
                if !passage.answer_lost {
                    let answer = Event::Answered(accepted.then_some(spec));
                    self.answer(index, look, passage, answer);
                }
            }
            _ if !heard => {}
            Event::Wakes => {
                self.replicas[index].look += 1;
                let gives_up = self.replicas[index].candidate.gives_up(local);
                let gives_up = self.truly(index, gives_up);
                self.schedule(gives_up, index, Event::GivesUp);
                let passage = self.passage();
                self.send(index, passage, Event::GetArrives(passage));
            }
            Event::Found(found) => {
                let time = self.written(index);
                let (version, spec) = found.unzip();
                match self.replicas[index].candidate.look(spec, local, &time) {
                    Step::Follow { until, .. } => self.sleep(index, Look::Followed { until }),
                    Step::Claim(spec) => {
                        self.replicas[index].sent = local;
                        let passage = self.passage();
                        self.send(index, passage, Event::ClaimArrives(passage, version, spec));
                    }
                }
            }
            Event::Answered(Some(spec)) => {
                let sent = self.replicas[index].sent;
                self.replicas[index].candidate.wrote(spec, sent);
                self.sleep(index, Look::Wrote);
            }
            Event::Answered(None) => self.sleep(index, Look::Raced),
            Event::GivesUp => self.sleep(index, Look::Failed),
        }
    }

    fn start(&mut self, index: usize) {
        let replica = &mut self.replicas[index];
        if !replica.alive {
            replica.alive = true;
            replica.look += 1;
            replica.candidate = Candidate::new(replica.name.clone(), replica.timing);
            self.schedule(self.now, index, Event::Wakes);
        }
    }

    fn send(&mut self, index: usize, passage: Passage, event: Event) {
        if !passage.request_lost {
            self.schedule(self.now + passage.there, index, event);
        }
    }

    fn answer(&mut self, index: usize, look: u64, passage: Passage, event: Event) {
        self.scheduled += 1;
        let at = self.now + passage.back;
        self.events
            .insert((at, self.scheduled), (index, look, event));
    }

    fn sleep(&mut self, index: usize, last: Look) {
        let local = self.local(index, self.now);
        let replica = &mut self.replicas[index];
        replica.look += 1;
        let wakes = replica.candidate.looks_again(local, last);
        let wakes = self.truly(index, wakes);
        self.schedule(wakes, index, Event::Wakes);
    }
}

fn timings() -> impl Strategy<Value = Timing> {
    prop_oneof![
        Just(Timing::default()),
        Just(Timing::of(Duration::from_secs(15)).unwrap()),
    ]
}

fn replicas() -> impl Strategy<Value = Vec<(Timing, u32, u32)>> {
    vec((timings(), 0..600_u32, SLOWEST..=100), 2..5)
}

/// From what comes at once to what comes when nobody waits for it any longer.
fn passages() -> impl Strategy<Value = Vec<Passage>> {
    let delay = || prop_oneof![4 => 0..200_u64, 1 => 0..40_000_u64];
    let passage = (
        delay(),
        delay(),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(there, back, request_lost, answer_lost)| Passage {
            there,
            back,
            request_lost,
            answer_lost,
        });
    vec(passage, 0..120)
}

fn blows(with_deletions: bool) -> impl Strategy<Value = Vec<(Time, Blow)>> {
    let blow = prop_oneof![
        3 => (0..5_usize).prop_map(Blow::Dies),
        3 => (0..5_usize).prop_map(Blow::Starts),
        u32::from(with_deletions) => Just(Blow::Deleted),
    ];
    vec((0..600_000_u64, blow), 0..20)
}

fn suffer(world: &mut World, blows: &[(Time, Blow)]) {
    for &(at, blow) in blows {
        let known = match blow {
            Blow::Dies(index) | Blow::Starts(index) => index < world.replicas.len(),
            Blow::Deleted => true,
        };
        if known {
            world.schedule(at, 0, Event::Blow(blow));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn two_never_lead_and_somebody_leads_again_when_the_storm_is_over(
        replicas in replicas(), passages in passages(), blows in blows(false),
    ) {
        let mut world = World::of(&replicas, passages);
        suffer(&mut world, &blows);
        world.run(600_000, |_| false);
        world.passages.clear();
        world.start(0);
        // The longest Lease and retry period, by the slowest clock, and a late request's.
        let (storm_over, bound) = (world.now, (60_000 + 15_000) * 100 / 80 + 40_000 + 1_000);
        world.run(storm_over + bound, |world| !world.leaders().is_empty());
        prop_assert!(!world.leaders().is_empty(), "nobody leads {bound} ms after the storm");
    }

    #[test]
    fn a_deleted_lease_makes_no_second_leader_for_longer_than_the_renew_deadline(
        replicas in replicas(), passages in passages(), blows in blows(true),
    ) {
        let mut world = World::of(&replicas, passages);
        suffer(&mut world, &blows);
        world.run(600_000, |_| false);
    }

    #[test]
    fn after_a_death_somebody_leads_within_the_lease_and_a_retry_period(
        offsets in vec(0..600_u32, 2..5), starts in vec(0..60_000_u64, 4), death in 100_000..200_000_u64,
    ) {
        let timing = Timing::default();
        let replicas: Vec<_> = offsets.iter().map(|offset| (timing, *offset, 100)).collect();
        let mut world = World::of(&replicas, Vec::new());
        for (index, start) in (1..replicas.len()).zip(starts) {
            world.replicas[index].alive = false;
            world.schedule(start, index, Event::Blow(Blow::Starts(index)));
        }
        world.run(death, |_| false);
        let leaders = world.leaders();
        prop_assert_eq!(leaders.len(), 1);
        world.replicas[leaders[0]].alive = false;
        let bound = 60_000 + 15_000 + 50;
        world.run(death + bound, |world| !world.leaders().is_empty());
        prop_assert!(!world.leaders().is_empty(), "nobody leads {bound} ms after the death");
    }
}
