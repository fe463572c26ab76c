"""Builds the two programs, and shows that it is alive: the first time takes a while."""

import subprocess
import sys
import time

from programs import Failed, grouped, say

PACKAGES = ["-p", "limen-cloud", "-p", "limen-daemon"]


def crates() -> int:
    """How many crates the two programs are made of."""
    line = ["cargo", "tree", "--locked", "--quiet", *PACKAGES, "-e", "normal,build", "--prefix", "none"]
    listing = subprocess.run(line, capture_output=True, text=True, check=False).stdout
    return len({row.removesuffix(" (*)") for row in listing.splitlines() if row})


def build() -> None:
    """Cargo draws its own bar on a terminal; elsewhere a line now and then does."""
    terminal = sys.stderr.isatty()
    line = ["cargo", "build", "--locked", *PACKAGES]
    begin = said = time.monotonic()
    compiled, total, words = 0, crates(), []
    with grouped(line, stderr=None if terminal else subprocess.PIPE) as cargo:
        for row in () if terminal else cargo.stderr:
            if row.strip().startswith("Compiling"):
                compiled += 1
            else:
                words.append(row.rstrip())
            if time.monotonic() - said >= 10:
                said = time.monotonic()
                say(f"  compiled {compiled} of at most {total} crates, {said - begin:.0f} s")
    if cargo.returncode != 0:
        raise Failed("\n".join(["the build failed.", *words[-40:]]))
    say(f"Built in {time.monotonic() - begin:.0f} s")
