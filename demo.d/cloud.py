"""Speaks to the cloud as a person would through its page, and as existing dashboards do."""

import http.cookiejar
import json
import pathlib
import urllib.error
import urllib.parse
import urllib.request
import uuid

from programs import Failed


def _multipart(fields: dict[str, str], images: list[pathlib.Path]) -> tuple[bytes, str]:
    mark = uuid.uuid4().hex
    body = b""
    for name, value in fields.items():
        body += f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    for image in images:
        kind = "image/png" if image.suffix == ".png" else "image/jpeg"
        body += (
            f'--{mark}\r\nContent-Disposition: form-data; name="image"; filename="{image.name}"\r\n'
            f"Content-Type: {kind}\r\n\r\n"
        ).encode()
        body += image.read_bytes() + b"\r\n"
    return body + f"--{mark}--\r\n".encode(), f"multipart/form-data; boundary={mark}"


class Cloud:
    """One person's way in: keeps the session cookie, or carries an access token."""

    def __init__(self, base: str, token: str | None = None):
        self.base = base
        self._token = token
        jar = http.cookiejar.CookieJar()
        # The demo speaks to this machine alone; a proxy of the environment has no say in it.
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(jar)
        )

    def ask(self, method: str, path: str, body: bytes | None = None, kind: str | None = None):
        """The answer's JSON; a refusal is a failure in the cloud's own words."""
        request = urllib.request.Request(self.base + path, data=body, method=method)
        # What a browser says about a page's own calls.
        request.add_header("Origin", self.base)
        if kind:
            request.add_header("Content-Type", kind)
        if self._token:
            request.add_header("Authorization", f"Bearer {self._token}")
        try:
            with self._opener.open(request, timeout=60) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            detail = error.read().decode(errors="replace")
            raise Failed(f"{method} {path} was refused with {error.code}: {detail}") from None
        except OSError as error:
            raise Failed(f"{method} {path} got no answer: {error}") from None
        return json.loads(text) if text else None

    def post_json(self, path: str, value: dict):
        return self.ask("POST", path, json.dumps(value).encode(), "application/json")

    def set_up(self, link: str, username: str, email: str, password: str) -> None:
        """Uses the one-time link of the first start."""
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(link.strip()).query)
        if "token" not in query:
            raise Failed(f"the set-up link of the cloud has no token: {link.split('?')[0]}")
        token = query["token"][0]
        self.post_json(
            "/api/v1/setup", {"token": token, "username": username, "email": email, "password": password}
        )

    def enrol(self, name: str, email: str, password: str, rate: str, images: list[pathlib.Path]) -> str:
        """Adds an employee with photographs; gives the id."""
        fields = {"username": name, "email": email, "password": password, "hourly_rate": rate}
        # Whoever shows the demo says yes for its pictures.
        fields |= {"consent": "paper", "consent_language": "en"}
        return self.ask("POST", "/api/v1/employees", *_multipart(fields, images))["id"]

    def claim(self, name: str) -> str:
        """The words that a new terminal is claimed with."""
        return self.post_json("/api/v1/claims", {"name": name})["words"]

    def live(self) -> dict:
        """What the live page shows."""
        return self.ask("GET", "/api/v1/live")

    def log_in(self, email: str, password: str) -> "Cloud":
        """Logs in as existing dashboards do, with an access token."""
        form = urllib.parse.urlencode({"email": email, "password": password}).encode()
        answer = self.ask("POST", "/login/password", form, "application/x-www-form-urlencoded")
        return Cloud(self.base, answer["access_token"])

    def history(self) -> list[dict]:
        """An employee's own sessions."""
        return self.ask("GET", "/employee/attendance/history")
