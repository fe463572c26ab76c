//! A program under test: what it says is kept, and can be awaited.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// No test waits longer for anything: machines are slow, but not that slow.
pub const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Default)]
struct Said {
    lines: Vec<String>,
    open: usize,
}

/// A running program. It is killed when the test lets go of it.
pub struct Program {
    name: &'static str,
    child: Child,
    said: Arc<(Mutex<Said>, Condvar)>,
}

impl Program {
    pub fn start(name: &'static str, command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start ({command:?}): {error}"));
        let said = Arc::new((
            Mutex::new(Said {
                lines: Vec::new(),
                open: 2,
            }),
            Condvar::new(),
        ));
        listen(child.stdout.take().unwrap(), Arc::clone(&said));
        listen(child.stderr.take().unwrap(), Arc::clone(&said));
        Self { name, child, said }
    }

    /// Waits for a line with these words.
    pub fn await_line(&self, words: &str) -> String {
        self.await_lines(words, 1).remove(0)
    }

    /// Waits until that many lines with these words have come, and gives them all.
    pub fn await_lines(&self, words: &str, many: usize) -> Vec<String> {
        let until = Instant::now() + PATIENCE;
        let (said, changed) = &*self.said;
        let mut said = said.lock().unwrap();
        loop {
            let found: Vec<String> = said
                .lines
                .iter()
                .filter(|line| line.contains(words))
                .cloned()
                .collect();
            if found.len() >= many {
                return found;
            }
            let left = until.saturating_duration_since(Instant::now());
            if said.open == 0 || left.is_zero() {
                drop(said);
                panic!(
                    "{} said \"{words}\" {} times of {many}",
                    self.name,
                    found.len()
                );
            }
            said = changed.wait_timeout(said, left).unwrap().0;
        }
    }

    /// The lines with these words so far.
    pub fn lines(&self, words: &str) -> Vec<String> {
        let said = self.said.0.lock().unwrap();
        said.lines
            .iter()
            .filter(|line| line.contains(words))
            .cloned()
            .collect()
    }

    /// As a power cut ends it. What it had written to its pipes is still read to the end.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.drain();
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill")
            .args(["-s", name, &pid])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// As systemd ends it; it must end by itself and well.
    pub fn terminate(&mut self) {
        self.signal("TERM");
        let status = self.end();
        assert!(status.success(), "{}: {status}\n{}", self.name, self.all());
    }

    /// Waits until it ends by itself.
    pub fn end(&mut self) -> ExitStatus {
        self.drain();
        self.child.wait().unwrap()
    }

    /// Everything that it said.
    pub fn all(&self) -> String {
        self.said.0.lock().unwrap().lines.join("\n")
    }

    /// Waits until both pipes are closed.
    fn drain(&self) {
        let (said, changed) = &*self.said;
        let (said, late) = changed
            .wait_timeout_while(said.lock().unwrap(), PATIENCE, |said| said.open > 0)
            .unwrap();
        assert!(
            !late.timed_out(),
            "{} does not end; what it said:\n{}",
            self.name,
            said.lines.join("\n")
        );
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("---- {} said:\n{}", self.name, self.all());
        }
    }
}

fn listen(pipe: impl Read + Send + 'static, said: Arc<(Mutex<Said>, Condvar)>) {
    std::thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while matches!(pipe.read_until(b'\n', &mut line), Ok(n) if n > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            said.0.lock().unwrap().lines.push(text);
            said.1.notify_all();
            line.clear();
        }
        said.0.lock().unwrap().open -= 1;
        said.1.notify_all();
    });
}
