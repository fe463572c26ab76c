"""Decides outside the guest: what the terminal wrote, what was seen there, what the cloud holds, what is paid.

By hand: python3 cross/vm.d/checker.py TERMINAL_DB CLOUD_DB [JOURNAL]
"""

import base64
import dataclasses
import hashlib
import json
import pathlib
import sqlite3
import sys
import uuid

NO_HASH = bytes(32)


@dataclasses.dataclass(frozen=True)
class Event:
    """One event of a terminal's own log, its place in the chain as its signed header says it."""

    compact: bytes
    seq: int
    prev: bytes
    outbox: str
    claims: dict

    @property
    def is_punch(self) -> bool:
        """Whether somebody was known and meant it."""
        return self.claims["kind"] == "punch"


def _part(text: bytes) -> bytes:
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))


def event(compact: bytes) -> Event:
    """Reads a compact JWS. The signature was the cloud's to verify: it holds only what it had verified."""
    protected, claims, _signature = compact.split(b".")
    header = json.loads(_part(protected))
    return Event(compact, header["seq"], _part(header["prev"].encode()), header["outbox"], json.loads(_part(claims)))


def _open(database: pathlib.Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    connection.execute("PRAGMA busy_timeout = 10000")
    return connection


def _rows(database: pathlib.Path, query: str) -> list[tuple]:
    connection = _open(database)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def written(terminal: pathlib.Path) -> list[Event]:
    """The terminal's own log in the order of writing."""
    return [event(bytes(row[0])) for row in _rows(terminal, "SELECT compact FROM events ORDER BY place")]


def held(cloud: pathlib.Path) -> list[tuple[int, bytes]]:
    """What the cloud holds of terminals at doors: number and compact JWS, by outbox and number."""
    query = """SELECT e.seq, e.compact FROM events e
        JOIN terminals t ON t.tenant = e.tenant AND t.id = e.terminal AND t.kind = 'terminal'
        JOIN outboxes o ON o.tenant = e.tenant AND o.terminal = e.terminal AND o.outbox = e.outbox
        ORDER BY o.born, e.seq"""
    return [(seq, bytes(compact)) for seq, compact in _rows(cloud, query)]


def status(cloud: pathlib.Path) -> dict:
    """What the one terminal last said of itself, as the cloud keeps it; empty before it said anything."""
    rows = _rows(cloud, "SELECT body FROM terminal_status")
    return json.loads(rows[0][0]) if rows else {}


def count(cloud: pathlib.Path, outbox: str | None = None) -> int:
    """How many events of terminals at doors the cloud holds, or of one outbox."""
    query = """SELECT count(*) FROM events e
        JOIN terminals t ON t.tenant = e.tenant AND t.id = e.terminal AND t.kind = 'terminal'"""
    return _rows(cloud, f"{query} WHERE e.outbox = x'{uuid.UUID(outbox).hex}'" if outbox else query)[0][0]


@dataclasses.dataclass(frozen=True)
class Seen:
    """What an onlooker read in the terminal's journal: each number was on the disk when its line was written."""

    # Number to person and way in (face, pin, badge), of every green light.
    greens: dict[int, tuple[str, str]]
    # The numbers that the replay said.
    replayed: set[int]

    @property
    def all(self) -> set[int]:
        """Every number that was promised."""
        return set(self.greens) | self.replayed


def seen(journal: pathlib.Path) -> Seen:
    """Reads the lines that came over the serial line; one that a killed machine cut short says nothing."""
    greens, replayed = {}, set()
    for line in journal.read_text(errors="replace").splitlines():
        try:
            said = json.loads(line[line.index("{"):])
        except ValueError:
            continue
        if "replayed" in said:
            replayed.add(said["replayed"])
        elif said.get("fields", {}).get("message") == "punch accepted":
            fields = said["fields"]
            greens[fields["seq"]] = (fields["person"], fields["method"].lower())
    return Seen(greens, replayed)


def sessions(events: list[Event], person: str) -> list[tuple[str, str | None]]:
    """The sessions that a person's punches make: in and out in turn, the last one open where it is."""
    instants = [e.claims["at"] for e in events if e.is_punch and e.claims["person"] == person]
    return list(zip(instants[::2], [*instants[1::2], *[None] * (len(instants) % 2)]))


def _check_log(events: list[Event], problems: list[str]) -> None:
    """Numbers from 1 without a gap, one outbox, each event naming the hash of the one before."""
    outboxes = {e.outbox for e in events}
    if len(outboxes) != 1:
        problems.append(f"the terminal began {len(outboxes)} outboxes, not 1")
    prev = NO_HASH
    for place, one in enumerate(events, 1):
        if one.seq != place:
            problems.append(f"the terminal's event at place {place} has the number {one.seq}")
            return
        if one.prev != prev:
            problems.append(f"the chain is cut at {one.seq}")
            return
        prev = hashlib.sha256(one.compact).digest()


def _check_end(terminal: pathlib.Path, events: list[Event], problems: list[str]) -> None:
    """The head is the last event's, and the cloud's acknowledgement of it has come."""
    seq, head = _rows(terminal, "SELECT seq, hash FROM head")[0]
    last = hashlib.sha256(events[-1].compact).digest() if events else NO_HASH
    if (seq, bytes(head)) != (len(events), last):
        problems.append(f"the terminal's head is at {seq}, its log ends at {len(events)}")
    acknowledged = _rows(terminal, "SELECT through FROM outboxes ORDER BY number DESC")[0][0]
    if acknowledged != len(events):
        problems.append(f"{acknowledged} of {len(events)} events are acknowledged at the terminal")


def _check_cloud(cloud: pathlib.Path, events: list[Event], problems: list[str]) -> None:
    """The cloud holds exactly what the terminal wrote, byte for byte, each once."""
    there = held(cloud)
    if len(there) != len(events):
        problems.append(f"the terminal wrote {len(events)} events, the cloud holds {len(there)}")
    for one, (seq, compact) in zip(events, there):
        if seq != one.seq or compact != one.compact:
            problems.append(f"the terminal's event {one.seq} is another one than the cloud's {seq}")
            break
    for table in ("quarantine", "lost"):
        count = _rows(cloud, f"SELECT count(*) FROM {table}")[0][0]
        if count:
            problems.append(f"the cloud has {count} rows in {table}")
    facts = _rows(cloud, "SELECT count(*) FROM facts WHERE kind = 'punch'")[0][0]
    punches = sum(one.is_punch for one in events)
    if facts != punches:
        problems.append(f"pay is concluded from {facts} punches, the terminal wrote {punches}")


def _check_seen(onlooker: Seen, events: list[Event], problems: list[str]) -> None:
    """Whatever was promised is in the log, and is what was promised."""
    for seq, known in sorted(onlooker.greens.items()):
        one = events[seq - 1] if seq <= len(events) else None
        claims = one.claims if one else {}
        if (claims.get("person"), claims.get("method")) != known:
            problems.append(f"the light was green for number {seq}, which is not that punch in the terminal's log")
    is_replayed = {e.seq for e in events if e.is_punch and e.claims["method"] == "badge"} - set(onlooker.greens)
    missing = sorted(onlooker.replayed - is_replayed)
    if missing:
        problems.append(f"the replay said that {len(missing)} punches were on the disk that are not: {missing[0]} …")
    # A replayed punch may have been written just before the machine died, and its line not.
    dark = [e.seq for e in events if e.is_punch and e.claims["method"] != "badge" and e.seq not in onlooker.greens]
    if dark:
        problems.append(f"punches by face or PIN that no light was seen for: {dark}")


def check(terminal: pathlib.Path, cloud: pathlib.Path, onlooker: Seen) -> list[str]:
    """What is wrong; nothing where all is well: nothing that was promised is lost, nothing is there twice, all is
    in order, and the cloud holds exactly what the terminal wrote."""
    problems: list[str] = []
    for database in (terminal, cloud):
        try:
            answer = _rows(database, "PRAGMA integrity_check")[0][0]
        except sqlite3.DatabaseError as error:
            answer = str(error)
        if answer != "ok":
            problems.append(f"{database.name} is damaged: {answer}")
    if problems:
        return problems
    events = written(terminal)
    if not events:
        return ["the terminal's log is empty"]
    _check_log(events, problems)
    _check_end(terminal, events, problems)
    _check_cloud(cloud, events, problems)
    _check_seen(onlooker, events, problems)
    return problems


def check_cut(terminal: pathlib.Path, cloud: pathlib.Path, onlooker: Seen) -> list[str]:
    """What is wrong while the terminal's machine is off and not all that it wrote has been sent: what was promised is
    on its disk, the log is whole, and what the cloud holds so far is the log's beginning."""
    answer = _rows(terminal, "PRAGMA integrity_check")[0][0]
    if answer != "ok":
        return [f"{terminal.name} is damaged: {answer}"]
    problems: list[str] = []
    events = written(terminal)
    _check_log(events, problems)
    _check_seen(onlooker, events, problems)
    there = held(cloud)
    if there != [(e.seq, e.compact) for e in events[: len(there)]]:
        problems.append(f"the cloud's {len(there)} events are not the beginning of the terminal's {len(events)}")
    return problems


def check_hours(events: list[Event], hours: dict[str, list[dict]]) -> list[str]:
    """Compares the cloud's sessions of each person, as the person is shown them, with what the punches make."""
    problems = []
    for person, rows in hours.items():
        shown = [(row["check_in"], row["check_out"]) for row in rows]
        expected = sessions(events, person)
        if shown != expected:
            both = list(zip(shown, expected))
            same = next((n for n, (one, other) in enumerate(both) if one != other), len(both))
            problems.append(
                f"{person} is shown {len(shown)} sessions, the punches make {len(expected)}: the same up to {same}"
            )
    return problems


def main() -> int:
    """The checker by hand."""
    if len(sys.argv) not in (3, 4):
        print(__doc__, file=sys.stderr)
        return 2
    terminal, cloud, *journal = map(pathlib.Path, sys.argv[1:])
    if journal:
        onlooker = seen(journal[0])
    else:
        known = [e for e in written(terminal) if e.is_punch and e.claims["method"] != "badge"]
        onlooker = Seen({e.seq: (e.claims["person"], e.claims["method"]) for e in known}, set())
    problems = check(terminal, cloud, onlooker)
    for problem in problems:
        print(problem)
    verdict = "NOT well" if problems else "all is well"
    print(f"{len(written(terminal))} events, {len(onlooker.all)} of them seen: {verdict}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
