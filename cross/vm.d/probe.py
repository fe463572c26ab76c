"""Proves the virtual terminal itself, before any story: boots it, looks through its camera, pulls its plugs."""

import argparse
import hashlib
import json
import pathlib
import shutil
import tempfile
import time

import payload
import scenes
from guest import Guest
from image import image
from programs import Ended, Failed, end_on_signals, say

DATA = "/var/lib/limen-terminal"

# A service as the terminal's, that keeps one word safe and another not, and has a thread to be held.
STANDING_IN = """
import os, pathlib, threading
data = pathlib.Path(os.environ["STATE_DIRECTORY"])
for name in ("synced", "lost"):
    file = os.open(data / name, os.O_CREAT | os.O_WRONLY)
    os.write(file, name.encode())
    if name == "synced":
        os.fsync(file)
        folder = os.open(data, os.O_RDONLY)
        os.fsync(folder)
    print("wrote", name, flush=True)
def stage():
    pathlib.Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text("vision")
    print("begun", flush=True)
    while True:
        threading.Event().wait(0.1)
threading.Thread(target=stage).start()
"""


class Probe:
    """What is asked of a guest, one thing after the other."""

    def __init__(self, guest: Guest, folder: pathlib.Path):
        self._guest = guest
        self._folder = folder

    def camera(self, layout: str) -> str:
        """What is fed is what a program captures, byte for byte; the terminal's own self-test agrees."""
        guest = self._guest
        guest.camera("joe", layout)
        capture = "v4l2-ctl --device=/dev/video0 --stream-mmap=4"
        # The first buffer of a loopback device holds what was there before; the terminal drops five.
        seen = guest.run(
            f"cd /run/limen; for n in 1 2 3; do {capture} --stream-skip=3 --stream-count=1 --stream-to=frame "
            ">/dev/null 2>&1 && sha256sum frame | cut -c1-64; done"
        ).split()
        expect(seen and set(seen) <= self._hashes(f"joe.{layout}"), f"frames in {layout} are not what was fed")
        begin = time.monotonic()
        said = guest.run("limen-daemon self-test --json --config /etc/limen/terminal.toml", 400, check=False)
        try:
            # Its log comes before it.
            report = json.loads(said[f"\n{said}".index("\n{\n") :])
        except ValueError:
            raise Failed(f"the self-test told nothing that is understood:\n{said}") from None
        found = {finding["part"]: finding for finding in report["findings"]}
        for part in ("camera", "recognition"):
            expect(found[part]["ok"], f"the self-test says of {part}: {found[part]['detail']}")
        return f"{len(seen)} frames as fed; self-test in {time.monotonic() - begin:.0f} s: {found['camera']['detail']}"

    def scene(self) -> str:
        """Another scene in the same layout, while somebody looks, is no interruption."""
        guest = self._guest
        guest.camera("joe", "YUYV")
        guest.run(
            "cd /run/limen; rm -f stream; systemd-run --quiet --unit=looker --remain-after-exit "
            "v4l2-ctl --device=/dev/video0 --stream-mmap=4 --stream-skip=3 --stream-count=40 --stream-to=/run/limen/stream; "
            "until [ -s stream ]; do sleep 0.1; done"
        )
        guest.camera("empty", "YUYV")
        seen = guest.run(
            "cd /run/limen; until [ $(systemctl show looker -p SubState --value) != running ]; do sleep 0.2; done; "
            f"systemctl show looker -p Result; systemctl stop looker; split -b {scenes.FRAME} --filter=sha256sum stream"
        ).split()
        kept = [row for row in seen if len(row) == 64]
        joe, empty = self._hashes("joe.YUYV"), self._hashes("empty.YUYV")
        expect("Result=success" in seen and len(kept) == 40, "the look was broken off")
        change = next((n for n, row in enumerate(kept) if row in empty), 0)
        expect(
            change > 0 and set(kept[:change]) <= joe and set(kept[change:]) <= empty,
            "the scene did not change from one frame to the next",
        )
        return f"of 40 frames without a gap {change} show one scene, then the other"

    def unplugged(self) -> str:
        """The camera goes as soon as nobody looks any more."""
        self._guest.run("systemd-run --quiet timeout 4 v4l2-ctl --device=/dev/video0 --stream-mmap=4")
        self._guest.camera(None)
        expect("video0" not in self._guest.run("ls /dev"), "the camera is still there")
        return "no device any more, though somebody looked until then"

    def line(self) -> str:
        """The cable."""
        for is_up in (False, True):
            self._guest.line(is_up)
            state = "routable" if is_up else "no-carrier"
            self._guest.run(f"until networkctl status | grep -q 'State: {state}'; do sleep 0.2; done")
        return "no carrier, then an address again"

    def hold(self) -> str:
        """A thread stands still until it is let go, and with its process it dies."""
        guest = self._guest
        script = self._folder / "standing_in.py"
        guest.run(f"cat >/run/limen/{script.name} <<'END'\n{STANDING_IN}\nEND")
        guest.run(
            "systemd-run --quiet --unit=limen-replay -p DynamicUser=yes -p User=limen-daemon "
            f"-p StateDirectory={pathlib.Path(DATA).name} -p ProtectProc=invisible python3 /run/limen/{script.name}; "
            "until journalctl -u limen-replay -o cat | grep -q begun; do sleep 0.2; done"
        )
        pid = guest.run("systemctl show limen-replay -p MainPID --value").strip()

        def held() -> None:
            guest.run(f"systemd-run --quiet --unit=hold --collect /usr/lib/limen/hold vision {pid}")
            guest.run(f"until grep -l vision /proc/{pid}/task/*/comm | sed s/comm/stat/ | xargs grep -q ' t '; do sleep 0.1; done")

        held()
        guest.run("systemctl stop hold")
        guest.run(f"until grep -l vision /proc/{pid}/task/*/comm | sed s/comm/stat/ | xargs grep -q ' S '; do sleep 0.1; done")
        held()
        guest.run(f"kill -ABRT {pid}; while systemctl -q is-active limen-replay || systemctl -q is-active hold; do sleep 0.1; done")
        return "held, let go, held and killed with its process"

    def power_cut(self) -> str:
        """What was synced is there after it; what was not is gone; what was seen was seen."""
        machine = self._guest.run("cat /etc/machine-id")
        self._guest.kill()
        expect("wrote lost" in self._guest.journal.read_text(), "what was said before the power cut is not known")
        self._guest.boot()
        expect(self._guest.run("cat /etc/machine-id") == machine, "another machine came back")
        self._guest.power_off()
        data = self._guest.state(self._folder / "state")
        kept = {path.name: path.read_text() for path in data.iterdir()}
        expect(kept.get("synced") == "synced", f"what was synced is gone: {kept}")
        expect(kept.get("lost", "") == "", f"what nobody synced was kept: {kept}")
        return "what was synced is there, what was not is gone"

    def _hashes(self, scene: str) -> set[str]:
        path = self._folder / "payload" / "scenes" / scene
        return {hashlib.sha256(frame).hexdigest() for frame in scenes.frames(path)}


def expect(is_so: object, otherwise: str) -> None:
    """Fails with the reason unless it is so."""
    if not is_so:
        raise Failed(otherwise)


def probe(arch: str, daemon: pathlib.Path, folder: pathlib.Path) -> None:
    """Builds or takes the guest and asks everything of it, with the time that each took."""
    payload.fill(folder / "payload", {"limen-daemon": daemon})
    work = folder / "work"
    work.mkdir()
    guest = Guest(image(arch), folder / "payload", work)
    asked = Probe(guest, folder)
    steps = (
        ("boot", guest.boot),
        ("camera, YUYV", lambda: asked.camera("YUYV")),
        ("camera, MJPG", lambda: asked.camera("MJPG")),
        ("another scene", asked.scene),
        ("camera taken away", asked.unplugged),
        ("cable", asked.line),
        ("a thread held", asked.hold),
        ("power cut", asked.power_cut),
    )
    try:
        for name, step in steps:
            begin = time.monotonic()
            said = step()
            say(f"{time.monotonic() - begin:6.1f} s  {name}{': ' + said if said else ''}")
    finally:
        guest.kill()


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arch", default="x86_64")
    parser.add_argument("--daemon", required=True, type=pathlib.Path, help="limen-daemon, built for the guest")
    asked = parser.parse_args()
    end_on_signals()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="limen-probe-"))
    try:
        probe(asked.arch, asked.daemon, folder)
    except (Ended, Failed) as problem:
        say(f"The virtual terminal is not what it should be: {problem}")
        return 1
    finally:
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
