"""What was on the lines of the guest's GPIO chip, and when: read from what `guest/levels.c` told."""

import dataclasses

from payload import ACTIVE_LOW, LAMP_S, LINES, RELAY_S
from programs import Failed

LAMPS = ("green", "red", "amber")

# What each answer looks and sounds like (docs/technician.md, "Lamp, buzzer and relay"): the lamp, whether it blinks,
# how many tones, whether they are long, and whether the door opens.
ANSWERS = {
    "in": ("green", False, 1, False, True),
    "out": ("green", False, 2, False, True),
    "again": ("amber", True, 3, False, False),
    "refused": ("red", True, 1, True, False),
}

# Longer than anything that blinks is off in between.
BLINK_S = 1.2
# Between the short tones and the long one, in seconds.
LONG_S = 0.6
# An emulated machine is slow: a line may be on for longer than was asked, and a little shorter where it began late.
SHORTER_S, LONGER_S = 0.3, 5.0


@dataclasses.dataclass(frozen=True)
class Lines:
    """The changes since a mark: the instant in seconds, and the level of each line as a digit."""

    changes: list[tuple[float, str]]
    # The instant of the look.
    now: float

    @classmethod
    def read(cls, text: str) -> "Lines":
        """Reads rows of milliseconds and levels, and a last one of /proc/uptime."""
        *rows, last = (row.split() for row in text.splitlines())
        return cls([(int(ms) / 1000, levels) for ms, levels in rows], float(last[0]))

    def is_on(self, part: str) -> bool:
        """Whether a part is on now."""
        return self._on(self.changes[-1][1], part)

    def pulses(self, part: str) -> list[float]:
        """For how many seconds it was on, each time that it was, and is not any more."""
        found, since = [], None
        for at, levels in self.changes:
            if self._on(levels, part):
                since = at if since is None else since
            elif since is not None:
                found.append(at - since)
                since = None
        return found

    @property
    def is_over(self) -> bool:
        """Whether nothing is on, and not just between two blinks."""
        is_quiet = not any(self.is_on(part) for part in LINES if part != "button")
        return is_quiet and self.now - self.changes[-1][0] > BLINK_S

    @staticmethod
    def _on(levels: str, part: str) -> bool:
        return (levels[LINES[part]] == "0") == (part in ACTIVE_LOW)

    def answers(self, *wanted: str) -> str:
        """What was told, where it is these answers to the last tone and no other, each after the one before; in words.
        The next answer's lamp takes the place of the one before, while its relay stays on for its time."""
        expected = [ANSWERS[one] for one in wanted]
        seen = {part: self.pulses(part) for part in LINES if part != "button"}
        lamps = {lamp: is_blinking for lamp, is_blinking, *_ in expected}
        problems = [f"{lamp} was on" for lamp in LAMPS if lamp not in lamps and seen[lamp]]
        tones = [is_long for *_, count, is_long, _ in expected for _ in range(count)]
        heard, last = [tone > LONG_S for tone in seen["buzzer"]], expected[-1][2]
        # An answer that comes soon breaks off the tones of the one before, of which the first was heard.
        is_broken_off = len(wanted) > 1 and last < len(heard) < len(tones) and heard == tones[-len(heard) :]
        if heard != tones and not is_broken_off:
            problems.append("the tones are other ones")
        for lamp, is_blinking in lamps.items():
            if (len(seen[lamp]) > 1) != is_blinking:
                problems.append(f"{lamp} is {'steady' if is_blinking else 'blinking'}")
            if not is_blinking and not _is_about(seen[lamp], LAMP_S if len(wanted) == 1 else 0):
                problems.append(f"{lamp} should be on for {LAMP_S} s")
        opens = any(opens for *_, opens in expected)
        if bool(seen["relay"]) != opens or (opens and not _is_about(seen["relay"], RELAY_S)):
            problems.append(f"the relay should be on for {RELAY_S if opens else 0} s")
        if problems:
            raise Failed(f"{wanted} should be told by lamp, buzzer and relay: {'; '.join(problems)}; seen: {seen}")
        told = " then ".join(f"{lamp} {'blinks' if is_blinking else 'steady'}" for lamp, is_blinking in lamps.items())
        relay = f"relay {seen['relay'][0]:.1f} s" if opens else "no relay"
        return f"{told}, {''.join('–' if is_long else '·' for is_long in tones)}, {relay}"


def _is_about(pulses: list[float], seconds: float) -> bool:
    return len(pulses) == 1 and seconds - SHORTER_S <= pulses[0] <= seconds + LONGER_S
