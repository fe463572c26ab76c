"""The emulated machine: QEMU's command line, and the two lines on which it is spoken to."""

import base64
import json
import pathlib
import socket
import threading
import time

from image import Image
from programs import Failed, Program

MEMORY_MB = 1024

# Per processor: the emulator, its machine, and how the kernel names the first serial line.
MACHINES = {
    "x86_64": ("qemu-system-x86_64", ["-M", "q35", "-cpu", "max"], "ttyS0"),
    "aarch64": ("qemu-system-aarch64", ["-M", "virt", "-cpu", "cortex-a72"], "ttyAMA0"),
}
NETWORK = "network"


def command(image: Image, work: pathlib.Path) -> list[str]:
    """Starts a machine whose disks and sockets are in `work`."""
    program, machine, console = MACHINES[image.arch]
    line = [program, *machine, "-accel", "tcg,thread=multi", "-smp", "2", "-m", str(MEMORY_MB)]
    line += ["-nodefaults", "-display", "none", "-no-reboot", "-rtc", "base=utc"]
    # Of both the kernel is told by name: nothing is written to the disk's boot sector.
    line += ["-kernel", str(work / "vmlinuz"), "-initrd", str(work / "initrd")]
    line += ["-append", f"console={console} quiet panic=-1 systemd.getty_auto=0 systemd.show_status=no"]
    # The guest's flush of the state disk is a flush here; only the machine dies in these tests, never this one,
    # so for the root disk its page cache is as good.
    for name, options in {
        "root": "cache=unsafe",
        "payload": "readonly=on",
        "state": "cache=writeback",
    }.items():
        line += ["-drive", f"if=none,id={name},file={work / name}.img,format=raw,{options}"]
        line += ["-device", f"virtio-blk-pci,drive={name},serial={name}"]
    line += ["-netdev", f"user,id={NETWORK}", "-device", f"virtio-net-pci,netdev={NETWORK}"]
    line += ["-device", "virtio-rng-pci", "-device", "virtio-serial-pci"]
    line += ["-chardev", f"file,id=console,path={work / 'console.log'},append=on", "-serial", "chardev:console"]
    line += ["-chardev", f"socket,id=shell,path={work / 'shell'},server=on,wait=off"]
    line += ["-device", "virtserialport,chardev=shell,name=limen.shell"]
    line += ["-chardev", f"file,id=journal,path={work / 'journal.log'},append=on"]
    line += ["-device", "virtserialport,chardev=journal,name=limen.journal"]
    line += ["-qmp", f"unix:{work / 'qmp'},server=on,wait=off"]
    return line


class Line:
    """A socket of the machine, spoken to in lines."""

    def __init__(self, machine: Program, path: pathlib.Path, patience: float):
        self._machine = machine
        self._socket = socket.socket(socket.AF_UNIX)
        self._rest = b""
        end = time.monotonic() + patience
        while True:
            try:
                self._socket.connect(str(path))
                return
            except OSError as error:
                machine.check()
                if time.monotonic() > end:
                    raise Failed(f"the machine does not open {path} within {patience:.0f} s: {error}") from None
                time.sleep(0.05)

    def send(self, text: str) -> None:
        self._socket.sendall(text.encode() + b"\n")

    def receive(self, end: float, what: str) -> str:
        """The next line; fails at the instant `end`, or when the machine ends."""
        while b"\n" not in self._rest:
            self._socket.settimeout(max(end - time.monotonic(), 0.01))
            try:
                some = self._socket.recv(1 << 16)
            except TimeoutError:
                raise Failed(f"waited in vain for {what}") from None
            except OSError as error:
                raise Failed(f"the machine ended while {what} was waited for: {error}") from None
            if not some:
                raise Failed(f"the machine ended while {what} was waited for")
            self._rest += some
        row, self._rest = self._rest.split(b"\n", 1)
        return row.decode(errors="replace")

    def close(self) -> None:
        self._socket.close()


class Shell:
    """Runs commands in the guest, one at a time (guest/root/usr/lib/limen/shell answers)."""

    # What the guest may take longer than a command's own patience: to end it, and to say so.
    GRACE = 30

    def __init__(self, line: Line):
        self._line = line
        self._number = 0
        self._turn = threading.Lock()

    def ask(self, text: str, patience: float) -> None:
        """Starts a command and waits for nothing."""
        self._number += 1
        self._line.send(f"{self._number} {patience:.0f} {base64.b64encode(text.encode()).decode()}")

    def run(self, text: str, patience: float) -> tuple[int, str]:
        """A command's status and output; 124 is its status when it was ended after `patience` seconds."""
        with self._turn:
            self.ask(text, patience)
            end = time.monotonic() + patience + self.GRACE
            while True:
                row = self._line.receive(end, f"the guest's answer to: {text}").split(" ")
                # The answer to a question that nobody waited for any more.
                if row[0] == str(self._number):
                    return int(row[1]), base64.b64decode("".join(row[2:])).decode(errors="replace")

    def close(self) -> None:
        self._line.close()


class Control:
    """QEMU's own line, QMP: what happens to the machine from outside."""

    PATIENCE = 30

    def __init__(self, line: Line):
        self._line = line
        self._line.receive(time.monotonic() + self.PATIENCE, "QEMU's greeting")
        self.execute("qmp_capabilities")

    def execute(self, command: str, /, **arguments) -> dict:
        """One command's answer; what QEMU tells in between is passed over."""
        self._line.send(json.dumps({"execute": command, "arguments": arguments}))
        end = time.monotonic() + self.PATIENCE
        while True:
            answer = json.loads(self._line.receive(end, f"QEMU's answer to {command}"))
            if "error" in answer:
                raise Failed(f"QEMU refused {command}: {answer['error'].get('desc', answer['error'])}")
            if "return" in answer:
                return answer["return"]

    def close(self) -> None:
        self._line.close()
