"""A door with a terminal: what can be asked of it from outside, and what is waited for."""

import json
import shlex
import time

from guest import Guest
from house import House
from lines import Lines
from payload import AWAY_S
from programs import Failed, until
from told import PATIENCE, Journal, Told

# The terminal's service.
UNIT = "limen-daemon"


class Door:
    """A house with a cloud, a machine at its door, and what has happened so far."""

    def __init__(self, house: House, guest: Guest, told: Told):
        self.house, self.guest, self.story = house, guest, told
        self.journal = Journal(guest.journal, [house.program])
        # Who was shown green by which way in, in order, and when the camera last showed whom.
        self.greens: list[tuple[str, str]] = []
        self.last_shown: dict[str, float] = {}

    def until(self, what: str, ready, patience: float = PATIENCE):
        """Waits for something to be so, as long as the cloud runs."""
        return until(what, ready, [self.house.program], patience)

    def shown(self, *properties: str, unit: str = UNIT) -> dict[str, str]:
        """What systemd says of the service, or another unit."""
        said = self.guest.run(f"systemctl show {unit} " + " ".join(f"-p {name}" for name in properties))
        return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)

    def pid(self) -> int:
        """The service's process; 0 while there is none."""
        return int(self.shown("MainPID")["MainPID"])

    def await_service(self, other_than: int) -> int:
        """Waits until the service is active in another process."""

        def ready():
            shown = self.shown("ActiveState", "MainPID")
            pid = int(shown["MainPID"])
            return pid if shown["ActiveState"] == "active" and pid not in (0, other_than) else None

        return self.until("the service to be active again", ready)

    def green(self, key: str, method: str, since: int) -> int:
        """Waits for the green light of somebody; gives the punch's number."""
        fields = self.journal.hear("punch accepted", since)
        if (fields["person"], fields["method"].lower()) != (self.house.people[key], method):
            raise Failed(f"the light was green for {fields}, not for {key} by {method}")
        self.greens.append((key, method))
        self.last_shown[key] = time.monotonic()
        return fields["seq"]

    def visit_ended(self, key: str) -> None:
        """Waits until whoever was there is taken for gone."""
        gone = self.last_shown.get(key, -AWAY_S) + AWAY_S + 5
        self.until("the visit before to have ended", lambda: time.monotonic() > gone, AWAY_S + 10)

    def face(self, key: str, scene: str, layout: str) -> int:
        """Somebody stands before the camera until the light is green, and goes."""
        since = self.journal.mark()
        self.visit_ended(key)
        self.guest.camera(scene, layout)
        seq = self.green(key, "face", since)
        self.guest.camera("empty", layout)
        self.last_shown[key] = time.monotonic()
        return seq

    def page_shows(self, key: str) -> str:
        """Waits until the live page shows as many punches of the person as there were green lights, and them in or
        out accordingly; says which."""
        punches = sum(who == key for who, _ in self.greens)
        is_in = punches % 2 == 1
        self.until(
            f"the live page to show {key} {'in' if is_in else 'out'} after {punches} punches",
            lambda: len(self.house.punches(key)) == punches and self.house.is_in(key) == is_in,
        )
        return f"the live page shows {key} {'in' if is_in else 'out'}"

    def screen(self, *asked: list) -> list[dict]:
        """What the terminal's own screen answers on the guest's loopback to paths, or paths and bodies, one after the
        other: status, type and text, and what it shows after a body."""
        line = shlex.join(["python3", "/payload/screen.py", json.dumps(asked)])
        return [json.loads(row) for row in self.guest.run(line, PATIENCE).splitlines()]

    def lines_mark(self) -> int:
        """Where the record of the GPIO lines ends now; waits until nothing is on, so that what follows is new."""
        self.until("lamp, buzzer and relay to be off", lambda: self.lines(self.lines_end()).is_over)
        return self.lines_end()

    def lines_end(self) -> int:
        """The number of the last row of the record."""
        return int(self.guest.run("wc -l </run/limen/levels"))

    def lines(self, since: int) -> Lines:
        """What was on the GPIO lines since a mark, what was on at the mark included."""
        return Lines.read(self.guest.run(f"tail -n +{since} /run/limen/levels; cat /proc/uptime"))

    def answered(self, since: int, *answers: str) -> str:
        """Waits until lamp, buzzer and relay are through since the mark, and looks whether they told these answers."""

        def through():
            lines = self.lines(since)
            return lines if len(lines.changes) > 1 and lines.is_over else None

        return self.until(f"{answers} to be told", through).answers(*answers)

    def all_acknowledged(self, other_than: str = "") -> dict:
        """Waits until the terminal itself, in another boot than this, says that the cloud has acknowledged all."""

        def ready():
            status = self.house.status()
            is_so = status.get("waiting") == 0 and status["next"] == self.house.events(status["outbox"]) + 1
            return status if is_so and status["boot"] != other_than else None

        return self.until("the terminal to say that nothing waits", ready)
