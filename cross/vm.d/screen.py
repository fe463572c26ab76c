"""Asks the terminal's screen, in the guest, as its page does: status and type, the text, and what is shown thereupon.

usage: screen.py JSON: a list of [PATH] and [PATH, BODY], asked one after the other; a JSON object a line answers each.
"""

import json
import sys
import urllib.error
import urllib.request

HERE = "http://127.0.0.1:8470"
PATIENCE = 120
ANSWERS = ("punched", "again", "reverses", "refused")


def ask(path: str, body: dict | None = None):
    """One request, as the page sends it."""
    request = urllib.request.Request(HERE + path, data=None if body is None else json.dumps(body).encode())
    request.add_header("Origin", HERE)
    if body is not None:
        request.add_header("Content-Type", "application/json")
    return urllib.request.urlopen(request, timeout=PATIENCE)


def views(stream):
    """What is shown, now and whenever it changes."""
    for line in stream:
        if line.startswith(b"data:"):
            yield json.loads(line.removeprefix(b"data:"))["view"]


for path, *body in json.loads(sys.argv[1]):
    told = {}
    # Whoever asks looks at the screen before, and goes on looking: an answer is not shown for long.
    shown = views(ask("/shown"))
    before = next(shown)
    try:
        with ask(path, *body) as answer:
            told = {"status": answer.status, "type": answer.headers.get("Content-Type"), "text": answer.read().decode()}
        if body:
            told["view"] = next(view for view in shown if view != before and view["kind"] in ANSWERS)
    except urllib.error.HTTPError as refused:
        told = {"status": refused.code}
    print(json.dumps(told), flush=True)
