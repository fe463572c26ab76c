"""The story of a terminal at a door, in a machine of its own, told by what is seen outside it."""

import argparse
import contextlib
import json
import os
import pathlib
import random
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
from payload import LINES, fill
from programs import Ended, Failed, end_on_signals, ignore_signals, say
from told import PATIENCE, Journal, Told, documented

# The host's loopback, as the guest reaches it.
HOST = "10.0.2.2"
TECHNICIAN = ROOT / "docs" / "technician.md"
# What a reader types for Joe's badge.
BADGE = "04:A2-FE_17/99"
# A punch by face takes half of that here.
UNTOUCHED_S = 20
# How many punches the replay is to write; the machine dies long before.
REPLAYED = 20_000
# How many of them the host saw, and the cloud held, before the machine is killed: sending goes on meanwhile.
BEFORE_THE_KILL, IN_THE_CLOUD = 500, 50


class Story(Door):
    """Its steps, one after the other."""

    def boots(self) -> None:
        with self.story.step("The machine boots") as saw:
            self.guest.boot()
            saw(self.guest.run(". /etc/os-release; echo \"$PRETTY_NAME, Linux $(uname -rm)\"").strip())
            saw(self.guest.run("systemctl --version | head -n 1").strip())

    def has_a_storage_key(self) -> None:
        with self.story.step("The technician makes a storage key") as saw:
            for words in (("mkdir", "credstore.encrypted"), ("systemd-creds", "encrypt")):
                self.guest.run(documented(TECHNICIAN, *words))
            saw("by the lines of docs/technician.md")

    def is_claimed(self) -> None:
        with self.story.step("The technician claims the terminal") as saw:
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

    def has_a_lamp(self) -> None:
        with self.story.step("The technician wires lamp, buzzer, relay and button, and tries them") as saw:
            for words in (("groupadd",), ("60-limen-gpio.rules",), ("limen-daemon.service.d",)):
                self.guest.run(f"cd /payload && {documented(TECHNICIAN, *words)}")
            mark = self.lines_mark()
            self.guest.run(
                f"systemd-run --quiet --unit=limen-try -p RemainAfterExit=yes "
                f"sh -c {shlex.quote(documented(TECHNICIAN, 'test-io'))}"
            )

            def said() -> str:
                return self.guest.run("journalctl --boot --unit=limen-try --output=cat")

            self.until("to be asked for the button", lambda: "press it" in said())
            self.press_the_button()
            status = self.until("the end of it", lambda: self.ended("limen-try"))
            if status != "0" or "was pressed" not in said():
                raise Failed(f"test-io ended with status {status}:\n{said()}")
            self.guest.run("systemctl stop limen-try")
            self.lines_mark()
            lines = self.lines(mark)
            pulses = {part: len(lines.pulses(part)) for part in LINES if part != "button"}
            # In, out, again, refused and not kept are nine tones.
            if pulses != {"green": 1, "red": 1, "amber": 1, "buzzer": 9, "relay": 1}:
                raise Failed(f"test-io switched {pulses}:\n{said()}")
            saw(f"by the lines of docs/technician.md; on the chip: {pulses}, then nothing")
            saw("the button was pressed, status 0")

    def press_the_button(self) -> None:
        self.guest.run(f"/usr/lib/limen/gpio press {LINES['button']}")

    def ended(self, unit: str) -> str | None:
        """The status of a unit whose program has ended; None before."""
        shown = self.shown("SubState", "ExecMainStatus", unit=unit)
        return shown["ExecMainStatus"] if shown["SubState"] in ("exited", "failed") else None

    def types_a_pin(self) -> None:
        with self.story.step("Barack types his PIN on the terminal's own screen") as saw:
            page, metrics = self.screen(["/"], ["/metrics"])
            if page["status"] != 200 or "text/html" not in page["type"] or "<script" not in page["text"]:
                raise Failed(f"the screen is no page: {page}")
            if metrics["status"] != 200 or "limen" not in metrics["text"]:
                raise Failed(f"the screen has no numbers: {metrics}")
            since = self.journal.mark()
            typed = self.house.pin("obama")
            self.journal.hear("the gallery is exchanged", since)
            mark = self.lines_mark()
            (view,) = self.pin(typed[:-6] + f"{(int(typed[-6:]) + 1) % 10**6:06}")
            if (view["kind"], view.get("why")) != ("refused", "pin"):
                raise Failed(f"a wrong PIN is shown as {view}")
            saw(f"a wrong one is refused: {self.answered(mark, 'refused')}")
            self.visit_ended("obama")
            mark, since = self.lines_mark(), self.journal.mark()
            # At once, or it would be another visit.
            view, again = self.pin(typed, typed)
            seq = self.green("obama", "pin", since)
            wanted = {"kind": "punched", "seq": seq, "direction": "out", "name": "Barack"}
            if not wanted.items() <= view.items() or again["kind"] != "again":
                raise Failed(f"the screen shows {view} and {again}, not {wanted} and that he is out already")
            saw(f"his own: green, number {seq}, and once more: {self.answered(mark, 'out', 'again')}")
            saw(self.page_shows("obama"))
            refused = self.guest.run(f"{documented(TECHNICIAN, 'test-io')}; [ $? = 1 ]")
            if "held by a terminal that runs" not in refused:
                raise Failed(f"test-io beside the service says {refused}")
            saw("test-io is refused meanwhile")

    def pin(self, *typed: str) -> list[dict]:
        """Numbers and PINs, as the screen's own page sends them; what it shows after each."""
        told = self.screen(*(["/pin", {"typed": one}] for one in typed))
        if any(answer["status"] != 204 for answer in told):
            raise Failed(f"the screen answers a PIN with {told}")
        return [answer["view"] for answer in told]

    def reads_a_badge(self) -> None:
        with self.story.step("Joe holds his badge to a reader that types like a keyboard") as saw:
            since = self.journal.mark()
            self.house.badge("biden", BADGE)
            self.journal.hear("the gallery is exchanged", since)
            mark = self.lines_mark()
            self.types(BADGE.lower())
            saw(f"nobody's is refused: {self.answered(mark, 'refused')}")
            self.visit_ended("biden")
            mark, since = self.lines_mark(), self.journal.mark()
            self.types(BADGE)
            seq = self.green("biden", "badge", since)
            saw(f"his own: green, number {seq}; {self.answered(mark, 'out')}")
            saw(self.page_shows("biden"))

    def types(self, text: str) -> None:
        """The reader types a line."""
        self.guest.run(f"echo {shlex.quote(text)} >/run/limen/reader")

    def fills_the_disk(self) -> None:
        with self.story.step("The disk is full, before anybody loses a punch") as saw:
            ballast = "/var/lib/private/ballast"
            self.guest.run(f"fallocate -l $(($(stat -f -c '%a * %S' /var/lib/private) - (8 << 20))) {ballast}")
            self.until("the red light", lambda: self.lines(self.lines_end()).is_on("red"))
            words = "the disk is full"
            self.until("the cloud to hear of it", lambda: words in "; ".join(self.house.status().get("faults", [])))
            saw("the light is red, and the status in the cloud says why")
            self.guest.run(f"rm {ballast}")
            self.lines_mark()
            self.until("the cloud to hear", lambda: words not in "; ".join(self.house.status().get("faults", [])))
            saw("with room again it is off")

    def wants_a_touch(self) -> None:
        """From the next start on nobody is looked at before the button was pressed."""
        self.guest.run("sed -i 's/^frames = 1/looks = \"touched\"\\ntouch_s = 60.0\\nframes = 1/' /etc/limen/terminal.toml && sync")

    def is_touched(self) -> None:
        with self.story.step("Faces are looked at after a touch only, and the button is one") as saw:
            self.guest.camera("barack", "YUYV")
            began, since = self.house.status()["uptime_ms"], self.journal.mark()
            self.until("the time in which he would be recognised",
                       lambda: self.house.status()["uptime_ms"] > began + 1000 * UNTOUCHED_S)  # fmt: skip
            if self.journal.find("punch accepted", since):
                raise Failed("somebody was looked at who touched nothing")
            saw(f"Barack stands there for {UNTOUCHED_S} s and nothing happens")
            self.press_the_button()
            self.journal.hear("the button was pressed", since)
            seq = self.green("obama", "face", since)
            self.guest.camera("empty", "YUYV")
            saw(f"he presses the button: green, number {seq}")

    def serves(self) -> None:
        with self.story.step("The service starts") as saw:
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
        with self.story.step("The roster arrives") as saw:
            wanted = len(self.house.people)
            self.until("the roster", lambda: self.house.status().get("people") == wanted)
            saw(f"{wanted} people, by mutual TLS to {HOST}")

    def asks_the_doctor(self) -> None:
        with self.story.step("The technician asks the doctor, beside the working service") as saw:
            line = documented(TECHNICIAN, "systemd-run", " claim ")
            before, _, _ = line.replace("systemd-run", "systemd-run -p SupplementaryGroups=gpio").partition(" claim ")
            pid = self.pid()
            said = self.guest.run(f"{before} doctor --json --config /etc/limen/terminal.toml || true", 3 * PATIENCE)
            begin = said.find("{")
            if begin < 0:
                raise Failed(f"the doctor gave no report: {said}")
            # systemd-run may say something of its own first.
            checks = {check["part"]: check for check in json.JSONDecoder().raw_decode(said, begin)[0]["checks"]}
            for part, words in {
                "data folder": "a terminal works with it",
                "camera": "the running terminal has v4l2:/dev/video0",
                "gpio": "the running terminal has them",
                "encryption": "mutual TLS 1.3",
                "answer": "not asked",
                "roster": f"{len(self.house.people)} people",
                # Another user than root asks systemd by the message bus, which the guest has not.
                "service": "",
            }.items():
                if checks[part]["severity"] != "ok" or words not in checks[part]["seen"]:
                    raise Failed(f"the doctor should say that {part} is well: {checks[part]}")
            if self.pid() != pid:
                raise Failed("the service did not live through it")
            faults = [check["fault"] for check in checks.values() if "fault" in check]
            saw(f"{len(checks)} parts, the service undisturbed; faults: {', '.join(faults) or 'none'}")

    def lists_cameras(self) -> None:
        with self.story.step("The technician looks at the camera") as saw:
            self.guest.camera("barack", "YUYV")
            # Without a configuration: the first camera that gives pictures, and nothing of faces.
            said = self.guest.run("cd / && limen-daemon camera || [ $? = 1 ]", PATIENCE)
            for words in ("/dev/video0  Limen test camera", "YUYV", 'camera.source = "auto": pictures of 640 × 480'):
                if words not in said:
                    raise Failed(f"limen-daemon camera does not say {words!r}: {said}")
            saw(next(row for row in said.splitlines() if row.startswith("camera.source")))

    def sees_barack(self) -> None:
        with self.story.step("Barack's face at /dev/video0 in YUYV") as saw:
            mark = self.lines_mark()
            seq = self.face("obama", "barack", "YUYV")
            saw(f"green, number {seq} is on the disk")
            saw(self.answered(mark, "in"))
            saw(self.page_shows("obama"))

    def loses_the_camera(self) -> None:
        with self.story.step("The camera is taken away") as saw:
            self.guest.camera(None)
            status = self.until(
                "the cloud to hear of it",
                lambda: (s := self.house.status()).get("camera") not in (None, "ok") and s,
            )
            faults = "; ".join(status.get("faults", []))
            saw(f"the terminal's status in the cloud says camera {status['camera']}: {faults}")

    def sees_joe(self) -> None:
        with self.story.step("It is given back in MJPG, with Joe") as saw:
            seq = self.face("biden", "joe", "MJPG")
            self.until("the cloud to hear of the camera", lambda: self.house.status().get("camera") == "ok")
            saw(f"camera ok; green, number {seq}")
            saw(self.page_shows("biden"))

    def line_is_cut(self) -> None:
        with self.story.step("The line is cut, and Barack comes") as saw:
            self.guest.line(False)
            before, punches = self.house.events(), len(self.house.punches("obama"))
            seq = self.face("obama", "barack", "MJPG")
            if self.house.events() != before or len(self.house.punches("obama")) != punches:
                raise Failed("the cloud heard of the punch although the line was cut")
            saw(f"green without a line, number {seq}; the cloud still holds {before} events")
        with self.story.step("The line is back") as saw:
            self.guest.line(True)
            saw(f"{self.page_shows('obama')}, the punch is there once")
            status = self.all_acknowledged()
            saw(f"the terminal says {status['waiting']} events wait: the cloud's acknowledgement came")

    def is_killed(self) -> None:
        with self.story.step("kill -9") as saw:
            pid = self.pid()
            self.guest.run(f"kill -9 {pid}")
            other = self.await_service(pid)
            saw(f"systemd brought it back: process {pid} is {other}, active")
            self.all_acknowledged()
            saw("its start is acknowledged")

    def hangs(self) -> None:
        with self.story.step("The vision stage hangs") as saw:
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

    def dies_in_mid_write(self, lines: int) -> None:
        with self.story.step("The machine dies in mid-write") as saw:
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
                return replayed >= lines and self.house.events() > held + min(lines, IN_THE_CLOUD) and replayed

            replayed = self.until("the replay to be well under way", enough)
            self.guest.kill()
            if self.journal.find("replay: done", since):
                raise Failed("the replay was through before the machine died; let it write more")
            last = len(checker.seen(self.guest.journal).replayed) - before
            saw("a replayed signed log stands in for faces: badges of both people, no frames")
            saw(f"SIGKILL to the machine after {replayed} lines; {last} were seen, each of a punch on the disk")
            saw(f"the cloud held {self.house.events() - held} of them")

    def is_judged_dead(self, folder: pathlib.Path) -> None:
        with self.story.step("The checker, while it is off") as saw:
            state = self.guest.state(folder / "dead")
            onlooker = checker.seen(self.guest.journal)
            if problems := checker.check_cut(state / "terminal.db", self.house.database, onlooker):
                raise Failed("; ".join(problems))
            events = len(checker.written(state / "terminal.db"))
            saw(f"{events} events on its disk, from 1 without a gap, the chain whole, all that was promised among them")
            saw(f"the cloud's {self.house.events()} are their beginning, byte for byte")
            shutil.rmtree(folder / "dead")

    def boots_again(self) -> None:
        with self.story.step("It boots again with the same disk") as saw:
            since, boot = self.journal.mark(), self.house.status()["boot"]
            self.guest.boot()
            self.journal.hear("limen-daemon is ready", since)
            status = self.all_acknowledged(other_than=boot)
            saw(f"the service sent the rest: {status['next'] - 1} events, all acknowledged")

    def pays(self) -> dict[str, list[dict]]:
        with self.story.step("Hours") as saw:
            self.guest.run(f"systemctl stop {UNIT}", PATIENCE)
            self.until("the last words", lambda: not self.house.terminal()["online"])
            hours = self.house.hours()
            for key, rows in ((key, hours[identity]) for key, identity in self.house.people.items()):
                first = rows[0]
                saw(f"{key} is shown {len(rows)} sessions, the first {first['check_in']} to {first['check_out']}")
            return hours

    def demo_runs(self) -> None:
        with self.story.step("./demo --camera /dev/video0, in the guest") as saw:
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

            if self.until("the demo to end", lambda: self.ended("limen-demo")) != "0":
                raise Failed("after Ctrl-C the demo ended with another status than 0")
            saw("Ctrl-C ended it with status 0")

    def powers_off(self) -> None:
        with self.story.step("Power off") as saw:
            self.guest.power_off()
            saw("cleanly")

    def is_judged(self, folder: pathlib.Path, hours: dict[str, list[dict]] | None) -> None:
        with self.story.step("The checker, outside the guest") as saw:
            state = self.guest.state(folder / "state")
            self.house.stop()
            terminal, onlooker = state / "terminal.db", checker.seen(self.guest.journal)
            problems = checker.check(terminal, self.house.database, onlooker)
            events = checker.written(terminal) if not problems else []
            if events:
                # Badges that no reader typed are the replay's.
                known = [
                    (e.claims["person"], e.claims["method"])
                    for e in events
                    if e.is_punch and (e.claims["method"] != "badge" or e.seq in onlooker.greens)
                ]
                if known != [(self.house.people[key], method) for key, method in self.greens]:
                    problems.append(f"{known} are the punches in the log, {self.greens} those in the story")
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

    def loses_power(self, folder: pathlib.Path, cuts: int) -> None:
        """So often: in the middle of many lines at first, then at any moment."""
        for cut in range(cuts):
            self.dies_in_mid_write(BEFORE_THE_KILL if cut == 0 else random.randrange(1, BEFORE_THE_KILL))
            self.is_judged_dead(folder)
            self.boots_again()

    def play_power_cuts(self, folder: pathlib.Path, cuts: int) -> None:
        """Many power cuts, and of the rest what they need."""
        self.boots()
        self.has_a_storage_key()
        self.is_claimed()
        self.has_a_lamp()
        self.serves()
        self.knows_people()
        self.sees_barack()
        self.loses_power(folder, cuts)
        hours = self.pays()
        self.powers_off()
        self.is_judged(folder, hours)

    def play(self, folder: pathlib.Path) -> None:
        """All of it."""
        self.boots()
        self.has_a_storage_key()
        self.is_claimed()
        self.has_a_lamp()
        self.serves()
        self.knows_people()
        self.sees_barack()
        self.loses_the_camera()
        self.sees_joe()
        self.types_a_pin()
        self.reads_a_badge()
        self.line_is_cut()
        self.fills_the_disk()
        self.is_killed()
        self.hangs()
        self.asks_the_doctor()
        self.wants_a_touch()
        self.loses_power(folder, 1)
        self.is_touched()
        self.all_acknowledged()
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
        self.has_a_lamp()
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
    parser.add_argument("--cuts", type=int, default=int(os.environ.get("LIMEN_POWER_CUTS", "1")),
                        help="so many power cuts and little else, where there is more than one")  # fmt: skip
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
            if arguments.arch != "x86_64":
                story.play_briefly(folder)
            elif arguments.cuts > 1:
                story.play_power_cuts(folder, arguments.cuts)
            else:
                story.play(folder)
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
