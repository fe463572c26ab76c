"""A door with a terminal: what can be asked of it from outside, and what is waited for."""

import time

from guest import Guest
from house import House
from payload import AWAY_S
from programs import Failed, until
from told import PATIENCE, Journal, Told

# The terminal's service.
UNIT = "limen-daemon"


class Door:
    """A house with a cloud, a machine at its door, and what has happened so far."""

    def __init__(self, house: House, guest: Guest, told: Told):
        self.house, self.guest, self.told = house, guest, told
        self.journal = Journal(guest.journal, [house.program])
        # Who was shown green, in order, and when the camera last showed whom.
        self.greens: list[str] = []
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

    def green(self, key: str, since: int) -> int:
        """Waits for the green light of somebody; gives the punch's number."""
        fields = self.journal.hear("punch accepted", since)
        if fields["person"] != self.house.people[key]:
            raise Failed(f"the light was green for {fields['person']}, not for {key}")
        self.greens.append(key)
        return fields["seq"]

    def face(self, key: str, scene: str, layout: str) -> int:
        """Somebody stands before the camera until the light is green, and goes."""
        since = self.journal.mark()
        gone = self.last_shown.get(key, -AWAY_S) + AWAY_S + 5
        self.until("the visit before to have ended", lambda: time.monotonic() > gone, AWAY_S + 10)
        self.guest.camera(scene, layout)
        seq = self.green(key, since)
        self.guest.camera("empty", layout)
        self.last_shown[key] = time.monotonic()
        return seq

    def page_shows(self, key: str, is_in: bool, punches: int) -> None:
        """Waits until the live page shows the person in or out after so many punches."""
        self.until(
            f"the live page to show {key} {'in' if is_in else 'out'} after {punches} punches",
            lambda: len(self.house.punches(key)) == punches and self.house.is_in(key) == is_in,
        )

    def all_acknowledged(self, other_than: str = "") -> dict:
        """Waits until the terminal itself, in another boot than this, says that the cloud has acknowledged all."""

        def ready():
            status = self.house.status()
            is_so = status.get("waiting") == 0 and status["next"] == self.house.events(status["outbox"]) + 1
            return status if is_so and status["boot"] != other_than else None

        return self.until("the terminal to say that nothing waits", ready)
