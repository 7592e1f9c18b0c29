//! What must hold of an auditor as a whole, wherever it stands.
use martlet_core::audit::{Event, Lane, Order, Step};
use martlet_core::time::Mono;

use super::Model;
use super::events::{EVENTS, answers, begins};

const BOTH: [Lane; super::LANES] = [Lane(0), Lane(1)];

impl Model {
    /// Every event that answers nothing outstanding must change nothing, and asking twice neither.
    pub fn assert_strays_are_ignored(&self) {
        let now = self.ledger.now;
        let mut asked = self.auditor.clone();
        for lane in [Lane(0), Lane(1), Lane(200)] {
            let step = asked.poll(lane, now);
            let fitting: Vec<_> = EVENTS.iter().map(|event| answers(&step, event)).collect();
            let step = format!("{step:?}");
            let before = asked.clone();
            for (event, fits) in EVENTS.iter().zip(&fitting) {
                assert!(
                    *fits || !asked.handle(lane, now, *event),
                    "a stray {event:?} wakes nobody"
                );
            }
            assert_eq!(asked, before, "an event that answers nothing changes nothing");
            assert_eq!(
                step,
                format!("{:?}", asked.poll(lane, now)),
                "asked twice, it says the same"
            );
            assert_eq!(asked, before, "asking twice changes nothing");
            // One whole answer is enough: what follows it unasked does not depend on which it was.
            let whole = EVENTS.iter().zip(&fitting);
            let mut whole =
                whole.filter(|(it, fits)| **fits && !matches!(it, Event::Device { .. }));
            if let Some((event, _)) = whole.next() {
                let mut answered = before.clone();
                let _ = answered.handle(lane, now, *event);
                let once = answered.clone();
                for stray in &EVENTS {
                    let _ = answered.handle(lane, now, *stray);
                }
                assert_eq!(answered, once, "one answer to {event:?}, and no second unasked");
            }
        }
    }

    /// Whatever `lane` is answered: a lane that waits goes on waiting, unless all are woken.
    pub fn assert_nobody_oversleeps(&self, lane: Lane) {
        let now = self.ledger.now;
        let other = Lane(1 - lane.0);
        let mut before = self.auditor.clone();
        let Step::Wait(until) = before.poll(other, now) else { return };
        let step = before.poll(lane, now);
        let fitting = EVENTS.map(|event| answers(&step, &event));
        for (event, _) in EVENTS.iter().zip(fitting).filter(|(_, fits)| *fits) {
            let mut after = before.clone();
            if !after.handle(lane, now, *event) {
                let then = after.poll(other, now);
                let waits_on = matches!(then, Step::Wait(then) if until <= then);
                assert!(waits_on, "{event:?} wakes nobody, and a lane waits");
            }
        }
    }

    /// Told to stop, every lane leaves within a few turns, whatever it is at, and waits for none that has
    /// stalled.
    pub fn assert_it_can_be_stopped(&self) {
        self.assert_these_leave(&BOTH);
        let answering = self.answering();
        if answering != BOTH {
            self.assert_these_leave(&answering);
        }
    }

    /// Left alone with sound databases, the pass ends: nothing waits for nothing, nor for a lane that has
    /// stalled.
    pub fn assert_it_goes_on(&self) {
        self.assert_pass_ends(&BOTH);
        let answering = self.answering();
        if answering != BOTH {
            self.assert_pass_ends(&answering);
        }
    }

    /// The lanes that have not stalled.
    fn answering(&self) -> Vec<Lane> {
        let accounts = BOTH.into_iter().zip(&self.ledger.accounts);
        accounts.filter(|(_, it)| it.stalled.is_none()).map(|(lane, _)| lane).collect()
    }

    fn assert_these_leave(&self, lanes: &[Lane]) {
        const ENDINGS: [usize; 9] = [22, 20, 19, 13, 30, 7, 2, 0, 32];
        let mut model = self.clone();
        let now = model.ledger.now;
        model.order(Order::Stop);
        let mut left = 0;
        for round in 0..12 {
            left = 0;
            for lane in lanes {
                let before = self.ledger.accounts[usize::from(lane.0)].begun;
                let step = model.auditor.poll(*lane, now);
                left += usize::from(step == Step::Exit);
                let new = begins(&step) && !(before && round == 0);
                assert!(!new, "told to stop, it begins nothing new: {step:?}");
                let _ = model.turn(*lane, &ENDINGS);
            }
        }
        assert_eq!(left, lanes.len(), "told to stop, every lane leaves");
    }

    fn assert_pass_ends(&self, lanes: &[Lane]) {
        const SOUND: [usize; 8] = [2, 7, 8, 14, 20, 22, 27, 32];
        let mut model = self.clone();
        let passes = model.ledger.passes;
        for _ in 0..200 {
            let mut next = Mono::FAR;
            let mut waiting = 0;
            for lane in lanes {
                if let Some(until) = model.turn(*lane, &SOUND) {
                    next = next.min(until);
                    waiting += 1;
                }
            }
            let now = model.ledger.now;
            let left = lanes.iter().all(|lane| model.auditor.poll(*lane, now) == Step::Exit);
            if passes < model.ledger.passes || left {
                return;
            }
            if waiting == lanes.len() {
                assert!(next < Mono::FAR, "every lane waits for another: {:?}", model.auditor);
                model.ledger.now.mono = next;
            }
        }
        panic!("a pass of sound databases never ends");
    }
}
