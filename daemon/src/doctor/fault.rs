//! What can be wrong with a terminal that a technician can mend: one table, which docs/technician.md repeats.

use serde::Serialize;

use crate::camera::Problem;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing is wrong.
    Ok,
    /// The terminal works, and something should be looked at.
    Warning,
    /// It does not do all that it is there for, or will not for long.
    Fault,
}

/// Something that can be wrong.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// What a monitor knows it by.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What it is, in words.
    pub is: &'static str,
    /// What to do.
    pub mend: &'static str,
}

macro_rules! faults {
    ($($name:ident: $severity:ident, $code:literal, $is:expr, $mend:expr;)*) => {
        $(
            #[doc = concat!("`", $code, "`.")]
            pub const $name: Fault = Fault {
                code: $code,
                severity: Severity::$severity,
                is: $is,
                mend: $mend,
            };
        )*
        /// Every fault, in the order in which they are looked for.
        pub const ALL: &[Fault] = &[$($name),*];
    };
}

faults! {
    CONFIG: Fault, "configuration", "the configuration is refused",
        "correct the key that is named; `limen-daemon default-config` prints all of them with their ranges";
    DATA: Fault, "data-folder", "the data folder can't be used",
        "set `data` to a folder that the terminal's user may write; as a service systemd makes /var/lib/limen-terminal";
    DATA_OPEN: Warning, "data-open", "others may look into the data folder",
        "chmod 700 the data folder";
    DISK_FULL: Fault, "disk-full", "the disk is full, so no punch is taken any more and the light is red",
        "make room on the disk of the data folder, or put in a larger card; never delete terminal.db";
    DISK_LOW: Warning, "disk-low", "the disk is nearly full",
        "make room on the disk of the data folder, or put in a larger card";
    DATABASE: Fault, "database", "the database is damaged",
        "start the terminal again: it keeps the damaged file as terminal.db.damaged-…, salvages what can be read and begins a new outbox; then exchange the card";
    SET_ASIDE: Warning, "set-aside", "a damaged database was set aside, and what could be read of it salvaged",
        "exchange the card, which fails; send the files named to whoever repairs them, and delete them here";
    NOT_CLAIMED: Fault, "not-claimed", "nobody has claimed the terminal",
        "make a code in the dashboard and run `limen-daemon claim`";
    KEYS: Fault, "keys", "the terminal's keys or its claim can't be used",
        "do what is said; if it can't be done, remove the data folder and claim the terminal again";
    CERTIFICATE: Fault, "certificate", "the terminal's own certificate has run out or is not its own",
        "check the clock first; then claim the terminal again";
    MODELS: Fault, "models", "the face models can't be used",
        "install the folder `models/` of this version again, and set `models` to it";
    RECOGNITION: Fault, "recognition", "the models don't tell people apart on this machine",
        "install the program and the models again; if it stays, exchange the machine, whose memory or processor fails";
    CLOCK_WRONG: Fault, "clock-wrong", "the clock is plainly wrong",
        "set it (`timedatectl set-time`), let a time service reach the network, and put in a battery for the clock";
    CLOCK_UNSYNCED: Fault, "clock-unsynced", "nobody vouches for the clock, so punches can't be paid by their time yet",
        "`systemctl enable --now systemd-timesyncd`, and let it reach a time server (UDP port 123)";
    CAMERA_MISSING: Fault, "camera-missing", "there is no camera, or not the one that is named",
        "plug it in; `limen-daemon camera` lists what is there, set camera.source to one of them or to \"auto\"";
    CAMERA_DENIED: Fault, "camera-denied", "the terminal's user may not open the camera",
        "add the user to the group `video`; run the doctor as the service's user (docs/technician.md)";
    CAMERA_BUSY: Fault, "camera-busy", "another program has the camera",
        "stop that program: `fuser -v /dev/video*` names it";
    CAMERA_SILENT: Fault, "camera-silent", "the camera gives no pictures that can be read",
        "unplug it and plug it in again, without a hub; try another cable and another camera";
    CAMERA_COVERED: Warning, "camera-covered", Problem::Covered.words(), Problem::Covered.mend();
    CAMERA_STUCK: Fault, "camera-stuck", "the camera gives one colour or one picture all the time", Problem::Frozen.mend();
    CAMERA_DARK: Warning, "camera-dark", Problem::Dark.words(), Problem::Dark.mend();
    CAMERA_BRIGHT: Warning, "camera-bright", Problem::Bright.words(), Problem::Bright.mend();
    CAMERA_BACKLIT: Warning, "camera-backlit", Problem::Backlit.words(), Problem::Backlit.mend();
    CAMERA_BLURRED: Warning, "camera-blurred", Problem::Blurred.words(), Problem::Blurred.mend();
    CAMERA_TURNED: Fault, "camera-turned", "the camera hangs on its head or on its side", Problem::UpsideDown.mend();
    GPIO_MISSING: Fault, "gpio-missing", "lamp, buzzer, relay or button have a chip or a line that isn't there",
        "`gpiodetect` and `gpioinfo` (package gpiod) show what is there; correct [gpio] in terminal.toml";
    GPIO_DENIED: Fault, "gpio-denied", "the terminal's user may not open the GPIO chip",
        "install the rule and the drop-in for GPIO (docs/technician.md, \"Lamp, buzzer and relay\"); run the doctor as the service's user, with -p SupplementaryGroups=gpio";
    GPIO_HELD: Fault, "gpio-held", "something else has a line of lamp, buzzer, relay or button",
        "take another line, or end what has it; a driver of the kernel goes with its line in /boot/firmware/config.txt";
    GPIO_NOT_TAKEN: Fault, "gpio-not-taken", "the running terminal has not got its lamp, buzzer, relay or button",
        "`journalctl -u limen-daemon -p err` says why; mostly its drop-in for GPIO is missing (docs/technician.md, \"Lamp, buzzer and relay\")";
    ADDRESS: Fault, "address", "the cloud's address can't be used",
        "correct `mqtt` in [cloud], or empty it, so that the one of the claim is taken";
    NAME: Fault, "name", "the cloud's name can't be resolved",
        "check the network cable or Wi-Fi and the name server (`resolvectl status`), then the name's spelling";
    UNREACHABLE: Fault, "unreachable", "nothing answers at the cloud's address",
        "check that the cloud runs and that no firewall stands between: its MQTT port must be open to the terminal";
    TLS_EXPIRED: Fault, "tls-expired", "the cloud's certificate is not valid at this time",
        "check the terminal's clock first; if it is right, renew the certificate of the broker or proxy that answers (the cloud's own run until 2049)";
    TLS_SOON: Warning, "tls-soon", "a certificate runs out within two weeks",
        "renew the certificate of the broker or proxy that answers; for the terminal's own, claim it again";
    TLS_FOREIGN: Fault, "tls-foreign", "who answers is not the cloud that claimed this terminal",
        "check the address and what stands between (a proxy, another cloud at the same address); after a move to another cloud, claim the terminal again";
    TLS_BROKEN: Fault, "tls-broken", "no encrypted line comes about",
        "check that the address is the MQTT port with TLS, and that the terminal is not revoked in the dashboard";
    REVOKED: Fault, "revoked", "the cloud does not let this terminal in",
        "look at the terminal in the dashboard: if it is revoked or gone there, claim it again";
    NO_ROSTER: Warning, "no-roster", "the cloud has sent no people yet",
        "wait until the line to the cloud has been up for a minute; check that the terminal's site has people";
    BACKLOG: Warning, "backlog", "the cloud has not acknowledged events for more than an hour",
        "they are safe here; see what is said of the line to the cloud, then look at the cloud";
    SERVICE_DOWN: Fault, "service-down", "the service limen-daemon does not run",
        "`systemctl enable --now limen-daemon`; `journalctl -u limen-daemon` says why it ended";
    SERVICE_RESTARTS: Warning, "service-restarts", "the service had to be started again",
        "`journalctl -u limen-daemon -p warning` says what hung or failed";
    WATCHDOG_OFF: Warning, "watchdog-off", "no watchdog looks after the service",
        "install deploy/systemd/limen-daemon.service of this version, with its WatchdogSec";
    POWER: Fault, "power", "the power supply is too weak, or was since the machine started",
        "use the power supply made for this machine and a short cable; connect the camera through a hub with its own power";
    THROTTLED: Warning, "throttled", "the processor is slowed down, or was since the machine started",
        "give it air or a heat sink, and a power supply that is strong enough";
    HOT: Warning, "hot", "the machine is too hot",
        "give it air or a heat sink, and keep the sun off it";
    CARD: Fault, "card", "the disk or card reports errors or is worn out",
        "back up the data folder with the terminal stopped, and exchange the card for one made for endurance";
}

/// What is said of what a camera shows.
pub(super) fn of(problem: Problem) -> &'static Fault {
    match problem {
        Problem::Covered => &CAMERA_COVERED,
        Problem::OneColour | Problem::Frozen => &CAMERA_STUCK,
        Problem::Dark => &CAMERA_DARK,
        Problem::Bright => &CAMERA_BRIGHT,
        Problem::Backlit => &CAMERA_BACKLIT,
        Problem::Blurred => &CAMERA_BLURRED,
        Problem::UpsideDown | Problem::Sideways => &CAMERA_TURNED,
    }
}
