"""A working day of a client of the old backend, by `requests`: all fifteen routes, in its own way of asking."""

import datetime

import requests

from house import PICTURES, house

BASE = ""


def picture(name: str):
    return {"image": (name, (PICTURES / name).read_bytes(), "image/jpeg")}


def is_answered(answer: requests.Response, status: int, detail=None):
    """The status, and of an error its words; gives the JSON."""
    assert answer.status_code == status, f"{answer.request.method} {answer.url}: {answer.status_code} {answer.text}"
    body = answer.json()
    if detail is not None:
        assert body == {"detail": detail}, body
    return body


def get(path: str, token: str | None = None):
    return requests.get(BASE + path, headers={"Authorization": f"Bearer {token}"} if token else {}, timeout=60)


def post(path: str, token: str | None = None, **more):
    return requests.post(BASE + path, headers={"Authorization": f"Bearer {token}"} if token else {}, timeout=60, **more)


def token(email: str, password: str) -> str:
    body = is_answered(post("/login/password", data={"email": email, "password": password}), 200)
    assert set(body) == {"access_token", "token_type", "user_type", "username", "email"}, body
    assert body["token_type"] == "bearer", body
    return body["access_token"]


def when(text: str) -> datetime.datetime:
    """As old clients parsed it; with its `Z` it is the same instant."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def day() -> None:
    assert "message" in is_answered(get("/"), 200)
    boss = {"username": "Barack", "email": "barack@limen.example", "password": "the old way of asking"}
    made = is_answered(post("/employer/register", data=boss | {"face_login": "true"}, files=picture("obama.jpg")), 201)
    assert made["message"] == "Employer registered successfully", made
    is_answered(post("/employer/register", data=boss, files=picture("obama.jpg")), 400, "Employer already exists")
    missing = is_answered(post("/employer/register", files=picture("obama.jpg")), 422)
    assert missing["detail"][0] == {"type": "missing", "loc": ["body", "username"], "msg": "Field required"}, missing
    is_answered(post("/login/password", data={"email": boss["email"], "password": "wrong"}), 401, "Invalid email or password")
    employer = token(boss["email"], boss["password"])
    for route in ("/login/face", "/login/face/employer"):
        assert is_answered(post(route, files=picture("obama2.jpg")), 200)["username"] == "Barack"
    is_answered(post("/login/face/employee", files=picture("obama2.jpg")), 401, "Face not recognized")
    assert is_answered(get("/employer/details", employer), 200) == {
        "username": "Barack", "email": boss["email"], "id": made["id"]}
    is_answered(get("/employer/details"), 401, "Not authenticated")

    joe = {"username": "Joe", "email": "joe@limen.example", "password": "another old way",
           "employer_id": made["id"], "hourly_rate": "21.5"}
    is_answered(post("/employee/register", data=joe, files=picture("biden.jpg")), 401)
    added = is_answered(post("/employee/register", employer, data=joe, files=picture("biden.jpg")), 201)
    assert added["message"] == "Employee registered successfully", added
    employee = token(joe["email"], joe["password"])
    details = is_answered(get("/employee/details", employee), 200)
    assert details == {"username": "Joe", "email": joe["email"], "hourly_rate": 21.5, "id": added["id"]}, details
    is_answered(get("/employer/employees", employee), 403, "Access forbidden")

    def row():
        rows = is_answered(get("/employer/employees", employer), 200)
        assert len(rows) == 1 and set(rows[0]) == {
            "id", "username", "email", "hourly_rate", "status", "last_check_in", "total_unpaid_earnings"}, rows
        return rows[0]

    assert (row()["status"], row()["last_check_in"]) == ("Not Working", None)
    is_answered(post("/attendance/checkin", files=picture("biden.jpg")), 403, "Invalid or missing authorization token")
    is_answered(post("/attendance/checkout", employee, files=picture("biden.jpg")), 404, "No active check-in found")
    is_answered(post("/attendance/checkin", employee, files=picture("obama.jpg")), 401, "Face not recognized")
    came = is_answered(post("/attendance/checkin", employee, files=picture("biden.jpg")), 200)
    assert came["message"] == "Check-in successful", came
    is_answered(post("/attendance/checkin", employee, files=picture("biden.jpg")), 400, "Already checked in")
    assert row()["status"] == "Working" and when(row()["last_check_in"]) == when(came["check_in"])
    left = is_answered(post("/attendance/checkout", employee, files=picture("biden.jpg")), 200)
    assert set(left) == {"message", "hours_worked", "earnings", "check_out"}, left
    summary = is_answered(get("/employee/attendance/summary", employee), 200)
    assert summary["currently_working"] is False and when(summary["last_check_out"]) == when(left["check_out"])
    history = is_answered(get("/employee/attendance/history", employee), 200)
    assert [set(one) for one in history] == [{"check_in", "check_out", "hours_worked", "earnings"}], history

    pay = f"{BASE}/employer/pay_employee/{added['id']}"
    is_answered(requests.post(pay, timeout=60), 403, "Authorization token missing")
    is_answered(requests.post(pay, headers={"Authorization": employee}, timeout=60), 403, "Only employers can mark payment")
    # The old client sent the token without its word.
    paid = is_answered(requests.post(pay, headers={"Authorization": employer}, timeout=60), 200)
    assert paid == {"message": "1 sessions marked as paid."}, paid
    assert row()["total_unpaid_earnings"] == 0


with house('registration = "open"\nrepunch_s = 0') as (owner, _program):
    BASE = owner.base
    day()
print("1 passed: a day of an old client, fifteen routes")
