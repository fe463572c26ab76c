//! What the person before the camera is asked to do: told when it has been so for a moment, and
//! only when it changes, so that a screen doesn't flicker and who passes isn't spoken to.

use std::time::Duration;

use crate::feedback::Guide;

/// For so long something is in the way before it is said.
const SETTLED: Duration = Duration::from_millis(500);

/// What was told, and what may be told next.
#[derive(Default)]
pub(super) struct Guidance {
    told: Option<Guide>,
    next: Option<Guide>,
    since: Duration,
}

impl Guidance {
    /// What this frame asks for. Gives what is to be told from now on, where that is something
    /// else than before; that nothing is in the way any more is told at once.
    pub(super) fn next(&mut self, at: Duration, guide: Option<Guide>) -> Option<Option<Guide>> {
        if guide != self.next {
            (self.next, self.since) = (guide, at);
        }
        let settled = guide.is_none() || at.saturating_sub(self.since) >= SETTLED;
        if guide == self.told || !settled {
            return None;
        }
        self.told = guide;
        Some(guide)
    }
}

#[cfg(test)]
mod tests {
    use limen_face::quality::Flaw;

    use super::*;

    const FAR: Option<Guide> = Some(Guide::Mend(Flaw::Small));
    const TWO: Option<Guide> = Some(Guide::OneAtATime);

    /// What is told of frames 100 ms apart.
    fn told(frames: &[Option<Guide>]) -> Vec<Option<Guide>> {
        let mut guidance = Guidance::default();
        let times = (0..).map(|n| Duration::from_millis(100 * n));
        times
            .zip(frames)
            .filter_map(|(at, frame)| guidance.next(at, *frame))
            .collect()
    }

    #[test]
    fn what_lasts_is_told_once_and_its_end_at_once() {
        assert_eq!(
            told(&[[FAR; 20].as_slice(), &[None; 3]].concat()),
            [FAR, None]
        );
    }

    #[test]
    fn who_passes_is_told_nothing() {
        assert_eq!(told(&[[FAR; 5].as_slice(), &[None; 3]].concat()), []);
    }

    #[test]
    fn what_changes_is_told_anew_and_a_flicker_is_not() {
        let frames = [[FAR; 8].as_slice(), &[TWO], &[FAR; 8], &[TWO; 8]].concat();
        assert_eq!(told(&frames), [FAR, TWO]);
    }
}
