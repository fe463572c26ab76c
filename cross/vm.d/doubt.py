"""Doubts the checker: damages copies of two databases that it found well, and demands that it notices each time.

By hand: python3 cross/vm.d/doubt.py TERMINAL_DB CLOUD_DB JOURNAL
"""

import dataclasses
import pathlib
import sqlite3
import sys
import tempfile

import checker


def _copy(database: pathlib.Path, folder: str) -> pathlib.Path:
    """All of a database in one file, also what still lies in its log."""
    copy = pathlib.Path(folder) / database.name
    source, target = sqlite3.connect(f"file:{database}?mode=ro", uri=True), sqlite3.connect(copy)
    source.backup(target)
    source.close()
    target.close()
    return copy


def _run(database: pathlib.Path, *statements: str) -> None:
    connection = sqlite3.connect(database)
    connection.create_function("flip", 1, lambda blob: blob[:-1] + (b"A" if blob[-1:] != b"A" else b"B"))
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def _overwrite(database: pathlib.Path) -> None:
    """A page of the file reads as zeros, as a bad card gives it."""
    connection = sqlite3.connect(database)
    size = connection.execute("PRAGMA page_size").fetchone()[0]
    page = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'events'").fetchone()[0]
    connection.close()
    with database.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(bytes(size))


# What is done to copies of the terminal's and the cloud's database.
DAMAGE = {
    "the terminal lost its last event": lambda t, _: _run(
        t, "DELETE FROM events WHERE place = (SELECT max(place) FROM events)"),
    "the terminal lost an event": lambda t, _: _run(t, "DELETE FROM events WHERE place = 2"),
    "the terminal changed an event": lambda t, _: _run(t, "UPDATE events SET compact = flip(compact) WHERE place = 2"),
    "the terminal swapped two events": lambda t, _: _run(
        t,
        "UPDATE events SET place = -1 WHERE place = 2",
        "UPDATE events SET place = 2 WHERE place = 3",
        "UPDATE events SET place = 3 WHERE place = -1"),
    "the terminal doubled an event": lambda t, _: _run(
        t, "INSERT INTO events (prev, hash, compact) SELECT prev, hash, compact FROM events WHERE place = 2"),
    "an acknowledgement did not come": lambda t, _: _run(t, "UPDATE outboxes SET through = through - 1"),
    "the terminal's file has a bad page": lambda t, _: _overwrite(t),
    "the cloud lost an event": lambda _, c: _run(
        c, "PRAGMA foreign_keys = OFF", "DELETE FROM events WHERE seq = 2"),
    "the cloud changed an event": lambda _, c: _run(c, "UPDATE events SET compact = flip(compact) WHERE seq = 2"),
    "the cloud pays a punch less": lambda _, c: _run(
        c, "DELETE FROM facts WHERE kind = 'punch' AND seq = (SELECT max(seq) FROM facts WHERE kind = 'punch')"),
    "the cloud has something in quarantine": lambda _, c: _run(
        c,
        "INSERT INTO quarantine SELECT tenant, terminal, outbox, hash, seq, compact, received, 'doubt' FROM events"),
    "the cloud's file has a bad page": lambda _, c: _overwrite(c),
}


def _promises(onlooker: checker.Seen, length: int) -> dict[str, checker.Seen]:
    """What an onlooker may have seen that did not last."""
    one = next(seq for seq, (_, method) in onlooker.greens.items() if method == "face")
    return {
        "a green light for what is not there": dataclasses.replace(
            onlooker, greens={**onlooker.greens, length + 1: onlooker.greens[one]}),
        "a green light for another person": dataclasses.replace(
            onlooker, greens={**onlooker.greens, one: ("somebody", onlooker.greens[one][1])}),
        "a green light for another way in": dataclasses.replace(
            onlooker, greens={**onlooker.greens, one: (onlooker.greens[one][0], "qr")}),
        "a punch by face without a light": dataclasses.replace(
            onlooker, greens={seq: who for seq, who in onlooker.greens.items() if seq != one}),
        "a replayed punch that is not there": dataclasses.replace(
            onlooker, replayed=onlooker.replayed | {length + 1}),
    }


def doubt(terminal: pathlib.Path, cloud: pathlib.Path, onlooker: checker.Seen) -> tuple[int, list[str]]:
    """How many damages were tried, and those that the checker overlooked."""
    overlooked = []
    for what, damage in DAMAGE.items():
        with tempfile.TemporaryDirectory(prefix="limen-doubt-") as folder:
            copies = [_copy(database, folder) for database in (terminal, cloud)]
            # Or it would be the copying that is noticed.
            before = checker.check(*copies, onlooker)
            damage(*copies)
            if before or not checker.check(*copies, onlooker):
                overlooked.append(what)
    promises = _promises(onlooker, len(checker.written(terminal)))
    for what, other in promises.items():
        if not checker.check(terminal, cloud, other):
            overlooked.append(what)
    return len(DAMAGE) + len(promises), overlooked


def main() -> int:
    """The doubts by hand."""
    if len(sys.argv) != 4:
        print(__doc__, file=sys.stderr)
        return 2
    terminal, cloud, journal = map(pathlib.Path, sys.argv[1:])
    tried, overlooked = doubt(terminal, cloud, checker.seen(journal))
    for what in overlooked:
        print(f"the checker overlooks: {what}")
    print(f"{tried} damages, {tried - len(overlooked)} noticed")
    return 1 if overlooked else 0


if __name__ == "__main__":
    sys.exit(main())
