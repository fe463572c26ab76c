"""A virtual terminal: a Debian machine with systemd and a camera, which may be cut off, killed and looked into."""

import pathlib
import shutil
import subprocess
import sys
import time

from image import HERE, Image, image, run

sys.path.insert(0, str(HERE.parent.parent / "demo.d"))

from programs import Failed, Program, say  # noqa: E402
from qemu import NETWORK, Control, Line, Shell, command  # noqa: E402

# Room for the daemon's state, in the terminal's own disk.
STATE_MB = 256
# What is kept from one boot to the next, as on a real terminal.
DISKS = ("root", "payload", "state")


class Guest:
    """One terminal of a run. QEMU ends with the thread that called `boot`."""

    def __init__(self, taken: Image, payload: pathlib.Path, work: pathlib.Path):
        """`payload` is mounted at /payload, read-only, as it is at the first boot. Of it are installed, where it
        is there: `bin/limen-daemon`, `models`, `terminal.toml` and `limen-daemon.service`. `work` is a folder
        for disks, sockets and logs, with a short path."""
        self._image = taken
        self._payload = payload
        self._work = work
        self._machine: Program | None = None
        self._shell: Shell
        self._control: Control
        self.journal = work / "journal.log"
        self.journal.touch()

    def boot(self, patience: float = 180) -> None:
        """Until multi-user.target is reached and the shell answers. After `kill` and `power_off` the machine
        comes back with the disks that it left."""
        if self._machine:
            raise Failed("the machine runs already")
        if not (self._work / "state.img").exists():
            self._make_disks()
        self._end_journal()
        end = time.monotonic() + patience
        self._machine = Program("the machine", command(self._image, self._work), self._work / "qemu.log")
        try:
            self._control = Control(Line(self._machine, self._work / "qmp", patience))
            self._shell = Shell(Line(self._machine, self._work / "shell", patience))
            wait = "until systemctl -q is-active multi-user.target; do sleep 0.2; done; systemctl is-active multi-user.target"
            self.run(wait, end - time.monotonic())
        except Failed as problem:
            self.kill()
            raise Failed(f"the machine did not come up: {problem}\nIts console said last:\n{self.console()}") from None

    def run(self, command: str, patience: float = 60, check: bool = True) -> str:
        """What a command of root's says, output and errors. Where it ends with another status than 0, or runs
        longer than `patience` seconds, it fails, unless `check` is off."""
        status, output = self._shell.run(command, patience)
        if check and status != 0:
            why = f"was ended after {patience:.0f} s" if status == 124 else f"ended with status {status}"
            raise Failed(f"in the guest, {command!r} {why}:\n{output.rstrip()}")
        return output

    def camera(self, scene: str | None, layout: str = "YUYV") -> None:
        """Puts /payload/scenes/SCENE.LAYOUT before the camera. Another scene in the same layout is shown to
        whoever looks already; another layout is another camera, as None is none at all: device and module go, as
        soon as the daemon has let go of them."""
        self.run(f"/usr/lib/limen/camera on {scene} {layout}" if scene else "/usr/lib/limen/camera off", 180)

    def line(self, is_up: bool) -> None:
        """Plugs the network cable in, or out."""
        self._control.execute("set_link", name=NETWORK, up=is_up)

    def kill(self) -> None:
        """Power cut: what was not synced is gone."""
        if self._machine:
            self._machine.process.kill()
            self._machine.process.wait()
            self._gone()

    def power_off(self, patience: float = 120) -> None:
        """Shuts the machine down in order."""
        # The machine may be off before the answer is out.
        self._shell.ask("systemctl --no-block poweroff", patience)
        try:
            self._machine.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failed(f"the machine did not power off within {patience:.0f} s:\n{self.console()}") from None
        status = self._machine.process.returncode
        self._gone()
        if status != 0:
            raise Failed(f"the machine ended with status {status} when it was powered off:\n{self.console()}")

    def state(self, target: pathlib.Path) -> pathlib.Path:
        """Copies the terminal's data folder out of the state disk of a machine that is off; gives the copy."""
        if self._machine:
            raise Failed("the machine still runs; its state disk can't be read")
        disk = self._work / "state.copy"
        run("cp", "--sparse=always", self._work / "state.img", disk)
        # What the file system's journal holds belongs to it, as at the next boot. 1: something was repaired.
        checked = subprocess.run(["e2fsck", "-fy", str(disk)], capture_output=True, text=True, check=False)
        if checked.returncode > 1:
            raise Failed(f"the state disk is damaged: {checked.stdout[-2000:]}")
        target.mkdir(parents=True, exist_ok=True)
        said = run("debugfs", "-R", f"rdump /limen-terminal {target}", disk)
        disk.unlink()
        folder = target / "limen-terminal"
        if not folder.is_dir():
            raise Failed(f"there is no data folder of the terminal on its state disk: {said}")
        return folder

    def console(self, lines: int = 25) -> str:
        """The last lines of the machine's console."""
        path = self._work / "console.log"
        text = path.read_text(errors="replace").splitlines() if path.exists() else []
        return "\n".join("    " + line for line in text[-lines:]) or "    (nothing)"

    def _make_disks(self) -> None:
        self._work.mkdir(parents=True, exist_ok=True)
        # Of its own, so that another run may take the image out of the cache.
        for path in (self._image.kernel, self._image.initrd):
            shutil.copy(path, self._work / path.name)
        run("cp", "--sparse=always", self._image.root, self._work / "root.img")
        size = sum(path.stat().st_size for path in self._payload.rglob("*") if path.is_file() and not path.is_symlink())
        run("mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-E", "root_owner=0:0", "-d", self._payload,
            self._work / "payload.img", f"{size * 21 // 20 // (1 << 20) + 16}M")  # fmt: skip
        run("mke2fs", "-q", "-t", "ext4", "-E", "root_owner=0:0", self._work / "state.img", f"{STATE_MB}M")

    def _end_journal(self) -> None:
        """A machine that died may have died within a line."""
        with self.journal.open("ab+") as file:
            if file.tell():
                file.seek(-1, 2)
                if file.read(1) != b"\n":
                    file.write(b"\n")

    def _gone(self) -> None:
        for name in ("_shell", "_control"):
            if name in self.__dict__:
                self.__dict__.pop(name).close()
        self._machine.stop()
        self._machine = None
