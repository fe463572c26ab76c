"""Starts the two programs and makes sure that neither of them outlives the demo."""

import contextlib
import ctypes
import os
import pathlib
import signal
import subprocess
import sys
import time

PR_SET_PDEATHSIG = 1


class Failed(Exception):
    """The demo can't go on; the text says why and what to look at."""


def say(text: str = "") -> None:
    """A line for the person who watches; standard output belongs to the JSON."""
    print(text, file=sys.stderr, flush=True)


_libc = ctypes.CDLL(None, use_errno=True)


def _with_parent() -> None:
    # Own group: Ctrl-C reaches the demo alone, which then ends the programs in order. Linux ends them
    # too should the demo be killed.
    os.setsid()
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@contextlib.contextmanager
def grouped(line: list[str], **streams):
    """A command that is done when the block is left, together with everything that it started."""
    process = subprocess.Popen(line, stdin=subprocess.DEVNULL, text=True, preexec_fn=_with_parent, **streams)
    try:
        yield process
        process.wait()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class Program:
    """A running program whose output goes to a file, and whose words the demo may wait for."""

    def __init__(self, name: str, line: list[str], log: pathlib.Path, may_finish: bool = False):
        self.name = name
        self.may_finish = may_finish
        self.log = log
        self._file = log.open("wb")
        self.process = subprocess.Popen(
            line, stdin=subprocess.DEVNULL, stdout=self._file, stderr=subprocess.STDOUT, preexec_fn=_with_parent
        )

    def check(self) -> None:
        """Fails when the program has ended by itself, unless it was done."""
        status = self.process.poll()
        if status is not None and not (status == 0 and self.may_finish):
            raise Failed(f"{self.name} ended by itself with status {status}. Its last words:\n{self.tail()}")

    def tail(self, lines: int = 25) -> str:
        """The last lines of its output."""
        text = self.log.read_text(errors="replace").splitlines()
        return "\n".join("    " + line for line in text[-lines:]) or "    (none)"

    def stop(self, patience: float = 10) -> None:
        """Ends it: politely, then not."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(patience)
            except subprocess.TimeoutExpired:
                say(f"{self.name} did not end within {patience:.0f} s of SIGTERM; killing it")
        # Whatever it started itself (ffmpeg) is in its group.
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self._file.close()


def until(what: str, ready, programs: list[Program], patience: float):
    """Waits until `ready()` gives something, as long as all programs run."""
    end = time.monotonic() + patience
    while True:
        value = ready()
        if value:
            return value
        for program in programs:
            program.check()
        if time.monotonic() > end:
            words = "\n".join(f"  {p.name} said last:\n{p.tail()}" for p in programs)
            raise Failed(f"waited {patience:.0f} s in vain for {what}.\n{words}")
        time.sleep(0.1)


class Ended(Exception):
    """Somebody wants the demo to end."""


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def end_on_signals() -> None:
    """From now on these signals raise `Ended`, wherever the demo is."""

    def end(_number, _frame):
        ignore_signals()
        raise Ended

    for number in SIGNALS:
        signal.signal(number, end)


def ignore_signals() -> None:
    """From now on nothing interrupts the tidying up."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
