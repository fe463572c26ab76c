//! The terminal at the door: it sees a face, knows the person, keeps the punch and brings it to
//! the cloud.
//!
//! A frame's way: [`camera`] (a thread) → one slot, newest wins → [`vision`] (a thread): detect,
//! judge, align, embed, average over the frames of one visit, identify → [`door`], which every
//! other way in also comes to: [`gate`] (pure: one punch a visit) → the outbox (fsync) →
//! [`feedback`] → the uplink is woken. *Match → durable → green* are consecutive lines of one
//! function: nobody is shown green before the punch would survive a pulled plug.
//!
//! No picture, template or score leaves this program: not to disk, not to the log, not to the
//! wire. Only the database's modules touch SQL, only the uplink touches MQTT, and what decides
//! (the gate, the uplink's state) is given the time and touches nothing.
//!
//! Every stage stamps the [`heart`] when it goes to work and when it is through; while nothing
//! hangs, [`systemd`] hears that the terminal lives.
//!
//! ```
//! use limen_daemon::config::{Config, Source};
//!
//! let text = "[camera]\nsource = \"folder:pictures\"\n";
//! let config = Config::parse(text, "/etc/limen/terminal.toml".as_ref())?;
//! assert_eq!(config.camera.source, Source::Folder("/etc/limen/pictures".into()));
//! assert_eq!(config.gate.frames, 3);
//! # Ok::<(), limen_daemon::config::ConfigError>(())
//! ```

#![cfg_attr(
    test,
    expect(
        clippy::unwrap_used,
        reason = "a failed test should stop where it failed"
    )
)]

pub mod camera;
pub mod claim;
pub mod clock;
pub mod config;
pub mod database;
pub mod doctor;
pub mod door;
pub mod feedback;
pub mod gate;
pub mod gpio;
pub mod health;
pub mod heart;
pub mod keys;
pub mod kiosk;
pub mod log;
pub mod mailbox;
pub mod outbox;
pub mod reader;
pub mod roster;
pub mod run;
pub mod salvage;
pub mod stop;
pub mod systemd;
pub mod uplink;
pub mod vision;
