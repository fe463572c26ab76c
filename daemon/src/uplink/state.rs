//! What the uplink does next: a state machine that is told what happened and when, and answers
//! with what to do. It touches no socket, no clock and no disk.
//!
//! Its rules (`design/wire.md`): only the cloud's own acknowledgement moves a mark; every line
//! begins with a `hello` for each outbox that has something to say, and nothing of an outbox is
//! sent before that was answered; a window of events goes out from the mark, what is written
//! meanwhile goes out at once beside it; where the mark stands still although something is
//! outstanding, everything from the mark goes out again.

use std::collections::BTreeSet;
use std::time::Duration;

use uuid::Uuid;

mod pace;

pub use pace::{Pace, Random};

/// Time since some moment that never changes, as a monotonic clock tells it.
pub type Time = Duration;

/// How many events of a backlog are under way at once.
pub const WINDOW: u64 = 256;
/// How many events may be sent ahead of the backlog; more wait for their turn.
const MOST_EARLY: usize = 1024;

/// How long nothing may move before it is said again, at first and at most.
const AGAIN: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));
/// So often the same is sent to a cloud that says that it holds nothing, before that is believed.
const REPEATS: u32 = 3;
/// How long a line may take to open, subscriptions and all; past it another one is tried.
const OPENING: Duration = Duration::from_secs(60);
/// How long to wait before the next try to connect, at first and at most.
const CONNECT: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));

/// An outbox as the terminal's database knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Which.
    pub outbox: Uuid,
    /// The first event that is still kept; `next` where none is.
    pub oldest: u64,
    /// The number that the next event would get.
    pub next: u64,
    /// The cloud holds every event up to this one, by its own word.
    pub through: u64,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Nothing but time passed.
    Tick,
    /// A line is open: a new session begins.
    Opened,
    /// The line is gone, or could not be opened.
    Lost,
    /// Events were written.
    Written {
        /// To which outbox.
        outbox: Uuid,
        /// The number that its next event would get.
        next: u64,
    },
    /// The cloud's acknowledgement, signed by the site's key for this session.
    Ack {
        /// Of which outbox.
        outbox: Uuid,
        /// It holds everything up to this event.
        through: u64,
        /// The state of the cloud's database.
        epoch: Uuid,
    },
    /// A new outbox was begun, as [`Output::Begin`] asked.
    Began {
        /// The old one, as far as both ends agree.
        old: Stretch,
        /// The new one; it says again what came after.
        new: Stretch,
    },
    /// The cloud says that an outbox has forked: another one is to be begun, and what comes after
    /// `after` is to be sent again.
    Forked {
        /// Which outbox.
        outbox: Uuid,
        /// The last event on which both agree.
        after: u64,
    },
    /// What a status says has changed.
    Changed,
    /// A page that does not fit what is held, or could not be applied and proved: the cloud must
    /// be told again what is held.
    Misfit,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Open a line, with a fresh session.
    Connect,
    /// Say `hello` for this outbox.
    Hello(Uuid),
    /// Send these events of an outbox, both ends included.
    Send {
        /// Of which outbox.
        outbox: Uuid,
        /// The first.
        from: u64,
        /// The last.
        to: u64,
    },
    /// Remember what the cloud holds.
    Keep {
        /// Of which outbox.
        outbox: Uuid,
        /// Everything up to this event.
        through: u64,
    },
    /// The cloud holds no more than this of what it acknowledged: remember that.
    Lower {
        /// Of which outbox.
        outbox: Uuid,
        /// Everything up to this event.
        through: u64,
    },
    /// Remember a new state of the cloud's database; every mark begins again at nothing.
    Epoch(Uuid),
    /// Begin a new outbox, and say in it again what the current one says after `after`: the cloud
    /// holds other events under those numbers. Asked again until [`Input::Began`] says that it is
    /// there.
    Begin {
        /// The outbox to be left.
        old: Uuid,
        /// The last event on which both may agree.
        after: u64,
    },
    /// Say what is held of the roster: once the cloud answered in a session, and after a misfit.
    Prove,
    /// Send a status.
    Status,
}

/// One outbox on its way out.
#[derive(Debug)]
struct Lane {
    of: Stretch,
    /// Said hello for in this session.
    greeted: bool,
    /// The hello was answered in this session.
    answered: bool,
    /// The cloud acknowledged that much before this session: less can't come in it, but for an answer to a hello.
    acknowledged: u64,
    /// It says that it holds nothing, which after a hello may only mean that it can't tell.
    is_empty_there: bool,
    /// How often the same was sent again without anything coming of it.
    repeats: u32,
    /// The next event to send in order.
    cursor: u64,
    /// What was sent ahead of the cursor.
    early: BTreeSet<u64>,
    /// When the mark last moved, or what is outstanding was last sent.
    since: Time,
    again: Pace,
}

impl Lane {
    fn new(of: Stretch) -> Self {
        let mut lane = Self {
            of,
            greeted: false,
            answered: false,
            acknowledged: of.through,
            is_empty_there: false,
            repeats: 0,
            cursor: 0,
            early: BTreeSet::new(),
            since: Time::ZERO,
            again: Pace::new(AGAIN),
        };
        lane.rewind();
        lane
    }

    fn is_done(&self) -> bool {
        self.of.through + 1 >= self.of.next
    }

    /// The first event that is not acknowledged and still kept.
    fn first(&self) -> u64 {
        (self.of.through + 1).max(self.of.oldest)
    }

    fn rewind(&mut self) {
        self.cursor = self.first();
        self.early.clear();
    }

    fn outstanding(&self) -> bool {
        self.cursor > self.first() || !self.early.is_empty()
    }

    fn forget_session(&mut self) {
        self.greeted = false;
        self.answered = false;
        self.acknowledged = self.of.through;
        self.is_empty_there = false;
        self.repeats = 0;
        self.again.reset();
        self.rewind();
    }

    /// Whether an acknowledgement says that the cloud holds less than it said it does: it was put back to an older
    /// state, or the mark was kept wrong here. Nothing in answer to a hello says only that the cloud does not know the
    /// last event, which it can't where that is still to be sent.
    fn is_forgotten(&self, through: u64, is_answer: bool) -> bool {
        through < self.acknowledged && (through > 0 || is_answer && self.is_done())
    }

    /// Takes the mark back, as far as what comes after it is kept.
    fn lower(&mut self, now: Time, through: u64) -> Output {
        let kept = self.of.oldest.saturating_sub(1);
        self.of.through = self.of.through.min(through.max(kept));
        self.acknowledged = self.of.through;
        self.since = now;
        self.again.reset();
        self.repeats = 0;
        self.rewind();
        Output::Lower {
            outbox: self.of.outbox,
            through: self.of.through,
        }
    }

    /// What was sent and is not acknowledged, in runs of consecutive numbers.
    fn under_way(&self) -> Vec<(u64, u64)> {
        let mut runs: Vec<(u64, u64)> = Vec::new();
        if self.cursor > self.first() {
            runs.push((self.first(), self.cursor - 1));
        }
        for &seq in &self.early {
            match runs.last_mut() {
                Some((_, to)) if *to + 1 == seq => *to = seq,
                _ => runs.push((seq, seq)),
            }
        }
        runs
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// Not connected; the next try is due then.
    Down(Time),
    /// A try is under way, and is given up then.
    Opening(Time),
    /// Connected.
    Up,
}

/// The uplink's state.
#[derive(Debug)]
pub struct Uplink {
    line: Line,
    connect: Pace,
    /// Old outboxes first, the current one last.
    lanes: Vec<Lane>,
    /// States of the cloud's database that were met; the last one is believed.
    epochs: Vec<Uuid>,
    hello_at: Time,
    hello_again: Pace,
    /// What is held of the roster was said in this session.
    proved: bool,
    /// Something came that does not fit: a hello is due, as soon as the last one is old enough.
    misfit: bool,
    status_every: Duration,
    status_at: Time,
    status_due: bool,
    /// A new outbox was asked for and is not there yet: which one is to be left and after which
    /// event, and when it is asked for again.
    beginning: Option<(Uuid, u64, Time)>,
    random: Random,
}

impl Uplink {
    /// A machine that stands still until its first [`Input::Tick`]. `outboxes` are those that
    /// keep events, in order of birth, the current one last; `epochs` in the order in which they
    /// were met.
    ///
    /// # Panics
    /// When there is no outbox: there always is a current one.
    pub fn new(outboxes: &[Stretch], epochs: Vec<Uuid>, status_every: Duration, seed: u64) -> Self {
        assert!(!outboxes.is_empty(), "there is a current outbox");
        Self {
            line: Line::Down(Time::ZERO),
            connect: Pace::new(CONNECT),
            lanes: outboxes.iter().copied().map(Lane::new).collect(),
            epochs,
            hello_at: Time::ZERO,
            hello_again: Pace::new(AGAIN),
            proved: false,
            misfit: false,
            status_every,
            status_at: Time::ZERO,
            status_due: false,
            beginning: None,
            random: Random::new(seed),
        }
    }

    /// Whether the cloud holds everything that was written, by its own word.
    pub fn is_drained(&self) -> bool {
        self.beginning.is_none() && self.lanes.iter().all(Lane::is_done)
    }

    /// Whether a hello of this session was answered.
    pub fn is_answered(&self) -> bool {
        self.line == Line::Up && self.lanes.iter().any(|lane| lane.answered)
    }

    /// When [`Input::Tick`] is wanted at the latest.
    pub fn wake_at(&self) -> Time {
        match self.line {
            Line::Down(at) | Line::Opening(at) => at,
            Line::Up => {
                let hello = (self.misfit || self.lanes.iter().any(|l| l.greeted && !l.answered))
                    .then(|| self.hello_at.saturating_add(self.hello_again.wait()));
                let again = self
                    .lanes
                    .iter()
                    .filter(|lane| lane.outstanding())
                    .map(|lane| lane.since.saturating_add(lane.again.wait()));
                let status = self
                    .is_answered()
                    .then(|| self.status_at.saturating_add(self.status_every));
                let begin = self.beginning.map(|(_, _, at)| at);
                again
                    .chain(hello)
                    .chain(status)
                    .chain(begin)
                    .min()
                    .unwrap_or(Time::MAX)
            }
        }
    }

    /// What to do about what happened at `now`, in this order.
    pub fn handle(&mut self, now: Time, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        match input {
            Input::Tick => {}
            Input::Opened => self.opened(now, &mut out),
            Input::Lost => self.lost(now),
            Input::Written { outbox, next } => self.written(now, outbox, next, &mut out),
            Input::Ack {
                outbox,
                through,
                epoch,
            } => self.acknowledged(now, outbox, through, epoch, &mut out),
            Input::Began { old, new } => self.began(old, new),
            Input::Forked { outbox, after } => self.forked(now, outbox, after, &mut out),
            Input::Changed => self.status_due = true,
            Input::Misfit => {
                self.misfit = self.line == Line::Up;
                self.proved = false;
            }
        }
        self.due(now, &mut out);
        out
    }

    fn opened(&mut self, now: Time, out: &mut Vec<Output>) {
        self.line = Line::Up;
        self.hello_again.reset();
        self.misfit = false;
        self.proved = false;
        for lane in &mut self.lanes {
            lane.forget_session();
        }
        self.status_due = true;
        self.greet(now, out);
    }

    fn lost(&mut self, now: Time) {
        if self.is_answered() {
            self.connect.reset();
        }
        let wait = self.connect.wait();
        self.connect.slower(&mut self.random);
        self.line = Line::Down(now.saturating_add(wait));
        for lane in &mut self.lanes {
            lane.forget_session();
        }
    }

    /// Says hello for every outbox that has something to say and was not greeted yet; for the
    /// current one always.
    fn greet(&mut self, now: Time, out: &mut Vec<Output>) {
        let last = self.lanes.len() - 1;
        for (place, lane) in self.lanes.iter_mut().enumerate() {
            if !lane.greeted && (place == last || !lane.is_done()) {
                lane.greeted = true;
                self.hello_at = now;
                out.push(Output::Hello(lane.of.outbox));
            }
        }
    }

    fn written(&mut self, now: Time, outbox: Uuid, next: u64, out: &mut Vec<Output>) {
        let Some(place) = self.lanes.iter().position(|l| l.of.outbox == outbox) else {
            return;
        };
        let lane = &mut self.lanes[place];
        let from = lane.of.next;
        if next <= from {
            return;
        }
        lane.of.next = next;
        if self.line != Line::Up || !lane.answered {
            return;
        }
        // In order where the window reaches it; else beside the backlog, and at once.
        let is_in_order = lane.cursor == from && next <= lane.first().saturating_add(WINDOW);
        if is_in_order && self.pumped() == Some(place) {
            return;
        }
        let lane = &mut self.lanes[place];
        let room = (MOST_EARLY.saturating_sub(lane.early.len())) as u64;
        let to = next.min(from.saturating_add(room));
        if from < to {
            if !lane.outstanding() {
                lane.since = now;
            }
            lane.early.extend(from..to);
            out.push(Output::Send {
                outbox: lane.of.outbox,
                from,
                to: to - 1,
            });
        }
    }

    fn acknowledged(
        &mut self,
        now: Time,
        outbox: Uuid,
        through: u64,
        epoch: Uuid,
        out: &mut Vec<Output>,
    ) {
        if self.line != Line::Up || !self.lanes.iter().any(|lane| lane.of.outbox == outbox) {
            return;
        }
        if self.epochs.last() != Some(&epoch) {
            if self.epochs.contains(&epoch) {
                return;
            }
            self.new_epoch(epoch, out);
        }
        let current = self.lanes.len() - 1;
        let Some(place) = self.lanes.iter().position(|l| l.of.outbox == outbox) else {
            return;
        };
        let lane = &mut self.lanes[place];
        let is_answer = !lane.answered;
        lane.is_empty_there = through == 0 && lane.acknowledged > 0;
        if lane.is_forgotten(through, is_answer) {
            out.push(lane.lower(now, through));
        }
        let is_first = !self.proved;
        self.proved = true;
        if is_first {
            out.push(Output::Prove);
        }
        if is_answer {
            lane.answered = true;
            lane.since = now;
            lane.rewind();
            self.connect.reset();
        }
        if through >= lane.of.next && place == current {
            // The cloud has what was never written here: this disk was put back to an older
            // state, or another one writes the same outbox.
            let after = lane.of.through;
            self.forked(now, outbox, after, out);
            return;
        }
        // The tail of an outbox that was left is said again in the one that followed.
        let reached = through.min(lane.of.next - 1);
        if reached > lane.of.through {
            lane.of.through = reached;
            lane.cursor = lane.cursor.max(reached + 1);
            lane.early = lane.early.split_off(&(reached + 1));
            lane.since = now;
            lane.again.reset();
            lane.repeats = 0;
            out.push(Output::Keep {
                outbox,
                through: reached,
            });
        }
    }

    /// Leaves the current outbox; one that was left already is not left again.
    fn forked(&mut self, now: Time, outbox: Uuid, after: u64, out: &mut Vec<Output>) {
        let Some(of) = self.lanes.last().map(|lane| lane.of) else {
            return;
        };
        if of.outbox == outbox && self.beginning.is_none() {
            // What is not acknowledged is said again rather than left to an outbox that is torn.
            self.begin(now, outbox, after.min(of.through), out);
        }
    }

    fn begin(&mut self, now: Time, old: Uuid, after: u64, out: &mut Vec<Output>) {
        self.beginning = Some((old, after, now.saturating_add(AGAIN.1)));
        out.push(Output::Begin { old, after });
    }

    fn began(&mut self, old: Stretch, new: Stretch) {
        self.beginning = None;
        if let Some(lane) = self.lanes.iter_mut().find(|l| l.of.outbox == old.outbox) {
            lane.of = old;
            lane.rewind();
        }
        self.lanes.push(Lane::new(new));
    }

    /// The cloud's database is another one: what it said before is void.
    fn new_epoch(&mut self, epoch: Uuid, out: &mut Vec<Output>) {
        let first = self.epochs.is_empty();
        self.epochs.push(epoch);
        out.push(Output::Epoch(epoch));
        if first {
            return;
        }
        for lane in &mut self.lanes {
            lane.of.through = lane.of.through.min(lane.of.oldest.saturating_sub(1));
            lane.acknowledged = lane.of.through;
            lane.rewind();
        }
    }

    /// Whatever time has come for.
    fn due(&mut self, now: Time, out: &mut Vec<Output>) {
        if let Some((old, after, at)) = self.beginning
            && at <= now
        {
            self.begin(now, old, after, out);
        }
        match self.line {
            Line::Down(at) if at <= now => {
                self.line = Line::Opening(now.saturating_add(OPENING));
                out.push(Output::Connect);
            }
            Line::Opening(at) if at <= now => self.lost(now),
            Line::Down(_) | Line::Opening(_) => {}
            Line::Up => {
                self.greet(now, out);
                self.hello_due(now, out);
                self.again_due(now, out);
                self.pump(now, out);
                if self.is_answered()
                    && (self.status_due || now >= self.status_at.saturating_add(self.status_every))
                {
                    self.status_due = false;
                    self.status_at = now;
                    out.push(Output::Status);
                }
            }
        }
    }

    fn hello_due(&mut self, now: Time, out: &mut Vec<Output>) {
        if now < self.hello_at.saturating_add(self.hello_again.wait()) {
            return;
        }
        let last = self.lanes.len() - 1;
        let before = out.len();
        for (place, lane) in self.lanes.iter().enumerate() {
            if lane.greeted && (!lane.answered || (self.misfit && place == last)) {
                out.push(Output::Hello(lane.of.outbox));
            }
        }
        if out.len() > before {
            self.misfit = false;
            self.hello_at = now;
            self.hello_again.slower(&mut self.random);
        }
    }

    fn again_due(&mut self, now: Time, out: &mut Vec<Output>) {
        let mut is_behind_another = false;
        for lane in &mut self.lanes {
            if lane.outstanding() && now >= lane.since.saturating_add(lane.again.wait()) {
                lane.again.slower(&mut self.random);
                lane.repeats += 1;
                if lane.is_empty_there && lane.repeats >= REPEATS {
                    out.push(lane.lower(now, 0));
                } else if is_behind_another {
                    // Its backlog has to wait, what was sent already has not.
                    lane.since = now;
                    out.extend(lane.under_way().into_iter().map(|(from, to)| Output::Send {
                        outbox: lane.of.outbox,
                        from,
                        to,
                    }));
                } else {
                    lane.rewind();
                }
            }
            is_behind_another |= lane.answered && !lane.is_done();
        }
    }

    /// The outbox whose backlog goes out: the oldest that has something to say.
    fn pumped(&self) -> Option<usize> {
        self.lanes
            .iter()
            .position(|lane| lane.answered && !lane.is_done())
    }

    /// Fills the window of the backlog.
    fn pump(&mut self, now: Time, out: &mut Vec<Output>) {
        let Some(place) = self.pumped() else { return };
        let lane = &mut self.lanes[place];
        let reach = lane.first().saturating_add(WINDOW).min(lane.of.next);
        if lane.cursor < reach && !lane.outstanding() {
            lane.since = now;
        }
        while lane.cursor < reach {
            if lane.early.remove(&lane.cursor) {
                lane.cursor += 1;
                continue;
            }
            let from = lane.cursor;
            while lane.cursor < reach && !lane.early.contains(&lane.cursor) {
                lane.cursor += 1;
            }
            out.push(Output::Send {
                outbox: lane.of.outbox,
                from,
                to: lane.cursor - 1,
            });
        }
    }
}

#[cfg(test)]
mod tests;
