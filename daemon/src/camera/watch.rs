//! The loop around a source: pace, hand over, and open again after a failure.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use limen_wire::event;

use super::judge::{Judge, Useless, Verdict};
use super::{CameraError, Captured, Change, FrameSource};
use crate::config::{self, Source};
use crate::heart::{Heart, Stage, TURN};
use crate::mailbox::Latest;
use crate::stop::Stop;

/// A camera that was lost again within that time comes and goes.
const AGAIN: Duration = Duration::from_secs(60);

/// Why playing a source ended without an error.
enum End {
    Stopped,
    Through,
}

/// Plays what `open` gives into `frames` until `stop` or the end of the source.
pub(super) fn watch(
    camera: &config::Camera,
    open: impl Fn() -> Result<Box<dyn FrameSource>, CameraError>,
    frames: &Latest<Captured>,
    stop: &Stop,
    heart: &Heart,
    mut report: impl FnMut(Change),
) {
    // Whatever ends this thread, vision must not wait for frames that never come.
    let _closing = Closing(frames);
    let first = Duration::from_secs_f64(camera.retry_s);
    let longest = Duration::from_secs_f64(camera.retry_max_s);
    let mut wait = first;
    let mut player = Player {
        every_frame: camera.every_frame,
        frames,
        stop,
        heart,
        began: Instant::now(),
        at: Duration::ZERO,
        lost: None,
        back_at: None,
        steady: Duration::ZERO,
    };
    loop {
        let opened = Instant::now();
        // The camera's library panics on some answers of some drivers; that is a camera lost, not
        // a terminal lost.
        let end = catch_unwind(AssertUnwindSafe(|| {
            player.play(&open, &camera.source, &mut report)
        }))
        .unwrap_or_else(|panic| Err(CameraError::Driver(words_of(&*panic))));
        let error = match end {
            Ok(End::Stopped) => return,
            Ok(End::Through) => {
                tracing::info!(camera = %camera.source, "the camera's pictures are through");
                report(Change::Ended);
                return;
            }
            Err(error) => error,
        };
        let state = error.state();
        player.broke();
        if player.lost == Some(state) {
            tracing::debug!(camera = %camera.source, %error, "the camera is still lost");
        } else {
            player.lost = Some(state);
            tracing::warn!(camera = %camera.source, %error, "the camera is lost; it is tried again until it is back");
            report(Change::Lost {
                state,
                why: error.to_string(),
            });
        }
        if opened.elapsed() >= longest {
            wait = first;
        }
        if pause(&camera.source, wait, stop, heart) {
            return;
        }
        wait = (wait * 2).min(longest);
    }
}

struct Player<'a> {
    every_frame: bool,
    frames: &'a Latest<Captured>,
    stop: &'a Stop,
    heart: &'a Heart,
    began: Instant,
    at: Duration,
    /// What was said of it, as long as it is.
    lost: Option<event::Camera>,
    /// Since when it gives good frames again.
    back_at: Option<Instant>,
    /// For how long it must before that is said: a camera that comes and goes must not fill the outbox with its
    /// story. Its frames are looked at meanwhile.
    steady: Duration,
}

impl Player<'_> {
    fn play(
        &mut self,
        open: impl Fn() -> Result<Box<dyn FrameSource>, CameraError>,
        what: &Source,
        report: &mut impl FnMut(Change),
    ) -> Result<End, CameraError> {
        let opened = {
            let _work = self.heart.enter(Stage::Camera);
            open()
        };
        let mut source = opened?;
        let end = self.play_on(&mut *source, what, report);
        // A driver may hang in its goodbye too.
        let _work = self.heart.enter(Stage::Camera);
        drop(source);
        end
    }

    fn play_on(
        &mut self,
        source: &mut dyn FrameSource,
        what: &Source,
        report: &mut impl FnMut(Change),
    ) -> Result<End, CameraError> {
        let mut due = Instant::now();
        let mut judge = Judge::new(self.lost == Some(event::Camera::Dark));
        while !self.stop.is_set() {
            let grabbed = {
                let _work = self.heart.enter(Stage::Camera);
                source.next_frame()
            };
            let Some(frame) = grabbed? else {
                return Ok(End::Through);
            };
            if source.pace().is_none() {
                match judge.look(&frame, self.began.elapsed()) {
                    Verdict::Good => {}
                    Verdict::WarmingUp => continue,
                    // Of a camera that is lost nothing is shown before it is back.
                    Verdict::Doubtful if self.lost.is_some() => continue,
                    Verdict::Doubtful => {}
                    Verdict::Broken(how, lasted) => return Err(useless(what, how, lasted)),
                }
            }
            self.good(report);
            match source.pace() {
                Some(pace) if self.every_frame => {
                    let at = self.at;
                    if !self.frames.put_when_empty(Captured { frame, at }) {
                        return Ok(End::Stopped);
                    }
                    self.at += pace;
                }
                pace => {
                    if let Some(pace) = pace {
                        let now = Instant::now();
                        if self.stop.wait(due.saturating_duration_since(now)) {
                            return Ok(End::Stopped);
                        }
                        due = due.max(now) + pace;
                    }
                    self.at = self.began.elapsed();
                    self.frames.put(Captured { frame, at: self.at });
                }
            }
        }
        Ok(End::Stopped)
    }
}

impl Player<'_> {
    /// A good frame came.
    fn good(&mut self, report: &mut impl FnMut(Change)) {
        if self.lost.is_none() {
            return;
        }
        let since = *self.back_at.get_or_insert_with(Instant::now);
        if since.elapsed() >= self.steady {
            self.lost = None;
            tracing::info!("the camera is back");
            report(Change::Back);
        }
    }

    /// It failed.
    fn broke(&mut self) {
        let Some(back) = self.back_at.take() else {
            return;
        };
        self.steady = match back.elapsed() < AGAIN {
            true => (self.steady * 2).clamp(TURN, AGAIN),
            false => Duration::ZERO,
        };
    }
}

fn useless(what: &Source, how: Useless, lasted: Duration) -> CameraError {
    let (how, state) = match how {
        Useless::Black => ("darkness", event::Camera::Dark),
        Useless::OneColour => ("a single colour", event::Camera::Garbage),
        Useless::Same => ("the same picture", event::Camera::Frozen),
    };
    CameraError::Useless {
        what: format!("the camera {what}"),
        how,
        seconds: lasted.as_secs(),
        state,
    }
}

/// Waits for `time`, or until a path that was not there appears, which is looked for every
/// [`TURN`]; says whether the end was asked for.
fn pause(source: &Source, time: Duration, stop: &Stop, heart: &Heart) -> bool {
    let is_there = || source.path().is_none_or(Path::exists);
    let was_there = is_there();
    let until = Instant::now() + time;
    loop {
        let _work = heart.enter(Stage::Camera);
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || (!was_there && is_there()) {
            return stop.is_set();
        }
        if stop.wait(left.min(TURN)) {
            return true;
        }
    }
}

fn words_of(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no reason given".to_owned())
}

struct Closing<'a>(&'a Latest<Captured>);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::VecDeque;
    use std::sync::Arc;

    use limen_face::Frame;

    use super::*;

    /// What a source does next.
    enum Act {
        Give,
        Fail,
        Freeze,
        Panic,
    }

    struct Script {
        acts: VecDeque<Act>,
        pace: Option<Duration>,
    }

    impl Script {
        /// Each is another one, and of about the same brightness.
        fn frame(&self) -> Arc<Frame> {
            let left = self.acts.len() as u8;
            let frame = Frame::from_rgb8(2, 1, vec![100, 100, 100, 200, 200, 201 + left % 4]);
            Arc::new(frame.unwrap())
        }
    }

    impl FrameSource for Script {
        fn next_frame(&mut self) -> Result<Option<Arc<Frame>>, CameraError> {
            match self.acts.pop_front() {
                Some(Act::Give) => Ok(Some(self.frame())),
                Some(Act::Fail) => Err(CameraError::Driver("it fell down".into())),
                Some(Act::Freeze) => Err(CameraError::Silent {
                    what: "it".into(),
                    seconds: 5,
                }),
                Some(Act::Panic) => panic!("the driver tripped"),
                None => Ok(None),
            }
        }

        fn pace(&self) -> Option<Duration> {
            self.pace
        }
    }

    fn settings(every_frame: bool) -> config::Camera {
        config::Camera {
            source: Source::Folder("/".into()),
            every_frame,
            retry_s: 0.01,
            retry_max_s: 0.02,
            ..config::Camera::default()
        }
    }

    /// Runs scripts one after the other, a new one at each opening, to the end; gives the times
    /// of the frames and what was reported.
    fn run(scripts: Vec<Vec<Act>>, every_frame: bool) -> (Vec<Duration>, Vec<Change>) {
        let frames = Latest::new();
        let taker = std::thread::spawn({
            let frames: Latest<Captured> = frames.clone();
            move || std::iter::from_fn(|| frames.take()).map(|c| c.at).collect()
        });
        let scripts = Cell::new(VecDeque::from(scripts));
        let open = || -> Result<Box<dyn FrameSource>, CameraError> {
            let mut left = scripts.take();
            let next = left
                .pop_front()
                .ok_or(CameraError::Driver("no script".into()));
            scripts.set(left);
            Ok(Box::new(Script {
                acts: next?.into(),
                pace: every_frame.then_some(Duration::from_millis(100)),
            }))
        };
        let mut changes = Vec::new();
        let (stop, heart) = (Stop::new(), Heart::default());
        watch(&settings(every_frame), open, &frames, &stop, &heart, |c| {
            changes.push(c)
        });
        (taker.join().unwrap(), changes)
    }

    fn lost(why: &str) -> Change {
        Change::Lost {
            state: event::Camera::Missing,
            why: format!("the camera's driver failed: {why}"),
        }
    }

    #[test]
    fn a_camera_that_fails_is_reported_once_and_opened_until_it_is_back() {
        let scripts = vec![
            vec![Act::Give, Act::Fail],
            vec![Act::Fail],
            vec![Act::Panic],
            vec![Act::Give, Act::Give],
        ];
        let (_, changes) = run(scripts, false);
        assert_eq!(changes, [lost("it fell down"), Change::Back, Change::Ended]);
    }

    #[test]
    fn a_camera_that_is_lost_in_another_way_is_reported_again() {
        let scripts = vec![
            vec![Act::Freeze],
            vec![Act::Fail],
            vec![Act::Fail],
            vec![Act::Give, Act::Give],
        ];
        let (_, changes) = run(scripts, false);
        let frozen = Change::Lost {
            state: event::Camera::Frozen,
            why: "it gave no frame for 5 seconds".into(),
        };
        let wanted = [frozen, lost("it fell down"), Change::Back, Change::Ended];
        assert_eq!(changes, wanted);
    }

    #[test]
    fn a_camera_that_comes_and_goes_is_reported_once_more_and_no_oftener() {
        let mut scripts: Vec<Vec<Act>> = Vec::new();
        scripts.resize_with(6, || vec![Act::Give, Act::Give, Act::Give, Act::Fail]);
        scripts.push(vec![Act::Give, Act::Give]);
        let (_, changes) = run(scripts, false);
        let lost = || lost("it fell down");
        assert_eq!(changes, [lost(), Change::Back, lost(), Change::Ended]);
    }

    #[test]
    fn a_panic_in_the_driver_is_a_camera_lost() {
        let (_, changes) = run(vec![vec![Act::Panic], vec![Act::Give, Act::Give]], false);
        assert_eq!(
            changes,
            [lost("the driver tripped"), Change::Back, Change::Ended]
        );
    }

    #[test]
    fn where_every_frame_is_looked_at_none_is_lost_and_time_is_the_frames() {
        let (times, changes) = run(vec![(0..50).map(|_| Act::Give).collect()], true);
        let wanted: Vec<_> = (0..50).map(|n| Duration::from_millis(100 * n)).collect();
        assert_eq!(times, wanted);
        assert_eq!(changes, [Change::Ended]);
    }

    #[test]
    fn time_goes_on_over_a_new_opening() {
        let scripts = vec![vec![Act::Give, Act::Give, Act::Fail], vec![Act::Give]];
        let (times, _) = run(scripts, true);
        assert_eq!(times, [0, 100, 200].map(Duration::from_millis));
    }

    #[test]
    fn the_end_that_is_asked_for_ends_a_long_wait() {
        let camera = config::Camera {
            retry_s: 3600.0,
            retry_max_s: 3600.0,
            ..settings(false)
        };
        let (stop, frames) = (Stop::new(), Latest::new());
        let asks = stop.clone();
        let open = || Err(CameraError::Driver("there is none".into()));
        let heart = Heart::default();
        watch(&camera, open, &frames, &stop, &heart, move |_| asks.set());
        assert!(frames.take().is_none());
    }
}
