//! A program that is asked one thing after the other, so that what is compared sees the same state of the machine.

use std::fmt::Display;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, bail};
use serde::de::DeserializeOwned;

/// A program that runs, and answers every line with a line of JSON.
pub struct Asked {
    child: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Asked {
    /// Starts it.
    pub fn start(command: &mut Command) -> anyhow::Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("can't start {}", command.get_program().display()))?;
        let questions = child.stdin.take();
        let answers = child.stdout.take().context("the peer has no output")?;
        Ok(Self {
            child,
            questions,
            answers: BufReader::new(answers),
        })
    }

    /// Gives it bytes to which it says nothing.
    pub fn give(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let questions = self.questions.as_mut().context("the peer has no input")?;
        questions.write_all(bytes).context("the peer has ended")
    }

    /// What it says next: of itself, at the start.
    pub fn hear<T: DeserializeOwned>(&mut self) -> anyhow::Result<T> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            bail!("the peer has ended; what it said is above");
        }
        serde_json::from_str(&line).context("the peer says something odd")
    }

    /// What it says to this.
    pub fn ask<T: DeserializeOwned>(&mut self, question: impl Display) -> anyhow::Result<T> {
        let questions = self.questions.as_mut().context("the peer has no input")?;
        writeln!(questions, "{question}").context("the peer has ended")?;
        self.hear()
    }
}

/// It ends when it is asked nothing any more.
impl Drop for Asked {
    fn drop(&mut self) {
        self.questions = None;
        // Whether it ended well was seen by its answers.
        let _ = self.child.wait();
    }
}
