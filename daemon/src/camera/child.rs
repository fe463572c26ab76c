//! A program that writes frames to its standard output, as a child process.
//!
//! It is never asked for more than the next frame but one, since a pipe that nobody reads makes it wait. What it
//! complains of on its standard error is kept for whoever reads why it ended.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use limen_face::Frame;

/// What of the program's complaints is kept, in bytes: the last lines say why it ended.
const MOST_WORDS: usize = 600;

/// What the program gave: a frame, or in words why what it gave is none.
pub(super) type Given = Result<Frame, String>;

/// A running program and the two threads that read from it; dropped, nothing of it is left.
pub(super) struct Feed {
    child: Child,
    given: Receiver<Given>,
    reader: Option<JoinHandle<()>>,
    words: Option<JoinHandle<String>>,
}

impl Feed {
    /// Starts the program. `read` takes the next frame out of its output, `None` at the end.
    ///
    /// # Errors
    /// When the program or a thread can't be started.
    pub(super) fn start(
        command: &mut Command,
        mut read: impl FnMut(&mut BufReader<ChildStdout>) -> Option<Given> + Send + 'static,
    ) -> io::Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (to, given) = sync_channel(0);
        let output = child.stdout.take();
        let errors = child.stderr.take();
        // Held from here on, so that a thread that can't be had leaves no child behind.
        let mut feed = Self {
            child,
            given,
            reader: None,
            words: None,
        };
        if let (Some(output), Some(errors)) = (output, errors) {
            let thread = |name: &str| std::thread::Builder::new().name(name.into());
            feed.words = Some(thread("camera-words").spawn(move || words(errors))?);
            feed.reader = Some(thread("camera-frames").spawn(move || {
                let mut output = BufReader::with_capacity(1 << 16, output);
                while let Some(given) = read(&mut output) {
                    if to.send(given).is_err() {
                        return;
                    }
                }
            })?);
        }
        Ok(feed)
    }

    /// Waits for what comes next.
    ///
    /// # Errors
    /// When nothing came for so long, or when the output is at its end.
    pub(super) fn next(&self, patience: Duration) -> Result<Given, RecvTimeoutError> {
        self.given.recv_timeout(patience)
    }

    /// Waits for the end of a program whose output is at its end: whether it ended well, and what
    /// it said.
    pub(super) fn finish(&mut self) -> (bool, String) {
        let ended_well = self.child.wait().is_ok_and(|status| status.success());
        let said = self.words.take().and_then(|words| words.join().ok());
        (ended_well, said.unwrap_or_default())
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        // Killing one that has ended is an error of no interest; waiting leaves no zombie.
        let _ = self.child.kill();
        let _ = self.child.wait();
        // The reader may be offering a frame: without a receiver it gives up.
        let (_, none) = sync_channel(0);
        self.given = none;
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        if let Some(words) = self.words.take() {
            let _ = words.join();
        }
    }
}

/// The last lines that the program wrote, in one line. Reads to the end, so that it never waits.
fn words(errors: impl Read) -> String {
    let mut kept: VecDeque<String> = VecDeque::new();
    let mut length = 0;
    let mut errors = BufReader::new(errors);
    let mut line = Vec::new();
    while matches!(
        errors
            .by_ref()
            .take(MOST_WORDS as u64)
            .read_until(b'\n', &mut line),
        Ok(1..)
    ) {
        let text = String::from_utf8_lossy(&line).trim().to_owned();
        line.clear();
        if text.is_empty() {
            continue;
        }
        length += text.len();
        kept.push_back(text);
        while length > MOST_WORDS && kept.len() > 1 {
            length -= kept.pop_front().map_or(0, |text| text.len());
        }
    }
    Vec::from(kept).join("; ")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// Any program that writes for ever stands in for a camera's.
    #[test]
    fn a_dropped_feed_leaves_no_child_behind() {
        let feed = Feed::start(Command::new("yes").arg("on and on"), |output| {
            let mut line = String::new();
            let read = output.read_line(&mut line);
            matches!(read, Ok(1..)).then(|| Err(line))
        })
        .unwrap();
        let child = PathBuf::from(format!("/proc/{}", feed.child.id()));
        assert!(child.exists());
        let given = feed.next(Duration::from_secs(60)).unwrap();
        assert_eq!(given, Err("on and on\n".to_owned()));
        drop(feed);
        assert!(
            !child.exists(),
            "the child is running or was not waited for"
        );
    }

    #[test]
    fn the_last_words_are_kept() {
        let many: String = (0..200).map(|n| format!("line {n}\n\n")).collect();
        let said = words(many.as_bytes());
        assert!(said.ends_with("line 198; line 199"), "{said}");
        assert!(said.len() < 2 * MOST_WORDS, "{}", said.len());
        let one = "x".repeat(5000);
        assert!(words(one.as_bytes()).len() <= 2 * MOST_WORDS);
    }
}
