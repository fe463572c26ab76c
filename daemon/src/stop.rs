//! The one flag that ends every thread of the terminal.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

/// Set once, seen by all clones; waiting threads wake up at once.
#[derive(Clone, Default)]
pub struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    /// A flag that is not set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks every thread that holds a clone to end.
    pub fn set(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }

    /// Sets it at SIGINT or SIGTERM, from a thread of its own.
    ///
    /// # Errors
    /// When the operating system has no thread or no signal handler to give.
    pub fn set_on_signals(&self) -> io::Result<()> {
        let runtime = Builder::new_current_thread().enable_io().build()?;
        let (mut interrupt, mut terminate) = {
            let _inside = runtime.enter();
            (
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
            )
        };
        let stop = self.clone();
        let wait = move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            });
            stop.set();
        };
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(wait)
            .map(drop)
    }

    /// Whether the end was asked for.
    pub fn is_set(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for `time`, or less when the end is asked for; says whether it was.
    pub fn wait(&self, time: Duration) -> bool {
        let set = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        *self
            .0
            .1
            .wait_timeout_while(set, time, |set| !*set)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiting_thread_wakes_when_the_end_is_asked_for() {
        let stop = Stop::new();
        let other = stop.clone();
        let waiter = std::thread::spawn(move || other.wait(Duration::from_secs(600)));
        stop.set();
        assert!(waiter.join().unwrap());
        assert!(stop.is_set());
    }
}
