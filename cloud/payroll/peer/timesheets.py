"""A month of punches to hours and cents, as one would write it with pandas: the peer of examples/timesheets.rs.

    timesheets.py PUNCHES.csv OUT.csv

The same rules: a second punch in the same direction within 60 s is a double read; in after in leaves the first one
unpaid; a session of more than 16 h is a forgotten check-out. A session is seconds x rate / 3600, rounded once, half to
even. Prints the seconds that it took, from the file to the totals.
"""

import sys
import time

import pandas

REPUNCH, LONGEST, DAY_START = 60, 16 * 3_600, 4 * 3_600


def half_even(numerator, denominator):
    whole, rest = divmod(numerator, denominator)
    twice = 2 * rest
    return whole + (twice > denominator or (twice == denominator and whole % 2 == 1))


def sessions(punches):
    """(check-in, check-out) of what is paid."""
    paid, inside, last, last_way = [], None, None, None
    for at, way in punches:
        if last is not None and way == last_way and at - last < REPUNCH:
            continue
        last, last_way = at, way
        if inside is not None and at - inside > LONGEST:
            inside = None
        if way == "in":
            inside = at
        elif inside is not None:
            paid.append((inside, at))
            inside = None
    return paid


def main():
    began = time.perf_counter()
    frame = pandas.read_csv(sys.argv[1]).sort_values(["person", "at"], kind="stable")
    rows = []
    for person, own in frame.groupby("person", sort=True):
        rate = 15_500_000 + person % 50 * 250_000
        for begin, end in sessions(zip(own["at"].tolist(), own["direction"].tolist())):
            rows.append((person, begin, end - begin, half_even((end - begin) * rate * 100, 3_600 * 1_000_000)))
    table = pandas.DataFrame(rows, columns=["person", "begin", "seconds", "cents"])
    local = pandas.to_datetime(table["begin"], unit="s", utc=True).dt.tz_convert("Europe/Berlin").dt.tz_localize(None)
    table["day"] = (local - pandas.Timedelta(seconds=DAY_START)).dt.date.astype(str)
    totals = table.groupby(["person", "day"], sort=True)[["seconds", "cents"]].sum().reset_index()
    took = time.perf_counter() - began
    totals.to_csv(sys.argv[2], index=False)
    print(took)


main()
