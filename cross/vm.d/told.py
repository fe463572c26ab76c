"""How the story is told, and what it waits for: a line a step, and the terminal's journal as an onlooker reads it."""

import contextlib
import json
import pathlib
import sys
import time

from programs import Program, until

# Machines differ and are loaded: no step waits longer for one thing, and none is expected to take nearly as long.
PATIENCE = 240


class Told:
    """The story so far, on standard output."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.now = "before the beginning"

    @contextlib.contextmanager
    def step(self, what: str):
        """One step; what was seen in it is given to what this gives."""
        began, seen = time.monotonic(), []
        self.now = what
        yield seen.append
        ended = time.monotonic()
        print(f"{ended - self.began:4.0f} s  {what}: {'; '.join(seen)} ({ended - began:.1f} s)", flush=True)

    def failed(self, why: Exception | str) -> None:
        """The last line of a story that does not end well."""
        print(f"{time.monotonic() - self.began:4.0f} s  FAILED at \"{self.now}\": {why}", flush=True)


class Journal:
    """What the terminal's programs and systemd say about them, read on the host."""

    def __init__(self, path: pathlib.Path, programs: list[Program]):
        self.path = path
        self._programs = programs

    def mark(self) -> int:
        """Where the journal ends now."""
        return self.path.stat().st_size if self.path.exists() else 0

    def lines(self, since: int = 0) -> list[str]:
        """The whole lines after a mark."""
        if not self.path.exists():
            return []
        with self.path.open("rb") as file:
            file.seek(since)
            text = file.read().decode(errors="replace")
        return text[: text.rfind("\n") + 1].splitlines()

    def find(self, words: str, since: int) -> dict | None:
        """The first line with these words after the mark: its fields, or the line itself as `message`."""
        for line in self.lines(since):
            if words in line:
                try:
                    return json.loads(line[line.index("{"):])["fields"]
                except (ValueError, KeyError):
                    return {"message": line}
        return None

    def hear(self, words: str, since: int, patience: float = PATIENCE) -> dict:
        """Waits for such a line."""
        what = f'"{words}" in the terminal\'s journal'
        return until(what, lambda: self.find(words, since), self._programs, patience)

    def tail(self, lines: int = 40) -> str:
        """Its last lines."""
        return "\n".join("    " + line for line in self.lines()[-lines:]) or "    (none)"


def documented(page: pathlib.Path, *words: str) -> str:
    """The one command of a page's code blocks that has all these words, its continued lines joined."""
    commands, is_code = [], False
    for line in page.read_text().splitlines():
        if line.startswith("```"):
            is_code = not is_code
        elif is_code and commands and commands[-1].endswith("\\"):
            commands[-1] = commands[-1].removesuffix("\\").rstrip() + " " + line.strip()
        elif is_code:
            commands.append(line.strip())
    found = [command for command in commands if all(word in command for word in words)]
    if len(found) != 1:
        raise LookupError(f"{page.name} has {len(found)} commands with {' and '.join(words)}, not 1")
    return found[0]


if __name__ == "__main__":
    print(documented(pathlib.Path(sys.argv[1]), *sys.argv[2:]))
