//! A bar on stderr, where somebody looks at it.

use std::io::{IsTerminal, Write};

/// Characters of the bar.
const WIDTH: usize = 30;

/// How far some work is. Silent where stderr is not a terminal.
pub struct Progress {
    what: &'static str,
    total: usize,
    done: usize,
    is_shown: bool,
}

impl Progress {
    /// Nothing of so many is done yet.
    pub fn new(what: &'static str, total: usize) -> Self {
        Self {
            what,
            total,
            done: 0,
            is_shown: std::io::stderr().is_terminal(),
        }
    }

    /// One more is done.
    pub fn step(&mut self) {
        self.done += 1;
        // A hundred lines are enough for the eye, and don't slow the work.
        let percent = |done: usize| done * 100 / self.total.max(1);
        if self.is_shown && percent(self.done) != percent(self.done - 1) {
            self.write(&bar(self.what, self.done, self.total));
        }
    }

    /// A line above the bar.
    pub fn say(&self, line: &str) {
        if self.is_shown {
            self.write("\r\x1b[K");
        }
        self.write(&format!("{line}\n"));
    }

    fn write(&self, text: &str) {
        let mut stderr = std::io::stderr().lock();
        // Nothing is lost where nobody can see it.
        let _ = stderr
            .write_all(text.as_bytes())
            .and_then(|()| stderr.flush());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_shown {
            self.write("\r\x1b[K");
        }
    }
}

fn bar(what: &str, done: usize, total: usize) -> String {
    let filled = done * WIDTH / total.max(1);
    let (full, rest) = ("#".repeat(filled), " ".repeat(WIDTH - filled));
    format!("\r\x1b[K{what} [{full}{rest}] {done}/{total}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills() {
        assert!(bar("x", 1, 2).ends_with("[###############               ] 1/2"));
        assert!(bar("x", 0, 0).ends_with("0/0"));
    }
}
