"""The demo: a cloud, a terminal, two people who work, a stranger who is nobody."""

import argparse
import datetime
import json
import pathlib
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time

import clip
from build import build
from cloud import Cloud
from programs import Ended, Failed, Program, end_on_signals, ignore_signals, say, until

MODELS = clip.PICTURES.parent
OWNER = ("Demo Owner", "owner@limen.example")
RATES = {"obama": "120.00", "biden": "90.00"}
STORY = ["obama", "biden", "stranger", "obama", "biden"]


def quoted(path: pathlib.Path) -> str:
    """A TOML string."""
    return json.dumps(str(path))


def cloud_toml() -> str:
    """Free ports on loopback; two punches seconds apart are two punches, or nobody would wait."""
    return f"""zoo = {quoted(MODELS)}
repunch_s = 1
[http]
listen = "127.0.0.1:0"
[mqtt]
listen = "127.0.0.1:0"
[metrics]
listen = "127.0.0.1:0"
"""


def terminal_toml(data: pathlib.Path, source: str, once: bool, live_camera: bool) -> str:
    """A terminal that looks at the clip, or at a camera with the usual patience."""
    gate = "[gate]\nreverse_s = 0.0\n" + ("" if live_camera else "away_s = 1.0\nrepunch_s = 2.0\n")
    return f"""data = {quoted(data)}
models = {quoted(MODELS)}
[camera]
source = {json.dumps(source)}
fps = {clip.FPS}
loop = {json.dumps(not once)}
[cloud]
status_s = 5.0
{gate}[clock]
# The demo runs where no clock service may be: it believes this machine's clock.
trust = "system"
[kiosk]
listen = "127.0.0.1:0"
"""


class Demo:
    """Everything that is running, and the folder it lives in."""

    def __init__(self, programs: pathlib.Path, folder: pathlib.Path):
        self.bin = programs
        self.folder = folder
        self.running: list[Program] = []
        self.names: dict[str, str] = {}
        self.logins: dict[str, tuple[str, str]] = {}
        self.password = secrets.token_urlsafe(12)
        self.owner: Cloud

    def start_cloud(self) -> None:
        """Starts the cloud with a fresh data folder and sets it up as its page would."""
        config, data = self.folder / "cloud.toml", self.folder / "cloud"
        config.write_text(cloud_toml())
        line = [str(self.bin / "limen-cloud"), "run", "--config", str(config), "--data", str(data)]
        self.running.append(Program("the cloud", line, self.folder / "cloud.log"))
        addresses, link = data / "addresses.json", data / "setup-link"
        until("the cloud's addresses", addresses.exists, self.running, 60)
        self.owner = Cloud(json.loads(addresses.read_text())["http"])
        until("the set-up link", link.exists, self.running, 10)
        self.owner.set_up(link.read_text(), *OWNER, self.password)
        # The set-up may or may not have opened a session; the page's log-in does.
        self.owner.post_json("/api/v1/session", {"email": OWNER[1], "password": self.password})
        say(f"The cloud runs at {self.owner.base}")

    def enrol(self) -> None:
        """Enrols the people of the cast from the bundled photographs."""
        for person in clip.CAST:
            if not person.enrolled:
                continue
            email, password = f"{person.key}@limen.example", secrets.token_urlsafe(12)
            photos = [clip.PICTURES / name for name in person.enrolled]
            identity = self.owner.enrol(person.name, email, password, RATES[person.key], photos)
            self.names[identity] = person.name
            self.logins[identity] = (email, password)
            say(f"Enrolled {person.name} from {', '.join(person.enrolled)}")

    def start_terminal(self, source: str, once: bool, live_camera: bool) -> None:
        """Claims a terminal with the words that the page would show, and starts it."""
        config, program = self.folder / "terminal.toml", str(self.bin / "limen-daemon")
        config.write_text(terminal_toml(self.folder / "terminal", source, once, live_camera))
        words = self.owner.claim("Front door")
        claim = subprocess.run(
            [program, "claim", "--config", str(config), "--cloud", self.owner.base, "--words", "-"],
            input=words + "\n", text=True, capture_output=True, timeout=60, check=False,
        )
        if claim.returncode != 0:
            raise Failed(f"the terminal could not be claimed: {claim.stderr.strip() or claim.stdout.strip()}")
        say("Claimed a terminal, \"Front door\"")
        line = [program, "run", "--config", str(config)] + ["--until-end"] * once
        self.running.append(Program("the terminal", line, self.folder / "terminal.log", may_finish=once))

    def sessions(self) -> list[dict]:
        """The finished sessions of everybody, each as its own person is shown it."""
        found = []
        for identity, login in self.logins.items():
            for row in self.owner.log_in(*login).history():
                if row["check_out"] is None:
                    continue
                found.append({
                    "person": identity,
                    "name": self.names[identity],
                    "check_in": row["check_in"],
                    "check_out": row["check_out"],
                    "hours": row["hours_worked"],
                    "earnings": row["earnings"],
                })
        return found

    def stop(self) -> None:
        """Ends the terminal, then the cloud."""
        for program in reversed(self.running):
            program.stop()


def screen(demo: Demo) -> str:
    """Where the terminal's own screen is, as its log says."""
    said = re.search(r"the screen is at (http://[0-9.:]+)", demo.running[-1].log.read_text(errors="replace"))
    return said[1] if said else ""


def counted(live: dict) -> list[dict]:
    """The punches that are no double reads."""
    return [punch for punch in live["punches"] if punch["direction"] != "ignored"]


def once(demo: Demo) -> dict:
    """Waits for the story's end and judges it."""
    long = len(STORY) * 12 + 120
    wanted = 2 * len(demo.names)
    say(f"Waiting for {wanted} punches and a stranger turned away (half a minute where the machine is idle)")

    def all_there():
        # The terminal ends when the clip is through and the cloud holds every event.
        ended = demo.running[-1].process.poll() is not None
        live = demo.owner.live()
        return live if ended or len(counted(live)) >= wanted and live["rejected"] else None

    live, failed = None, []
    try:
        live = until("the end of the story", all_there, demo.running, long)
    except Failed as problem:
        failed.append(str(problem))
        live = demo.owner.live()
    sessions = demo.sessions()
    rejected = [
        {"at": one["at"], "terminal": one["terminal_name"], "why": one["why"]} for one in live["rejected"]
    ]
    for identity, name in demo.names.items():
        own = [s for s in sessions if s["person"] == identity]
        if len(own) != 1:
            failed.append(f"{name} has {len(own)} finished sessions, not 1")
        elif own[0]["check_in"] >= own[0]["check_out"]:
            failed.append(f"{name}'s session ends before it begins")
    if not rejected:
        failed.append("the stranger was not turned away")
    if len(counted(live)) != wanted:
        failed.append(f"{len(counted(live))} punches instead of {wanted}")
    for punch in live["punches"]:
        if punch["person"] not in demo.names:
            failed.append(f"somebody who was not enrolled has a punch at {punch['at']}")
    return {
        "sessions": sessions,
        "rejected": rejected,
        "camera": [{"shows": person.name, "from": person.origin} for person in clip.CAST],
        "failed": failed,
    }


def clock(instant: str) -> str:
    """An instant as this machine's clock shows it."""
    whole = datetime.datetime.fromisoformat(instant.split(".")[0].removesuffix("Z") + "+00:00")
    return whole.astimezone().strftime("%H:%M:%S")


def watch(demo: Demo) -> None:
    """Tells what happens at the door until somebody ends it."""
    known = set()
    while True:
        live = demo.owner.live()
        for punch in reversed(live["punches"]):
            if punch["id"] not in known:
                known.add(punch["id"])
                say(f"  {clock(punch['at'])}  {punch['name']}: {punch['direction']}, at {punch['terminal_name']}")
        for one in reversed(live["rejected"]):
            mark = (one["at"], one["why"])
            if mark not in known:
                known.add(mark)
                say(f"  {clock(one['at'])}  nobody who is enrolled ({one['why']}), at {one['terminal_name']}")
        for program in demo.running:
            program.check()
        time.sleep(1)


def play(demo: Demo, arguments: argparse.Namespace) -> dict | None:
    """The whole demo; gives the JSON of `--once`."""
    if not arguments.built:
        say(f"Building into {arguments.bin}; the first time takes a quarter of an hour or more")
        build()
    if arguments.camera:
        source = f"v4l2:{arguments.camera}"
    else:
        film = demo.folder / "camera.mkv"
        stay, away = (4, 2) if arguments.once else (6, 5)
        clip.make(film, STORY, stay, away)
        source = f"clip:{film}"
        say("Made the camera's clip:")
        for person in clip.CAST:
            say(f"  {person.name}: {person.origin}")
    demo.start_cloud()
    demo.enrol()
    demo.start_terminal(source, arguments.once, bool(arguments.camera))
    if arguments.once:
        return once(demo)
    say()
    door = until("the terminal's screen", lambda: screen(demo), demo.running, 60)
    say(f"  Open    {demo.owner.base}")
    say(f"  E-mail  {OWNER[1]}")
    say(f"  Password  {demo.password}")
    say(f"  The terminal's own screen: {door}")
    say()
    if arguments.camera:
        say("Add yourself on the page with a photo or two, then stand before the camera. Ctrl-C ends everything.")
    else:
        say("The camera plays its clip again and again. Ctrl-C ends everything.")
    watch(demo)
    return None


def main() -> int:
    """Runs the demo and leaves nothing behind."""
    parser = argparse.ArgumentParser(prog="./demo", description="Shows Limen at work.")
    parser.add_argument("--bin", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--built", action="store_true", help="take the programs as they are")
    parser.add_argument("--once", action="store_true", help="one story to its end, JSON on standard output")
    parser.add_argument("--camera", metavar="DEVICE", help="a real camera, such as /dev/video0")
    arguments = parser.parse_args()
    if arguments.once and arguments.camera:
        parser.error("--once plays a story of its own; it takes no --camera")
    if arguments.camera and not pathlib.Path(arguments.camera).exists():
        parser.error(f"there is no camera at {arguments.camera}")

    folder = pathlib.Path(tempfile.mkdtemp(prefix="limen-demo-"))
    demo = Demo(arguments.bin, folder)
    end_on_signals()
    result, status = None, 0
    try:
        result = play(demo, arguments)
    except Ended:
        say("\nEnding.")
        status = 1 if arguments.once else 0
    except (Failed, subprocess.SubprocessError) as problem:
        say(f"The demo failed: {problem}")
        result, status = {"sessions": [], "rejected": [], "failed": [str(problem)]}, 1
    finally:
        ignore_signals()
        demo.stop()
        shutil.rmtree(folder, ignore_errors=True)
    if arguments.once and result is not None:
        print(json.dumps(result, indent=2, ensure_ascii=False))
        for problem in result["failed"]:
            say(f"Failed: {problem}")
        status = 1 if result["failed"] else status
    return status


if __name__ == "__main__":
    sys.exit(main())
