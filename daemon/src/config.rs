//! The configuration file: one commented TOML file, compiled in, printed by `default-config`.
//!
//! Unknown keys are refused with their name and line, so that a misspelt setting never passes
//! for its default.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Deserialize;

mod gpio;
mod schedule;
mod ways;

pub use gpio::{Gpio, Part};
pub use schedule::Scheduled;
pub use ways::Ways;

/// The commented defaults, as `limen-daemon default-config` prints them.
pub const DEFAULT: &str = include_str!("../terminal.toml");

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error(
        "cannot read the configuration {path} (`limen-daemon default-config` prints one to begin with)"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Not TOML, an unknown key, or a value of the wrong type; the text names line and key.
    #[error("the configuration {path} is refused: {detail}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Line, column and key, in words.
        detail: String,
    },
    /// Nobody without a template would get in.
    #[error(
        "the configuration {path} is refused: nobody would get in without a face; leave ways.codes, ways.reader or, with a screen, ways.pin on"
    )]
    NoWayIn {
        /// The file.
        path: PathBuf,
    },
    /// Keys that contradict each other.
    #[error("the configuration {path} is refused: {detail}")]
    Contradiction {
        /// The file.
        path: PathBuf,
        /// Which keys, and what is wrong about them.
        detail: String,
    },
    /// A value outside its range.
    #[error("the configuration {path} is refused: {key} is {found}, but must be {wanted}")]
    Range {
        /// The file.
        path: PathBuf,
        /// The key, with its section.
        key: &'static str,
        /// The value found.
        found: String,
        /// What is allowed.
        wanted: &'static str,
    },
}

/// The whole configuration of a terminal; `terminal.toml` documents each key.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Folder of `terminal.db` and the keys.
    pub data: PathBuf,
    /// Folder of `zoo.toml` and the models.
    pub models: PathBuf,
    /// Where frames come from.
    pub camera: Camera,
    /// When a face becomes a punch.
    pub gate: Gate,
    /// Ways in without a face.
    pub ways: Ways,
    /// Lamp, buzzer, relay and button.
    pub gpio: Gpio,
    /// What is believed about the time.
    pub clock: Clock,
    /// How the cloud is reached.
    pub cloud: Cloud,
    /// The terminal's own screen.
    pub kiosk: Kiosk,
    /// What is logged.
    pub log: Log,
    /// When a stage is taken for hung.
    pub watchdog: Watchdog,
}

/// The `[camera]` section.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Camera {
    /// Which camera, folder or clip.
    pub source: Source,
    /// Wanted width in pixels of a camera's picture.
    pub width: u32,
    /// Wanted height in pixels of a camera's picture.
    pub height: u32,
    /// Frames a second from a folder or a clip.
    pub fps: f64,
    /// Milliseconds that each picture of a folder stands before the camera; 0 is one frame.
    pub dwell_ms: u64,
    /// A folder or clip begins again at its end.
    #[serde(rename = "loop")]
    pub looping: bool,
    /// A folder or clip waits until each frame was looked at.
    pub every_frame: bool,
    /// The program that reads ribbon cameras.
    pub rpicam_program: PathBuf,
    /// First wait in seconds before a camera that failed is tried again.
    pub retry_s: f64,
    /// Longest such wait in seconds.
    pub retry_max_s: f64,
}

/// Where frames come from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Source {
    /// The first camera that gives pictures.
    Auto,
    /// A V4L2 device node.
    V4l2(PathBuf),
    /// A Raspberry Pi's ribbon camera, by its number; read by the program `rpicam-vid`.
    Rpicam(u32),
    /// A folder of pictures.
    Folder(PathBuf),
    /// A video file, read by ffmpeg.
    Clip(PathBuf),
}

impl TryFrom<String> for Source {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.split_once(':') {
            _ if text == "auto" => Ok(Self::Auto),
            Some((_, "")) => Err(format!("camera source \"{text}\" names no path")),
            Some(("rpicam", number)) => number.parse().map(Self::Rpicam).map_err(|_| {
                format!("camera source \"{text}\" names no number of a ribbon camera, such as 0")
            }),
            Some(("v4l2", path)) => Ok(Self::V4l2(path.into())),
            Some(("folder", path)) => Ok(Self::Folder(path.into())),
            Some(("clip", path)) => Ok(Self::Clip(path.into())),
            _ => Err(format!(
                "camera source \"{text}\" is none of \"auto\", \"v4l2:DEVICE\", \"rpicam:NUMBER\", \"folder:PATH\", \"clip:PATH\""
            )),
        }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::V4l2(path) => write!(f, "v4l2:{}", path.display()),
            Self::Rpicam(number) => write!(f, "rpicam:{number}"),
            Self::Folder(path) => write!(f, "folder:{}", path.display()),
            Self::Clip(path) => write!(f, "clip:{}", path.display()),
        }
    }
}

impl Source {
    /// Whether only one program can have it at a time.
    pub fn is_exclusive(&self) -> bool {
        matches!(self, Self::Auto | Self::V4l2(_) | Self::Rpicam(_))
    }

    /// The device, folder or file, where the source is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Auto | Self::Rpicam(_) => None,
            Self::V4l2(path) | Self::Folder(path) | Self::Clip(path) => Some(path),
        }
    }
}

/// The `[gate]` section.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gate {
    /// When faces are looked at.
    pub looks: Looks,
    /// Seconds after a touch in which they are, where only a touch begins it.
    pub touch_s: f64,
    /// Embeddings of one visit averaged before a decision.
    pub frames: usize,
    /// Smallest width of a face that may punch, in pixels of a picture that is 640 wide.
    pub min_face_px: u32,
    /// Seconds for which a face is near, alone and frontal before anybody is named.
    pub hold_s: f64,
    /// Seconds out of sight that end a visit.
    pub away_s: f64,
    /// Seconds after a punch in which the person is not punched again.
    pub repunch_s: f64,
    /// Seconds after a punch in which one in the other direction must be asked for.
    pub reverse_s: f64,
    /// Share of strangers' visits that may be taken for somebody enrolled.
    pub fpir: f64,
    /// What is done against pictures that are held into the camera.
    pub pad: Pad,
    /// Which way somebody goes who presses no key, by the time of day; otherwise the other way than before.
    pub schedule: Vec<Scheduled>,
}

/// When faces are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Looks {
    /// As the site's settings say.
    #[default]
    Site,
    /// After a tap, a button or a badge only.
    Touched,
    /// Always, unless the site uses no faces.
    Always,
}

/// What is done against pictures that are held into the camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pad {
    /// As the site's settings say.
    #[default]
    Site,
    /// Nothing: where the camera moves, the living are refused too.
    Off,
    /// Whatever the site says, everybody is asked for a turn of the head as well.
    Challenge,
}

/// The `[clock]` section.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Clock {
    /// Whether the operating system must vouch for its clock.
    pub trust: Trust,
}

/// How far the system's clock is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trust {
    /// Believed where the operating system says that it is synchronised.
    #[default]
    Check,
    /// Believed unless plainly wrong.
    System,
}

/// The `[cloud]` section.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cloud {
    /// MQTT address `host:port` that takes the place of the claimed one; empty for none.
    pub mqtt: String,
    /// Seconds between two statuses.
    pub status_s: f64,
}

/// The `[kiosk]` section.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Kiosk {
    /// Where the page is served.
    pub listen: Listen,
    /// Whether it shows what the camera sees.
    pub preview: bool,
    /// Whether it makes sounds.
    pub sounds: bool,
}

/// An address of this machine that no other machine reaches, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Listen(pub Option<SocketAddr>);

impl TryFrom<String> for Listen {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        match text.parse::<SocketAddr>() {
            Ok(address) if address.ip().is_loopback() => Ok(Self(Some(address))),
            Ok(_) => Err(format!(
                "the screen is for this machine alone, but \"{text}\" is reached from others: take 127.0.0.1"
            )),
            Err(_) => Err(format!(
                "\"{text}\" is no address with a port, such as 127.0.0.1:8470"
            )),
        }
    }
}

/// The `[log]` section.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// A filter as `tracing_subscriber::EnvFilter` reads it.
    pub filter: String,
    /// One line of text or one JSON object for each record.
    pub format: LogFormat,
}

/// The `[watchdog]` section: seconds that a stage may be at one piece of work.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Watchdog {
    /// One frame grabbed.
    pub camera_s: f64,
    /// One look at a frame.
    pub vision_s: f64,
    /// One turn at the outbox's database.
    pub outbox_s: f64,
    /// One roster page applied, or the gallery exchanged.
    pub roster_s: f64,
    /// One turn of the uplink's loop.
    pub uplink_s: f64,
}

/// How a log record is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: "data".into(),
            models: "models".into(),
            camera: Camera::default(),
            gate: Gate::default(),
            ways: Ways::default(),
            gpio: Gpio::default(),
            clock: Clock::default(),
            cloud: Cloud::default(),
            kiosk: Kiosk::default(),
            log: Log::default(),
            watchdog: Watchdog::default(),
        }
    }
}

impl Default for Camera {
    fn default() -> Self {
        Self {
            source: Source::Auto,
            width: 640,
            height: 480,
            fps: 10.0,
            dwell_ms: 0,
            looping: true,
            every_frame: false,
            rpicam_program: "rpicam-vid".into(),
            retry_s: 1.0,
            retry_max_s: 3.0,
        }
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            looks: Looks::default(),
            touch_s: 10.0,
            frames: 3,
            min_face_px: 110,
            hold_s: 0.7,
            away_s: 10.0,
            repunch_s: 60.0,
            reverse_s: 300.0,
            fpir: 1e-3,
            pad: Pad::default(),
            schedule: Vec::new(),
        }
    }
}

impl Default for Cloud {
    fn default() -> Self {
        Self {
            mqtt: String::new(),
            status_s: 60.0,
        }
    }
}

impl Default for Kiosk {
    fn default() -> Self {
        Self {
            listen: Listen(Some((Ipv4Addr::LOCALHOST, 8470).into())),
            preview: true,
            sounds: true,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            filter: "info".into(),
            format: LogFormat::Text,
        }
    }
}

impl Default for Watchdog {
    fn default() -> Self {
        Self {
            camera_s: 30.0,
            vision_s: 30.0,
            outbox_s: 60.0,
            roster_s: 60.0,
            uplink_s: 30.0,
        }
    }
}

impl Config {
    /// Reads and checks the file at `path`; relative paths in it start at its folder.
    ///
    /// # Errors
    /// [`ConfigError`] when the file can't be read, is not TOML, has an unknown key or a value
    /// out of range.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.into(),
            source,
        })?;
        Self::parse(&text, path)
    }

    /// Reads `text` as the content of the file `path`, which is named in errors and whose folder
    /// is where relative paths start.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let mut config: Self = toml::from_str(text).map_err(|error| ConfigError::Parse {
            path: path.into(),
            detail: error.to_string().trim_end().to_owned(),
        })?;
        config.check(path)?;
        if !config.ways.lead_in(config.kiosk.listen.0.is_some()) {
            return Err(ConfigError::NoWayIn { path: path.into() });
        }
        if let Some(detail) = config.gpio.contradiction() {
            let path = path.into();
            return Err(ConfigError::Contradiction { path, detail });
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        config.data = folder.join(&config.data);
        config.models = folder.join(&config.models);
        match &mut config.camera.source {
            Source::Auto | Source::Rpicam(_) => {}
            Source::V4l2(p) | Source::Folder(p) | Source::Clip(p) => *p = folder.join(&*p),
        }
        Ok(config)
    }

    fn check(&self, path: &Path) -> Result<(), ConfigError> {
        let (camera, gate) = (&self.camera, &self.gate);
        let seconds = "between 0 and 86400";
        let is_seconds = |s: f64| (0.0..=86_400.0).contains(&s);
        let limit = "between 2 and 3600";
        let is_limit = |s: f64| (2.0..=3600.0).contains(&s);
        for (holds, key, found, wanted) in [
            (
                (16..=8192).contains(&camera.width),
                "camera.width",
                camera.width.to_string(),
                "between 16 and 8192",
            ),
            (
                (16..=8192).contains(&camera.height),
                "camera.height",
                camera.height.to_string(),
                "between 16 and 8192",
            ),
            (
                (0.1..=60.0).contains(&camera.fps),
                "camera.fps",
                camera.fps.to_string(),
                "between 0.1 and 60",
            ),
            (
                (0.01..=3600.0).contains(&camera.retry_s),
                "camera.retry_s",
                camera.retry_s.to_string(),
                "between 0.01 and 3600",
            ),
            (
                (camera.retry_s..=3600.0).contains(&camera.retry_max_s),
                "camera.retry_max_s",
                camera.retry_max_s.to_string(),
                "between retry_s and 3600",
            ),
            (
                (1..=3).contains(&gate.frames),
                "gate.frames",
                gate.frames.to_string(),
                "between 1 and 3",
            ),
            (
                (20..=480).contains(&gate.min_face_px),
                "gate.min_face_px",
                gate.min_face_px.to_string(),
                "between 20 and 480",
            ),
            (
                (1.0..=60.0).contains(&gate.touch_s),
                "gate.touch_s",
                gate.touch_s.to_string(),
                "between 1 and 60",
            ),
            (
                (0.0..=5.0).contains(&gate.hold_s),
                "gate.hold_s",
                gate.hold_s.to_string(),
                "between 0 and 5",
            ),
            (
                is_seconds(gate.away_s),
                "gate.away_s",
                gate.away_s.to_string(),
                seconds,
            ),
            (
                is_seconds(gate.repunch_s),
                "gate.repunch_s",
                gate.repunch_s.to_string(),
                seconds,
            ),
            (
                is_seconds(gate.reverse_s),
                "gate.reverse_s",
                gate.reverse_s.to_string(),
                seconds,
            ),
            (
                (1e-5..=1e-2).contains(&gate.fpir),
                "gate.fpir",
                gate.fpir.to_string(),
                "between 0.00001 and 0.01",
            ),
            (
                (0.5..=30.0).contains(&self.gpio.lamp_s),
                "gpio.lamp_s",
                self.gpio.lamp_s.to_string(),
                "between 0.5 and 30",
            ),
            (
                (0.1..=60.0).contains(&self.gpio.relay_s),
                "gpio.relay_s",
                self.gpio.relay_s.to_string(),
                "between 0.1 and 60",
            ),
            (
                (5.0..=3600.0).contains(&self.cloud.status_s),
                "cloud.status_s",
                self.cloud.status_s.to_string(),
                "between 5 and 3600",
            ),
            (
                (6.0..=3600.0).contains(&self.watchdog.camera_s),
                "watchdog.camera_s",
                self.watchdog.camera_s.to_string(),
                "between 6 and 3600",
            ),
            (
                is_limit(self.watchdog.vision_s),
                "watchdog.vision_s",
                self.watchdog.vision_s.to_string(),
                limit,
            ),
            (
                is_limit(self.watchdog.outbox_s),
                "watchdog.outbox_s",
                self.watchdog.outbox_s.to_string(),
                limit,
            ),
            (
                is_limit(self.watchdog.roster_s),
                "watchdog.roster_s",
                self.watchdog.roster_s.to_string(),
                limit,
            ),
            (
                is_limit(self.watchdog.uplink_s),
                "watchdog.uplink_s",
                self.watchdog.uplink_s.to_string(),
                limit,
            ),
        ] {
            if !holds {
                return Err(ConfigError::Range {
                    path: path.into(),
                    key,
                    found,
                    wanted,
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("/etc/limen/terminal.toml")).map_err(|e| e.to_string())
    }

    #[test]
    fn the_printed_defaults_are_the_defaults() {
        let printed: Config = toml::from_str(DEFAULT).unwrap();
        assert_eq!(printed, Config::default());
        assert_eq!(toml::from_str::<Config>("").unwrap(), Config::default());
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_name_and_line() {
        let text = "data = \"x\"\n\n[gate]\nframes = 3\ntolerence = 0.6\n";
        let said = parse(text).unwrap_err();
        assert!(said.contains("`tolerence`"), "{said}");
        assert!(said.contains("line 5"), "{said}");
        assert!(said.contains("/etc/limen/terminal.toml"), "{said}");
        let said = parse("camra = 1").unwrap_err();
        assert!(
            said.contains("`camra`") && said.contains("line 1"),
            "{said}"
        );
    }

    #[test]
    fn a_value_out_of_range_is_refused_with_its_key() {
        let said = parse("[gate]\nframes = 0\n").unwrap_err();
        assert!(
            said.contains("gate.frames is 0, but must be between 1 and 3"),
            "{said}"
        );
        let said = parse("[camera]\nfps = nan\n").unwrap_err();
        assert!(said.contains("camera.fps"), "{said}");
        for (key, wanted) in [
            ("camera_s", "between 6 and 3600"),
            ("vision_s", "between 2 and 3600"),
            ("outbox_s", "between 2 and 3600"),
            ("roster_s", "between 2 and 3600"),
            ("uplink_s", "between 2 and 3600"),
        ] {
            for value in ["1", "3601", "inf", "-1"] {
                let said = parse(&format!("[watchdog]\n{key} = {value}\n")).unwrap_err();
                assert!(said.contains(&format!("watchdog.{key} is")), "{said}");
                assert!(said.contains(wanted), "{said}");
            }
        }
    }

    #[test]
    fn relative_paths_start_at_the_files_folder() {
        let config = parse("data = \"state\"\n[camera]\nsource = \"folder:pictures\"\n").unwrap();
        assert_eq!(config.data, Path::new("/etc/limen/state"));
        assert_eq!(
            config.camera.source,
            Source::Folder("/etc/limen/pictures".into())
        );
        let config = parse("[camera]\nsource = \"clip:/tmp/a:b.mp4\"\n").unwrap();
        assert_eq!(config.camera.source, Source::Clip("/tmp/a:b.mp4".into()));
    }

    #[test]
    fn a_source_of_another_kind_is_refused_in_words() {
        let said = parse("[camera]\nsource = \"rtsp://x\"\n").unwrap_err();
        assert!(
            said.contains("none of") && said.contains("rtsp://x"),
            "{said}"
        );
        let said = parse("[camera]\nsource = \"clip:\"\n").unwrap_err();
        assert!(said.contains("names no path"), "{said}");
        let said = parse("[camera]\nsource = \"rpicam:first\"\n").unwrap_err();
        assert!(said.contains("names no number"), "{said}");
    }

    #[test]
    fn a_source_is_written_as_it_is_read() {
        for text in [
            "auto",
            "rpicam:1",
            "v4l2:/dev/video2",
            "folder:/a",
            "clip:/b:c",
        ] {
            let config = parse(&format!("[camera]\nsource = \"{text}\"\n")).unwrap();
            assert_eq!(config.camera.source.to_string(), text);
        }
    }

    #[test]
    fn the_screen_is_served_to_this_machine_alone() {
        let listen = |text: &str| {
            parse(&format!("[kiosk]\nlisten = \"{text}\"\n")).map(|config| config.kiosk.listen.0)
        };
        assert_eq!(listen(""), Ok(None));
        assert_eq!(listen("127.0.0.1:0").unwrap().unwrap().port(), 0);
        assert!(listen("[::1]:8470").unwrap().is_some());
        for (text, said) in [
            ("0.0.0.0:8470", "for this machine alone"),
            ("192.0.2.7:8470", "for this machine alone"),
            ("127.0.0.1", "no address with a port"),
            ("localhost:8470", "no address with a port"),
        ] {
            let refused = listen(text).unwrap_err();
            assert!(
                refused.contains(said) && refused.contains(text),
                "{refused}"
            );
        }
    }
}
