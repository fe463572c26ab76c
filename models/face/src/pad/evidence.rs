//! What the pairs of frames of a visit say together.

use super::Reason;
use super::pair::Signs;

/// A sign that was seen in so many pairs of frames was seen; in fewer it may be chance.
const SEEN: u32 = 2;
/// So many pairs of frames between which the face moved alone speak for a living person.
const ENOUGH: u32 = 5;

/// Counts of pairs of frames between which the face moved.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Evidence {
    pairs: u32,
    /// In which its surroundings moved with it,
    with: u32,
    /// or a straight edge on the left, on the right, above.
    edges: [u32; 3],
}

impl Evidence {
    /// One more pair.
    pub(super) fn add(&mut self, signs: Signs) {
        self.pairs += 1;
        self.with += u32::from(signs.with);
        for (count, seen) in self.edges.iter_mut().zip(signs.edges) {
            *count += u32::from(seen);
        }
    }

    /// Of a sheet two edges at least are seen; one alone may be a strap or a shelf that somebody carries.
    pub(super) fn attack(&self) -> Option<Reason> {
        let edges = self.edges.iter().filter(|&&count| count >= SEEN).count();
        if self.with >= SEEN {
            Some(Reason::Surroundings)
        } else if edges >= 2 {
            Some(Reason::Edges)
        } else {
            None
        }
    }

    /// Whether the face moved often enough, and nothing was seen to move with it, not even a single edge.
    pub(super) fn is_live(&self) -> bool {
        let chance = |count: &u32| *count < SEEN;
        self.pairs >= ENOUGH && chance(&self.with) && self.edges.iter().all(chance)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const CLEAN: Signs = Signs {
        with: false,
        edges: [false; 3],
    };

    fn edges(left: bool, right: bool, above: bool) -> Signs {
        Signs {
            edges: [left, right, above],
            ..CLEAN
        }
    }

    fn with() -> Signs {
        Signs {
            with: true,
            ..CLEAN
        }
    }

    #[rstest]
    #[case::too_few(&[(4, CLEAN)], None, false)]
    #[case::alone(&[(5, CLEAN)], None, true)]
    #[case::chance(&[(4, CLEAN), (1, with())], None, true)]
    #[case::surroundings(&[(9, CLEAN), (2, with())], Some(Reason::Surroundings), false)]
    #[case::one_edge(&[(9, CLEAN), (9, edges(true, false, false))], None, false)]
    #[case::two_edges_at_once(&[(9, CLEAN), (2, edges(true, true, false))], Some(Reason::Edges), false)]
    #[case::one_after_the_other(
        &[(2, edges(false, true, false)), (9, CLEAN), (2, edges(false, false, true))],
        Some(Reason::Edges),
        false
    )]
    #[case::edges_by_chance(&[(4, CLEAN), (1, edges(true, true, true))], None, true)]
    fn pairs_say_together(
        #[case] pairs: &[(usize, Signs)],
        #[case] attack: Option<Reason>,
        #[case] live: bool,
    ) {
        let mut evidence = Evidence::default();
        for &(count, signs) in pairs {
            (0..count).for_each(|_| evidence.add(signs));
        }
        assert_eq!((evidence.attack(), evidence.is_live()), (attack, live));
    }
}
