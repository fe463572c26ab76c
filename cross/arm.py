"""Compares limen-daemon built for ARM, under qemu-user, with the one of this machine.

    python3 cross/arm.py PROGRAM qemu-aarch64-static -L /usr/aarch64-linux-gnu PROGRAM_FOR_ARM

Both must print the same version and the same default configuration, and their self-tests must come to the
same end part by part. What recognition makes of the bundled picture may differ by rounding, and by no more.
"""

import difflib
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import time

# Between two values of an embedding, whose length is about 1.
MOST = 1e-4
DIMENSION = 128
# How an ELF file names its machine (e_machine).
MACHINES = {40: "ARM", 183: "AArch64"}
# Floating point is emulated, on a machine that may be busy.
PATIENCE_S = 900

MODELS = pathlib.Path(__file__).resolve().parent.parent / "models"
# Nothing of this machine's own comes in: no camera, no claim, no time service.
CONFIG = """
data = "{data}"
models = "{models}"
[camera]
source = "folder:{models}/pictures"
[clock]
trust = "system"
"""
# Of a terminal that nobody has claimed yet.
EXPECTED = {"models": True, "recognition": True, "database": True, "clock": True, "claim": False, "camera": True}
# These words have a time or a size in them.
VARY = ("database", "clock")

Report = dict[str, object]


class Failed(Exception):
    """What is wrong, in words."""


def output(program: list[str], *arguments: str, status: int = 0) -> bytes:
    """What the program prints, when it ends with this status."""
    done = subprocess.run([*program, *arguments], capture_output=True, timeout=PATIENCE_S)
    if done.returncode != status:
        said = done.stderr.decode(errors="replace").strip()
        raise Failed(f"{' '.join([*program, *arguments])} ended with {done.returncode}, not {status}: {said}")
    return done.stdout


def machine(program: pathlib.Path) -> str:
    """What the program was built for."""
    head = program.read_bytes()[:20]
    found = int.from_bytes(head[18:20], "little")
    if head[:4] != b"\x7fELF" or found not in MACHINES:
        raise Failed(f"{program} is no program for ARM")
    return MACHINES[found]


def same(what: str, native: bytes, foreign: bytes) -> None:
    """Both to the byte."""
    if native != foreign:
        texts = [text.decode(errors="replace").splitlines() for text in (native, foreign)]
        lines = difflib.unified_diff(*texts, "here", "for ARM", lineterm="", n=1)
        raise Failed("\n".join([f"{what} differs; are both built from the same sources?", *list(lines)[:30]]))
    print(f"{what}: the same {len(native)} bytes")


def findings(report: bytes) -> dict[str, Report]:
    """The findings of a self-test by their part; each must be as on any machine that nobody has claimed."""
    found = {finding["part"]: finding for finding in json.loads(report)["findings"]}
    for part, ok in EXPECTED.items():
        if part not in found or found[part]["ok"] is not ok:
            raise Failed(f"self-test: {part} should be {'well' if ok else 'missing'}: {found.get(part)}")
    return found


def difference(native: Report, foreign: Report) -> float:
    """The largest between the values of two embeddings."""
    one, other = native.get("embedding"), foreign.get("embedding")
    if not isinstance(one, list) or not isinstance(other, list):
        raise Failed("self-test: no embedding of the bundled picture")
    if len(one) != DIMENSION or len(other) != DIMENSION or not all(map(math.isfinite, [*one, *other])):
        raise Failed(f"self-test: an embedding is not {DIMENSION} numbers")
    if not any(one):
        raise Failed("self-test: the embedding is nothing but zeros")
    return max(abs(a - b) for a, b in zip(one, other))


def self_test(program: list[str], data: pathlib.Path) -> tuple[dict[str, Report], float]:
    """The findings, and the seconds that they took. The status is 1 because nobody claimed it."""
    config = data.with_suffix(".toml")
    config.write_text(CONFIG.format(data=data, models=MODELS))
    begin = time.monotonic()
    report = output(program, "self-test", "--json", "--config", str(config), status=1)
    return findings(report), time.monotonic() - begin


def compare(native: list[str], foreign: list[str], work: pathlib.Path) -> None:
    """Everything that both can do without a camera and a cloud."""
    program = pathlib.Path(foreign[-1])
    print(f"program: {program}, for {machine(program)}, {program.stat().st_size / 1e6:.1f} MB")
    for arguments in (["--version"], ["default-config"]):
        same(arguments[0], output(native, *arguments), output(foreign, *arguments))
    here, here_s = self_test(native, work / "native")
    there, there_s = self_test(foreign, work / "foreign")
    for part in EXPECTED:
        one, other = here[part]["detail"], there[part]["detail"]
        if part not in VARY and one != other:
            raise Failed(f"self-test: {part} says {other!r}, and on this machine {one!r}")
        print(f"self-test: {part}: {other}")
    found = difference(here["recognition"], there["recognition"])
    print(f"embedding: largest difference {found:.3g}, allowed {MOST:g}")
    print(f"self-test took {here_s:.1f} s here, {there_s:.1f} s emulated")
    # Written so that a difference which is no number fails too.
    if not found <= MOST:
        raise Failed("the embedding of the bundled picture differs by more than rounding")


def main(arguments: list[str]) -> int:
    """Status 0 when nothing differs."""
    if len(arguments) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="limen-arm-") as work:
        try:
            compare(arguments[:1], arguments[1:], pathlib.Path(work))
        except (Failed, subprocess.TimeoutExpired, OSError, ValueError) as wrong:
            print(f"FAILED: {wrong}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
