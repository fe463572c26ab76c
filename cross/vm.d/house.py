"""The cloud on this machine, as an owner sets it up: people with faces, and words for a terminal's claim."""

import json
import pathlib
import secrets
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "demo.d"))

import clip  # noqa: E402
from cloud import Cloud  # noqa: E402
from programs import Program, until  # noqa: E402

import checker  # noqa: E402

OWNER = ("Vera Owner", "owner@limen.example")
RATE = "36.00"


def cloud_toml(name: str) -> str:
    """Free ports on loopback, mutual TLS for whoever comes by `name`; every punch counts, however soon."""
    return f"""zoo = {json.dumps(str(clip.PICTURES.parent))}
repunch_s = 0
[http]
listen = "127.0.0.1:0"
[mqtt]
listen = "127.0.0.1:0"
[mqtt.tls]
listen = "127.0.0.1:0"
names = [{json.dumps(name)}]
[metrics]
listen = "127.0.0.1:0"
"""


class House:
    """A running cloud with an owner and everybody of the cast who has a face to enrol."""

    def __init__(self, programs: pathlib.Path, folder: pathlib.Path, name: str):
        self.folder = folder
        config, data = folder / "cloud.toml", folder / "cloud"
        config.write_text(cloud_toml(name))
        line = [str(programs / "limen-cloud"), "run", "--config", str(config), "--data", str(data)]
        self.program = Program("the cloud", line, folder / "cloud.log")
        self.database = data / "limen.db"
        # A person's key in the cast to the id, and how they log in.
        self.people: dict[str, str] = {}
        self._logins: dict[str, tuple[str, str]] = {}
        try:
            self._set_up(data)
        except BaseException:
            self.program.stop()
            raise

    def _set_up(self, data: pathlib.Path) -> None:
        addresses, link = data / "addresses.json", data / "setup-link"
        until("the cloud's addresses", addresses.exists, [self.program], 60)
        until("the set-up link", link.exists, [self.program], 10)
        self.owner = Cloud(json.loads(addresses.read_text())["http"])
        password = secrets.token_urlsafe(12)
        self.owner.set_up(link.read_text(), *OWNER, password)
        self.owner.post_json("/api/v1/session", {"email": OWNER[1], "password": password})
        for person in clip.CAST:
            if person.enrolled:
                login = (f"{person.key}@limen.example", secrets.token_urlsafe(12))
                photos = [clip.PICTURES / name for name in person.enrolled]
                self.people[person.key] = self.owner.enrol(person.name, *login, RATE, photos)
                self._logins[person.key] = login

    def pin(self, key: str) -> str:
        """What the person types at a terminal: a number and a PIN, both drawn now."""
        return self.owner.ask("POST", f"/api/v1/people/{self.people[key]}/pin")["typed"]

    def badge(self, key: str, reader: str) -> None:
        """Gives the person a badge of which a reader types this."""
        self.owner.post_json(f"/api/v1/people/{self.people[key]}/badges", {"reader": reader})

    @property
    def port(self) -> int:
        """Where its page and the claim are."""
        return int(self.owner.base.rpartition(":")[2])

    def is_in(self, key: str) -> bool:
        """Whether the live page shows the person at work."""
        identity = self.people[key]
        return next(person["in"] for person in self.owner.live()["people"] if person["id"] == identity)

    def punches(self, key: str) -> list[dict]:
        """The person's last punches on the live page, latest first."""
        return [punch for punch in self.owner.live()["punches"] if punch["person"] == self.people[key]]

    def terminal(self) -> dict:
        """The one terminal, as the live page shows it."""
        return self.owner.live()["terminals"][0]

    def status(self) -> dict:
        """What the terminal last said of itself."""
        return checker.status(self.database)

    def events(self, outbox: str | None = None) -> int:
        """How many of the terminal's events the cloud holds, or of one of its outboxes."""
        return checker.count(self.database, outbox)

    def hours(self) -> dict[str, list[dict]]:
        """Everybody's sessions by id, as the person is shown them."""
        return {self.people[key]: self.owner.log_in(*login).history() for key, login in self._logins.items()}

    def stop(self) -> None:
        """Ends the cloud; its database is whole then."""
        self.program.stop()
