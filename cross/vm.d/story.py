"""The story of a terminal at a door, in a machine of its own, told by what is seen outside it."""

import argparse
import contextlib
import json
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile

import checker
from doubt import doubt
from door import UNIT, Door
from guest import Guest
from house import ROOT, House
from image import image
from payload import fill
from programs import Ended, Failed, end_on_signals, ignore_signals, say
from told import PATIENCE, Journal, Told, documented

# The host's loopback, as the guest reaches it.
HOST = "10.0.2.2"
TECHNICIAN = ROOT / "docs" / "technician.md"
# How many punches the replay is to write; the machine dies long before.
REPLAYED = 20_000
# How many of them the host saw, and the cloud held, before the machine is killed: sending goes on meanwhile.
BEFORE_THE_KILL, IN_THE_CLOUD = 500, 50


class Story(Door):
    """Its steps, one after the other."""

    def boots(self) -> None:
        with self.told.step("The machine boots") as saw:
            self.guest.boot()
            saw(self.guest.run(". /etc/os-release; echo \"$PRETTY_NAME, Linux $(uname -rm)\"").strip())
            saw(self.guest.run("systemctl --version | head -n 1").strip())

    def has_a_storage_key(self) -> None:
        with self.told.step("The technician makes a storage key") as saw:
            for words in (("mkdir", "credstore.encrypted"), ("systemd-creds", "encrypt")):
                self.guest.run(documented(TECHNICIAN, *words))
            saw("by the lines of docs/technician.md")

    def is_claimed(self) -> None:
        with self.told.step("The technician claims the terminal") as saw:
            port = self.house.port
            # The claim goes in the clear on the machine itself only, so there is a way that begins there.
            self.guest.run(
                f"systemd-run --quiet --unit=limen-way --socket-property=ListenStream=127.0.0.1:{port} "
                f"/lib/systemd/systemd-socket-proxyd {HOST}:{port}"
            )
            line = documented(TECHNICIAN, "systemd-run", " claim ")
            line = line.replace("https://CLOUD", f"http://127.0.0.1:{port}")
            words = self.house.owner.claim("Front door")
            try:
                said = self.guest.run(f"{line} <<<{shlex.quote(words)}", PATIENCE)
            except Failed as problem:
                raise Failed(str(problem).replace(words, "(the words)")) from None
            self.guest.run("systemctl stop limen-way.socket limen-way.service", check=False)
            saw("by the line of docs/technician.md, words on standard input")
            clear = self.guest.run("find /var/lib/private/limen-terminal/identity -name '*.key' -size -33c")
            if clear:
                raise Failed(f"keys lie in the clear: {clear.split()}")
            saw("the keys on the disk are sealed")
            saw(next(row for row in said.splitlines() if row.startswith("claimed:")))

    def serves(self) -> None:
        with self.told.step("The service starts") as saw:
            self.guest.camera("empty", "YUYV")
            # What the technician wrote outlives a power cut from now on.
            self.guest.run(f"systemctl enable --now {UNIT} && sync", PATIENCE)
            shown = self.shown("Type", "ActiveState", "WatchdogUSec", "DynamicUser", "MainPID")
            if [shown[name] for name in ("Type", "ActiveState", "DynamicUser")] != ["notify", "active", "yes"]:
                raise Failed(f"the service is not as deploy/systemd has it: {shown}")
            rows = self.guest.run(f"cat /proc/{shown['MainPID']}/status").splitlines()
            kept = dict(row.split(":", 1) for row in rows)
            if int(kept["CapEff"], 16) or kept["NoNewPrivs"].strip() != "1" or kept["Seccomp"].strip() != "2":
                raise Failed("the service has more rights than its unit says")
            saw(f"Type=notify, active, watchdog {shown['WatchdogUSec']}")
            user = kept["Uid"].split()[0]
            saw(f"a user of its own, {user}, no capabilities, no new privileges, system calls filtered")

    def knows_people(self) -> None:
        with self.told.step("The roster arrives") as saw:
            wanted = len(self.house.people)
            self.until("the roster", lambda: self.house.status().get("people") == wanted)
            saw(f"{wanted} people, by mutual TLS to {HOST}")

    def asks_the_doctor(self) -> None:
        with self.told.step("The technician asks the doctor, beside the working service") as saw:
            line = documented(TECHNICIAN, "systemd-run", " claim ")
            before, _, _ = line.partition(" claim ")
            pid = self.pid()
            said = self.guest.run(f"{before} doctor --json --config /etc/limen/terminal.toml || true", 3 * PATIENCE)
            checks = {check["part"]: check for check in json.loads(said)["checks"]}
            for part, words in {
                "data folder": "a terminal works with it",
                "camera": "the running terminal has v4l2:/dev/video0",
                "encryption": "mutual TLS 1.3",
                "answer": "not asked",
                "roster": f"{len(self.house.people)} people",
                "service": "active",
            }.items():
                if checks[part]["severity"] != "ok" or words not in checks[part]["seen"]:
                    raise Failed(f"the doctor should say that {part} is well: {checks[part]}")
            if self.pid() != pid:
                raise Failed("the service did not live through it")
            faults = [check["fault"] for check in checks.values() if "fault" in check]
            saw(f"{len(checks)} parts, the service undisturbed; faults: {', '.join(faults) or 'none'}")

    def lists_cameras(self) -> None:
        with self.told.step("The technician looks at the camera") as saw:
            self.guest.camera("barack", "YUYV")
            # Without a configuration: the first camera that gives pictures, and nothing of faces.
            said = self.guest.run("cd / && limen-daemon camera || [ $? = 1 ]", PATIENCE)
            for words in ("/dev/video0  Limen test camera", "YUYV", 'camera.source = "auto": pictures of 640 × 480'):
                if words not in said:
                    raise Failed(f"limen-daemon camera does not say {words!r}: {said}")
            saw(next(row for row in said.splitlines() if row.startswith("camera.source")))

    def sees_barack(self) -> None:
        with self.told.step("Barack's face at /dev/video0 in YUYV") as saw:
            seq = self.face("obama", "barack", "YUYV")
            saw(f"green, number {seq} is on the disk")
            self.page_shows("obama", True, 1)
            saw("the live page shows him in")

    def loses_the_camera(self) -> None:
        with self.told.step("The camera is taken away") as saw:
            self.guest.camera(None)
            status = self.until(
                "the cloud to hear of it",
                lambda: (s := self.house.status()).get("camera") not in (None, "ok") and s,
            )
            faults = "; ".join(status.get("faults", []))
            saw(f"the terminal's status in the cloud says camera {status['camera']}: {faults}")

    def sees_joe(self) -> None:
        with self.told.step("It is given back in MJPG, with Joe") as saw:
            seq = self.face("biden", "joe", "MJPG")
            self.until("the cloud to hear of the camera", lambda: self.house.status().get("camera") == "ok")
            saw(f"camera ok; green, number {seq}")
            self.page_shows("biden", True, 1)
            saw("the live page shows him in")

    def line_is_cut(self) -> None:
        with self.told.step("The line is cut, and Barack leaves") as saw:
            self.guest.line(False)
            before = self.house.events()
            seq = self.face("obama", "barack", "MJPG")
            if self.house.events() != before or len(self.house.punches("obama")) != 1:
                raise Failed("the cloud heard of the punch although the line was cut")
            saw(f"green without a line, number {seq}; the cloud still holds {before} events")
        with self.told.step("The line is back") as saw:
            self.guest.line(True)
            self.page_shows("obama", False, 2)
            saw("the page shows Barack out, the punch is there once")
            status = self.all_acknowledged()
            saw(f"the terminal says {status['waiting']} events wait: the cloud's acknowledgement came")

    def is_killed(self) -> None:
        with self.told.step("kill -9") as saw:
            pid = self.pid()
            self.guest.run(f"kill -9 {pid}")
            other = self.await_service(pid)
            saw(f"systemd brought it back: process {pid} is {other}, active")
            self.all_acknowledged()
            saw("its start is acknowledged")

    def hangs(self) -> None:
        with self.told.step("The vision stage hangs") as saw:
            # Somebody nobody knows gives it something to look at.
            pid, since, before = self.pid(), self.journal.mark(), self.house.status()
            self.guest.run(f"systemd-run --quiet --collect --unit=limen-hold /usr/lib/limen/hold vision {pid}")
            saw("held by ptrace while everything else lives")
            stage = self.journal.hear("a stage hangs", since)["stage"]
            if stage != "vision":
                raise Failed(f"the terminal blames {stage}")
            saw("the terminal says itself which stage hangs")
            self.journal.hear("Watchdog timeout", since)
            self.journal.hear("Failed with result 'watchdog'", since)
            other = self.await_service(pid)
            restarts = self.shown("NRestarts")["NRestarts"]
            saw(f"systemd's watchdog killed process {pid}; {other} is active, restarts {restarts}")
            self.until("a status of the new process", lambda: self.house.status().get("next", 0) > before["next"])
            saw("its status reached the cloud")

    def dies_in_mid_write(self) -> None:
        with self.told.step("The machine dies in mid-write") as saw:
            self.guest.run(f"systemctl stop {UNIT}", PATIENCE)
            since, held = self.journal.mark(), self.house.events()
            before = len(checker.seen(self.guest.journal).replayed)
            claim = shlex.split(documented(TECHNICIAN, "systemd-run", " claim "))
            # The same user, folder and key as the service's: whatever the claim was given by systemd.
            given = [f"{a} {shlex.quote(b)}" for a, b in zip(claim, claim[1:]) if a == "-p"]
            self.guest.run(
                f"systemd-run --quiet --unit=limen-replay {' '.join(given)} "
                f"/payload/bin/replay --config /etc/limen/terminal.toml --count {REPLAYED}"
            )

            def enough():
                if self.journal.find("limen-replay.service: Failed", since):
                    raise Failed("the replay failed; the terminal's journal says why")
                replayed = len(checker.seen(self.guest.journal).replayed) - before
                return replayed >= BEFORE_THE_KILL and self.house.events() > held + IN_THE_CLOUD and replayed

            replayed = self.until("the replay to be well under way", enough)
            self.guest.kill()
            if self.journal.find("replay: done", since):
                raise Failed("the replay was through before the machine died; let it write more")
            last = len(checker.seen(self.guest.journal).replayed) - before
            saw("a replayed signed log stands in for faces: badges of both people, no frames")
            saw(f"SIGKILL to the machine after {replayed} lines; {last} were seen, each of a punch on the disk")
            saw(f"the cloud held {self.house.events() - held} of them")

    def boots_again(self) -> None:
        with self.told.step("It boots again with the same disk") as saw:
            since, boot = self.journal.mark(), self.house.status()["boot"]
            self.guest.boot()
            self.journal.hear("limen-daemon is ready", since)
            status = self.all_acknowledged(other_than=boot)
            saw(f"the service sent the rest: {status['next'] - 1} events, all acknowledged")

    def pays(self) -> dict[str, list[dict]]:
        with self.told.step("Hours") as saw:
            self.guest.run(f"systemctl stop {UNIT}", PATIENCE)
            self.until("the last words", lambda: not self.house.terminal()["online"])
            hours = self.house.hours()
            for key, rows in ((key, hours[identity]) for key, identity in self.house.people.items()):
                first = rows[0]
                saw(f"{key} is shown {len(rows)} sessions, the first {first['check_in']} to {first['check_out']}")
            return hours

    def demo_runs(self) -> None:
        with self.told.step("./demo --camera /dev/video0, in the guest") as saw:
            # A cloud of its own there, and who is enrolled by the demo stands before the camera.
            self.guest.camera("barack", "YUYV")
            self.guest.run(
                "systemd-run --quiet --unit=limen-demo -p RemainAfterExit=yes -p WorkingDirectory=/payload "
                "python3 -B -u demo.d/play.py --bin /payload/bin --built --camera /dev/video0"
            )

            def said():
                text = self.guest.run("journalctl --boot --unit=limen-demo --output=cat")
                if "The demo failed" in text or "Failed with result" in text:
                    raise Failed(f"the demo in the guest failed:\n{text}")
                is_in = "Barack Obama: in, at Front door"
                return next((row.strip() for row in text.splitlines() if is_in in row), None)

            # Three photographs and three frames, of which each takes seconds.
            words = self.until("the demo to see Barack come in", said, 3 * PATIENCE)
            saw(f'it says "{words}"')
            self.guest.run("systemctl kill --signal=INT --kill-whom=main limen-demo")

            def ended():
                shown = self.shown("SubState", "ExecMainStatus", unit="limen-demo")
                return shown["ExecMainStatus"] if shown["SubState"] in ("exited", "failed") else None

            if self.until("the demo to end", ended) != "0":
                raise Failed("after Ctrl-C the demo ended with another status than 0")
            saw("Ctrl-C ended it with status 0")

    def powers_off(self) -> None:
        with self.told.step("Power off") as saw:
            self.guest.power_off()
            saw("cleanly")

    def is_judged(self, folder: pathlib.Path, hours: dict[str, list[dict]] | None) -> None:
        with self.told.step("The checker, outside the guest") as saw:
            state = self.guest.state(folder / "state")
            self.house.stop()
            terminal, onlooker = state / "terminal.db", checker.seen(self.guest.journal)
            problems = checker.check(terminal, self.house.database, onlooker)
            events = checker.written(terminal) if not problems else []
            if events:
                faces = [e.claims["person"] for e in events if e.is_punch and e.claims["method"] == "face"]
                if faces != [self.house.people[key] for key in self.greens]:
                    problems.append(f"{len(faces)} punches by face in the log, {len(self.greens)} in the story")
                problems += checker.check_hours(events, hours) if hours is not None else []
            if problems:
                raise Failed("; ".join(problems))
            saw(f"{len(events)} events, from 1 without a gap, the chain whole, the same bytes at terminal and cloud")
            greens, replayed = len(onlooker.greens), len(onlooker.replayed)
            saw(f"green lights seen: {greens}, replayed lines seen: {replayed}; each is there once")
            if hours is not None:
                saw("every session is of exactly the punches' instants")
            tried, overlooked = doubt(terminal, self.house.database, onlooker)
            if overlooked:
                raise Failed(f"the checker overlooks: {'; '.join(overlooked)}")
            saw(f"of {tried} damages to copies it overlooked none")

    def play(self, folder: pathlib.Path, cuts: int) -> None:
        """All of it, with so many power cuts."""
        self.boots()
        self.has_a_storage_key()
        self.is_claimed()
        self.serves()
        self.knows_people()
        self.sees_barack()
        self.loses_the_camera()
        self.sees_joe()
        self.line_is_cut()
        self.is_killed()
        self.hangs()
        self.asks_the_doctor()
        for _ in range(cuts):
            self.dies_in_mid_write()
            self.boots_again()
        hours = self.pays()
        self.lists_cameras()
        self.demo_runs()
        self.powers_off()
        self.is_judged(folder, hours)

    def play_briefly(self, folder: pathlib.Path) -> None:
        """For a processor that is emulated more slowly: boot, claim, camera, one punch."""
        self.boots()
        self.has_a_storage_key()
        self.is_claimed()
        self.serves()
        self.knows_people()
        self.sees_barack()
        self.all_acknowledged()
        self.powers_off()
        self.is_judged(folder, None)


def main() -> int:
    """Plays the story and leaves nothing behind."""
    parser = argparse.ArgumentParser(prog="cross/vm", description="A terminal's story in a virtual machine.")
    parser.add_argument("--bin", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--daemon", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--keep", action="store_true", help="keep the folder of disks, databases and logs")
    parser.add_argument("--cuts", type=int, default=1, help="how many power cuts, 1 unless told")
    parser.add_argument("arch", nargs="?", default="x86_64", choices=("x86_64", "aarch64"))
    arguments = parser.parse_args()

    folder = pathlib.Path(tempfile.mkdtemp(prefix="limen-vm-"))
    end_on_signals()
    told, status = Told(), 0
    with contextlib.ExitStack() as tidying:
        if arguments.keep:
            say(f"Everything is in {folder} and stays there")
        else:
            tidying.callback(shutil.rmtree, folder, ignore_errors=True)
        house = guest = None
        try:
            machine = image(arguments.arch)
            house = House(arguments.bin, folder, HOST)
            tidying.callback(house.stop)
            built = arguments.bin
            programs = {"limen-daemon": arguments.daemon}
            if arguments.arch == "x86_64":
                programs |= {"replay": built / "examples" / "replay", "limen-cloud": built / "limen-cloud"}
            fill(folder / "payload", programs)
            (folder / "guest").mkdir()
            guest = Guest(machine, folder / "payload", folder / "guest")
            tidying.callback(guest.kill)
            story = Story(house, guest, told)
            story.play(folder, arguments.cuts) if arguments.arch == "x86_64" else story.play_briefly(folder)
            print("The story is true.", flush=True)
        except Ended:
            say("\nEnding.")
            status = 1
        except (Failed, LookupError, OSError, subprocess.SubprocessError) as problem:
            told.failed(problem)
            if guest:
                print(f"The terminal's journal said last:\n{Journal(guest.journal, []).tail()}", flush=True)
            status = 1
        finally:
            ignore_signals()
    return status


if __name__ == "__main__":
    sys.exit(main())
