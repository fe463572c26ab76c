//! The machine itself: room, time, service, power, heat, card.

use std::fs;
use std::path::Path;
use std::process::Command;

use limen_wire::event::Clock as Worth;

use super::fault;
use super::round::{Machine, Said};
use crate::clock::{self, Clock};
use crate::config::Config;
use crate::outbox::{self, Outbox};

/// A month of punches fits into that.
const LOW_MIB: u64 = 200;
/// At 85 °C a Raspberry Pi slows down.
const HOT_C: i32 = 80;

pub(super) fn disk(data: &Path) -> Said {
    let room = outbox::room_in(data);
    let Some(mib) = room.free_mib() else {
        return Said::Well("how much is free can't be told".to_owned());
    };
    let seen = format!("{mib} MiB are free");
    if !room.is_enough() {
        let kept = room.reserve / (1024 * 1024);
        Said::Ill(
            &fault::DISK_FULL,
            format!("{seen}, {kept} are not for punches"),
        )
    } else if mib < LOW_MIB {
        Said::Ill(&fault::DISK_LOW, seen)
    } else {
        Said::Well(seen)
    }
}

pub(super) fn clock(config: &Config, database_is_whole: bool) -> Said {
    let has_one = database_is_whole && config.data.join(crate::database::FILE).exists();
    let synced_boot = match has_one {
        true => Outbox::synced_boot(&config.data).unwrap_or_default(),
        false => None,
    };
    let now = Clock::new(config.clock.trust, synced_boot).and_then(|clock| clock.read());
    let now = match now {
        Ok(now) => now,
        Err(error) => return Said::Ill(&fault::CLOCK_UNSYNCED, error.to_string()),
    };
    let battery = match clock::has_battery() {
        true => "a battery clock carries it over a power cut",
        false => {
            "there is no battery clock: after a power cut it is wrong until a time server is reached"
        }
    };
    let seen = format!("{}; {battery}", now.at);
    if clock::is_plainly_wrong(now.at) {
        return Said::Ill(&fault::CLOCK_WRONG, seen);
    }
    match now.clock {
        Worth::Synced => Said::Well(format!("synchronised, {seen}")),
        Worth::Holdover => Said::Well(format!(
            "not synchronised now, believed since it was in this boot or a battery kept it, {seen}"
        )),
        Worth::Unsynced => Said::Ill(&fault::CLOCK_UNSYNCED, seen),
    }
}

/// The words of a program, where it is there and ends well.
fn words_of(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

pub(super) fn service(is_claimed: bool) -> Said {
    let wanted = "--property=LoadState,ActiveState,NRestarts,WatchdogUSec,StatusText";
    let Some(shown) = words_of("systemctl", &["show", "limen-daemon.service", wanted]) else {
        return Said::Well("not looked at: systemd does not answer here".to_owned());
    };
    let value = |name: &str| {
        let mut rows = shown.lines().filter_map(|row| row.split_once('='));
        rows.find(|(key, _)| *key == name)
            .map_or("", |(_, value)| value)
    };
    if value("LoadState") != "loaded" {
        return Said::Well(
            "it is not installed as a service (docs/technician.md, \"For good\")".to_owned(),
        );
    }
    let seen = format!("{}: {}", value("ActiveState"), value("StatusText"));
    let seen = seen.trim_end_matches([':', ' ']).to_owned();
    if value("ActiveState") != "active" {
        return match is_claimed {
            true => Said::Ill(&fault::SERVICE_DOWN, seen),
            false => Said::Well(format!("{seen}: it waits for the claim")),
        };
    }
    if matches!(value("WatchdogUSec"), "0" | "infinity" | "") {
        return Said::Ill(&fault::WATCHDOG_OFF, seen);
    }
    match value("NRestarts").parse() {
        Ok(0) | Err(_) => Said::Well(seen),
        Ok(times @ 1_u32..) => Said::Ill(
            &fault::SERVICE_RESTARTS,
            format!("{seen}; started again {times} times"),
        ),
    }
}

/// What a Raspberry Pi's firmware says (`vcgencmd get_throttled`), or the kernel where that program is missing.
pub(super) fn power(machine: &Machine) -> Said {
    /// Under-voltage, now and since the start.
    const UNDER_VOLTAGE: u32 = 0x1_0001;
    /// Frequency capped, throttled, soft temperature limit; now and since the start.
    const SLOWED: u32 = 0xe_000e;
    let said = words_of("vcgencmd", &["get_throttled"]);
    let bits = said.as_deref().and_then(|said| {
        let digits = said.strip_prefix("throttled=0x")?;
        u32::from_str_radix(digits, 16).ok()
    });
    if let (Some(said), Some(bits)) = (said, bits) {
        return if bits & UNDER_VOLTAGE != 0 {
            Said::Ill(&fault::POWER, said)
        } else if bits & SLOWED != 0 {
            Said::Ill(&fault::THROTTLED, said)
        } else {
            Said::Well(said)
        };
    }
    for sensor in folders(&machine.path("sys/class/hwmon")) {
        let text = |file: &str| fs::read_to_string(sensor.join(file)).unwrap_or_default();
        if text("name").trim() != "rpi_volt" {
            continue;
        }
        return match text("in0_lcrit_alarm").trim() {
            "1" => Said::Ill(&fault::POWER, "the kernel saw under-voltage".to_owned()),
            _ => Said::Well("the kernel saw no under-voltage".to_owned()),
        };
    }
    Said::Well("not looked at: this machine does not tell".to_owned())
}

pub(super) fn temperature(machine: &Machine) -> Said {
    let zones = folders(&machine.path("sys/class/thermal"));
    let hottest = zones
        .iter()
        .filter_map(|zone| fs::read_to_string(zone.join("temp")).ok())
        .filter_map(|text| Some(text.trim().parse::<i32>().ok()? / 1000))
        .max();
    match hottest {
        Some(degrees @ HOT_C..) => Said::Ill(&fault::HOT, format!("{degrees} °C")),
        Some(degrees) => Said::Well(format!("{degrees} °C")),
        None => Said::Well("not looked at: this machine does not tell".to_owned()),
    }
}

/// What the file system counted, and what a card that keeps account of its wear says (JEDEC eMMC 5.0: `life_time` in
/// tenths, `pre_eol_info` 2 and 3 near the end; plain SD cards say nothing).
pub(super) fn card(machine: &Machine) -> Said {
    let mut looked = false;
    for folder in folders(&machine.path("sys/fs/ext4")) {
        let Ok(count) = fs::read_to_string(folder.join("errors_count")) else {
            continue;
        };
        looked = true;
        if count.trim() != "0" {
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            let seen = format!("{} errors in the file system on {name}", count.trim());
            return Said::Ill(&fault::CARD, seen);
        }
    }
    for disk in folders(&machine.path("sys/block")) {
        let text = |file: &str| fs::read_to_string(disk.join("device").join(file)).ok();
        let number = |text: &str| u8::from_str_radix(text.trim().trim_start_matches("0x"), 16).ok();
        let name = disk.file_name().unwrap_or_default().to_string_lossy();
        if let Some(life) = text("life_time") {
            looked = true;
            let worst = life.split_whitespace().filter_map(number).max();
            if worst.is_some_and(|tenths| tenths >= 10) {
                return Said::Ill(&fault::CARD, format!("{name} has used up its writes"));
            }
        }
        if text("pre_eol_info").as_deref().and_then(number) >= Some(2) {
            return Said::Ill(&fault::CARD, format!("{name} is near its end"));
        }
    }
    Said::Well(match looked {
        true => "no errors are counted".to_owned(),
        false => "not looked at: the disk keeps no count".to_owned(),
    })
}

fn folders(parent: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}
