"""Who may do what, asked of a real collector: each request by everybody, and its traces."""

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from collectors import PROGRAM, Collector, Reply, batch_bytes, call
from outages import SICK, fail, quick, until

from modpulse.agent.batch.batch import ProxyWindow
from modpulse.collector.access import file as access_file
from modpulse.collector.access.audit import MAX_REFUSED
from modpulse.collector.access.entries import Entry, Role, key_of
from modpulse.collector.http.routes import ROUTES, Route

WHO: dict[str, tuple[Role, ...]] = {
    "shipper": ("ship",),
    "reader": ("read",),
    "chief": ("admin",),
    "both": ("ship", "read"),
    "past": ("ship", "read", "admin"),
}
"""Token to its roles; the time of `past` is over."""
MAY: dict[str, set[str]] = {
    "shipper": {"ship"},
    "reader": {"read"},
    "chief": {"read", "admin"},
    "both": {"ship", "read"},
}
"""What each may: an admin reads, and nobody else more than the line says."""
STRANGERS = ("nobody", "guess", "past", "two", "hash", "umlaut")
JSON = {"Content_Type": "application/json"}


def with_access(folder: Path) -> dict[str, object]:
    """Write the file; return its key."""
    for name, roles in WHO.items():
        until_ns = 10**18 if name == "past" else None
        key = key_of(name.encode())
        access_file.add(str(folder / "access"), Entry(name, frozenset(roles), key, until_ns))
    return {"access_file": folder / "access"}


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """One that has had an outage, and knows who may do what since."""
    folder = tmp_path_factory.mktemp("roles")
    made = quick(folder).start()
    fail(made)
    until(made, lambda found: found["incidents"])
    made.stop()
    made.keys |= with_access(folder) | {"public_summary": "on"}
    yield made.start()
    made.end()


def ask(collector: Collector, who: str, method: str, path: str, body: bytes | None = None) -> Reply:
    """Ask as somebody."""
    kind = "application/msgpack" if path.endswith("batches") else "application/json"
    return call(collector, method, path, body, Authorization=f"Bearer {who}", Content_Type=kind)


def raw(collector: Collector, route: Route, *headers: bytes, host: bytes = b"x") -> int:
    """Send a request with these headers as they are; return the status."""
    path = route.path.replace("*", "999999").encode()
    lines = [route.method.encode() + b" " + path + b" HTTP/1.1", b"Host: " + host, *headers]
    with closing(socket.create_connection(("127.0.0.1", collector.port), timeout=30)) as line:
        line.sendall(b"\r\n".join([*lines, b"Content-Length: 0", b"", b""]))
        return int(line.makefile("rb").readline().split()[1])


def incident(collector: Collector) -> dict[str, Any]:
    """The one that there is."""
    (found,) = ask(collector, "reader", "GET", "/api/v1/incidents").body["incidents"]
    return dict(found)


def audit(collector: Collector) -> list[dict[str, Any]]:
    """The log, newest first."""
    rows: list[dict[str, Any]] = ask(collector, "chief", "GET", "/api/v1/audit").body["audit"]
    return rows


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_each_request_by_everybody(collector: Collector, route: Route) -> None:
    """Who has the role is heard, another token is told 403, and whoever is none 401."""
    # The first line alone: a stream has no end.
    heard = {who: raw(collector, route, b"Authorization: Bearer " + who.encode()) for who in MAY}
    strangers = {
        "nobody": raw(collector, route),
        "guess": raw(collector, route, b"Authorization: Bearer mp_guess"),
        "past": raw(collector, route, b"Authorization: Bearer past"),
        "two": raw(collector, route, b"Authorization: Bearer chief", b"Authorization: Bearer x"),
        "hash": raw(collector, route, b"Authorization: Bearer " + key_of(b"chief").encode()),
        "umlaut": raw(collector, route, b"Authorization: Bearer chi\xc3\xabf"),
    }
    if route.role is None:
        assert {*heard.values(), *strangers.values()} & {401, 403} == set()
        assert strangers["two"] == 400
        return
    refused = {who for who, status in heard.items() if status == 403}

    assert refused == {who for who, roles in MAY.items() if route.role not in roles}
    assert 401 not in heard.values()
    # Of two nobody knows which one was meant.
    assert strangers == dict.fromkeys(STRANGERS, 401) | {"two": 400}


def test_a_huge_token(collector: Collector) -> None:
    """A token as long as a head may be is unknown; a longer one is no head."""
    route = next(route for route in ROUTES if route.role == "admin")

    assert raw(collector, route, b"Authorization: Bearer " + b"x" * 16_000) == 401
    assert raw(collector, route, b"Authorization: Bearer " + b"x" * 17_000) == 431


def test_a_note(collector: Collector) -> None:
    """A note is in the timeline with its author, harmless, also after a kill -9; the log has it."""
    path = f"/api/v1/incidents/{incident(collector)['id']}/notes"
    text = "the disk\nof \x1b[31mgoproxy.corp is full"
    written = ask(collector, "chief", "POST", path, json.dumps({"text": text}).encode())
    words = "the disk of goproxy.corp is full"
    assert (written.status, written.body["text"]) == (201, words)
    collector.kill()
    collector.start()
    notes = [entry for entry in incident(collector)["timeline"] if entry["what"] == "note"]
    times = [entry["at"] for entry in incident(collector)["timeline"]]

    assert [(note["who"], note["words"]) for note in notes] == [("token chief", words)]
    assert times == sorted(times)
    row = next(row for row in audit(collector) if row["act"] == "note.add")
    assert (row["who"], row["outcome"], row["address"]) == ("token chief", "done", "127.0.0.1")
    assert row["target"] == incident(collector)["id"]


def test_what_is_no_note(collector: Collector) -> None:
    """Neither an incident that there is not, nor too much, nor another type is taken."""
    there = f"/api/v1/incidents/{incident(collector)['id']}/notes"
    large = json.dumps({"text": "x" * 20_000}).encode()
    before = len(incident(collector)["timeline"])

    assert ask(collector, "chief", "POST", "/api/v1/incidents/1-1/notes", b"{}").status == 404
    assert ask(collector, "chief", "POST", there, large).status == 413
    assert ask(collector, "chief", "POST", there, b"{").status == 400
    plain = {"Authorization": "Bearer chief", "Content_Type": "text/plain"}
    assert call(collector, "POST", there, b"{}", **plain).status == 415
    assert call(collector, "POST", there, b"{}", Authorization="Bearer chief").status == 415
    assert len(incident(collector)["timeline"]) == before


def test_maintenance(collector: Collector) -> None:
    """What is announced is listed, outlives a kill -9, ends once, and all of that is in the log."""
    asked = json.dumps({"minutes": 30, "proxy": "https://sick.example/", "site": "berlin"})
    made = ask(collector, "chief", "POST", "/api/v1/maintenance", asked.encode())
    collector.kill()
    collector.start()
    (listed,) = ask(collector, "reader", "GET", "/api/v1/maintenance").body["maintenance"]
    path = f"/api/v1/maintenance/{made.body['id']}"
    ended = [ask(collector, "chief", "DELETE", path).status for _ in range(2)]
    again = ask(collector, "chief", "POST", "/api/v1/maintenance", b'{"minutes": 60}').body["id"]

    assert made.status == 201
    assert listed == made.body
    assert (listed["proxy"], listed["site"], listed["on"], listed["who"]) == (
        "https://sick.example", "berlin", True, "token chief",
    )  # fmt: skip
    assert ended == [200, 404]
    assert again > made.body["id"]
    acts = [row["act"] for row in audit(collector) if row["outcome"] == "done"]
    assert acts[:3] == ["maintenance.add", "maintenance.end", "maintenance.add"]
    ask(collector, "chief", "DELETE", f"/api/v1/maintenance/{again}")


def test_what_is_announced_is_quiet(tmp_path: Path) -> None:
    """During an announced window an incident is kept and told to nobody; once it ends it is."""
    made = quick(tmp_path, **with_access(tmp_path)).start()
    try:
        number = ask(made, "chief", "POST", "/api/v1/maintenance", b'{"minutes": 60}').body["id"]
        windows = (ProxyWindow(proxy=SICK, requests=9, failures={"tcp.refused": 9}),)
        good = (ProxyWindow(proxy="https://good.example", requests=5),)
        for agent_id in ("build-1", "build-2"):
            body = batch_bytes(agent_id, windows=windows + good)
            assert ask(made, "shipper", "POST", "/api/v1/batches", body).status == 202

        def until_told(most: float) -> list[int]:
            """Notices of each incident, once there is one with any or the time is over."""
            end = time.monotonic() + most
            while True:
                found = ask(made, "reader", "GET", "/api/v1/incidents").body["incidents"]
                notices = [each["notices"] for each in found]
                if any(notices) or time.monotonic() > end:
                    return notices
                time.sleep(0.05)

        quiet = until_told(3)
        ask(made, "chief", "DELETE", f"/api/v1/maintenance/{number}")
        assert quiet == [0]
        assert until_told(60) == [1]
    finally:
        made.end()


def test_the_file_changes(collector: Collector) -> None:
    """A token is revoked within seconds, without a restart; the log says who came and went."""
    path = str(collector.keys["access_file"])
    new = Entry("guest", frozenset[Role]({"read"}), key_of(b"guest"))

    def until_answered(status: int) -> None:
        end = time.monotonic() + 30
        while ask(collector, "guest", "GET", "/api/v1/proxies").status != status:
            assert time.monotonic() < end
            time.sleep(0.05)

    access_file.add(path, new)
    until_answered(200)
    line = HTTPConnection("127.0.0.1", collector.port, timeout=30)
    with closing(line):
        statuses = []
        for _ in range(2):
            line.request("GET", "/api/v1/maintenance", headers={"Authorization": "Bearer guest"})
            with line.getresponse() as response:
                response.read()
                statuses.append(response.status)
            access_file.remove(path, "guest", new.id)
            until_answered(401)
    # The connection was there before, and is asked again all the same.
    assert statuses == [200, 401]
    rows = [row["target"] for row in audit(collector) if row["act"] == "access.change"]
    assert rows == [f"- guest read {new.id}", f"+ guest read {new.id}"]


def test_attempts_are_in_the_log(collector: Collector) -> None:
    """Who tried what from where is written, a flood of it counted; what holds a secret is not."""
    for _ in range(2 * MAX_REFUSED):
        call(collector, "GET", "/api/v1/audit", Authorization="Bearer mp_s3cretGuess0123456789")
    ask(collector, "reader", "DELETE", "/api/v1/maintenance/7")
    document = ask(collector, "chief", "GET", "/api/v1/audit").body
    newest = document["audit"][0]

    assert (newest["who"], newest["act"], newest["outcome"], newest["address"]) == (
        "token reader", "DELETE /api/v1/maintenance/7", "refused", "127.0.0.1",
    )  # fmt: skip
    assert document["unwritten"] > 0
    assert "s3cret" not in json.dumps(document) + "".join(collector.log)
    strangers = [row for row in document["audit"] if row["who"] is None]
    assert len([row for row in strangers if row["outcome"] == "refused"]) < 5 * MAX_REFUSED


def test_the_summary_names_nobody(collector: Collector) -> None:
    """Anybody may know how many proxies are down since when, and no name of anything."""
    document = call(collector, "GET", "/api/v1/public").body
    text = json.dumps(document)

    assert (document["state"], document["proxies"]["down"]) == ("down", 1)
    assert [(i["severity"], i["state"]) for i in document["incidents"]] == [("P0", "open")]
    assert [name for name in ("sick", "good", "http", "build", "chief") if name in text] == []


def test_the_commands(collector: Collector) -> None:
    """A person notes, announces, ends, and reads who did that; a reader is told why not."""

    def run(who: str, *words: str) -> tuple[int, str]:
        (collector.directory / who).write_text(who)
        settings = {
            "MODPULSE_COLLECTOR_TOKEN_FILE": str(collector.directory / who),
            "MODPULSE_URL": collector.url,
        }
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, *words], env=settings, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    number = incident(collector)["id"]
    assert run("chief", "incidents", "note", number, "we know") == (0, "Noted.\n")
    assert "we know" in run("reader", "incidents")[1]
    code, words = run("reader", "incidents", "note", number, "x")
    assert (code, words.count("\n")) == (1, 1)
    assert words.endswith("answers 403: token reader has not the role admin\n")
    code, words = run("chief", "maintenance", "add", "--begins", "sat 02:00", "--minutes", "90")
    assert (code, words.split()[-7:]) == (0, ["02:00", "90", "min", "all", "all", "token", "chief"])
    identity = words.splitlines()[1].split()[0]
    assert run("reader", "maintenance")[1] == words
    assert run("chief", "maintenance", "end", identity) == (0, "Ended.\n")
    assert run("reader", "maintenance") == (0, "No maintenance.\n")
    rows = [re.split(" {2,}", line) for line in run("chief", "audit")[1].splitlines()]
    assert [row[1:4] for row in rows[1:3]] == [
        ["token chief", "done", "maintenance.end"],
        ["token chief", "done", "maintenance.add"],
    ]


def test_open_on_loopback(tmp_path: Path) -> None:
    """Where nobody is asked anybody ships and reads as ever, but nobody is an admin."""
    made = Collector(tmp_path, host_names="collector.corp", public_summary="on").start()
    try:
        admin = [route for route in ROUTES if route.role == "admin"]
        answered = {raw(made, route, host=b"localhost") for route in admin}
        shipped = call(
            made, "POST", "/api/v1/batches", batch_bytes(), Content_Type="application/msgpack"
        )
        assert shipped.status == 202
        assert call(made, "GET", "/api/v1/proxies").status == 200
        assert answered == {401}
        # Of pages of elsewhere whose name leads here (DNS rebinding) none is answered.
        foreign = {route: raw(made, route, host=b"evil.example:6637") for route in ROUTES}
        known = {raw(made, route, host=b"Collector.corp:6637") for route in ROUTES}
        misdirected = {route for route, status in foreign.items() if status == 421}
        assert misdirected == {route for route in ROUTES if route.role}
        assert 421 not in known
        door = call(made, "GET", "/api/v1/proxies").body["door"]
        assert door["misdirected"] == len(misdirected)
    finally:
        made.end()


def test_a_browser(collector: Collector) -> None:
    """Who logs in with a token that reads sees the page, until the token is revoked."""
    form = {"Content_Type": "application/x-www-form-urlencoded"}

    def log_in(token: str, **headers: str) -> Reply:
        body = f"token={token}&back=%2F%3Fpage%3D1".encode()
        return call(collector, "POST", "/login", body, **form | headers)

    stranger = call(collector, "GET", "/")
    assert stranger.status == 401
    assert b'<form class="login"' in stranger.body
    assert [log_in(token).status for token in ("guess", "shipper", "past")] == [401, 403, 401]
    assert log_in("reader", Sec_Fetch_Site="cross-site").status == 403
    access_file.add(
        collector.keys["access_file"], Entry("guest", frozenset({"read"}), key_of(b"guest"))
    )
    found = log_in("reader")
    cookie = found.headers["set-cookie"].partition(";")[0]
    page = call(collector, "GET", "/", Cookie=cookie)
    assert (found.status, found.headers["location"]) == (303, "/?page=1")
    assert page.status == 200
    assert b"token reader" in page.body
    # The API knows no cookie, so no other site can use one there.
    assert call(collector, "GET", "/api/v1/proxies", Cookie=cookie).status == 401
    assert call(collector, "POST", "/logout", b"", Cookie=cookie).status == 303
    assert call(collector, "GET", "/", Cookie=cookie).status == 401


def test_acts_of_a_page(collector: Collector) -> None:
    """An admin writes and announces from a page; who has not its form, or may not, does nothing."""
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    said = call(collector, "POST", "/login", b"token=chief", **form)
    cookie = {"Cookie": said.headers["set-cookie"].partition(";")[0]}
    page = f"/incidents/{incident(collector)['id']}"
    (token,) = set(
        re.findall(rb'name="form_token" value="(\w+)"', call(collector, "GET", page, **cookie).body)
    )

    def act(path: str, body: bytes, **headers: str) -> int:
        return call(collector, "POST", path, body, **form | headers).status

    assert act(f"{page}/notes", b"text=from+a+page&form_token=guess", **cookie) == 403
    assert act(f"{page}/notes", b"text=from+a+page", **cookie) == 403
    sent = b"form_token=" + token
    assert act(f"{page}/notes", b"text=x&" + sent, **cookie, Sec_Fetch_Site="cross-site") == 403
    assert act(f"{page}/notes", b"text=x&" + sent) == 401
    assert act(f"{page}/notes", b"text=+&" + sent, **cookie) == 400
    assert act(f"{page}/notes", b"text=from+a+page&" + sent, **cookie) == 303
    assert act("/maintenance", b"minutes=soon&" + sent, **cookie) == 400
    assert act("/maintenance", b"minutes=5&proxy=https://nobody&" + sent, **cookie) == 400
    assert b"Maintenance is on" not in call(collector, "GET", "/", **cookie).body
    assert act("/maintenance", b"minutes=5&begins=&proxy=&site=&" + sent, **cookie) == 303
    assert b"Maintenance is on: nobody is told" in call(collector, "GET", "/", **cookie).body
    listed = call(collector, "GET", "/maintenance", **cookie).body
    (number,) = re.findall(rb'action="/maintenance/(\d+)/end"', listed)
    assert act(f"/maintenance/{number.decode()}/end", sent, **cookie) == 303
    rows = audit(collector)
    # That the file changed may be noticed in between.
    done = [r for r in rows if r["outcome"] == "done" and r["act"] != "access.change"][:3]
    assert b"from a page" in call(collector, "GET", page, **cookie).body
    assert [row["act"] for row in done] == ["maintenance.end", "maintenance.add", "note.add"]
    assert {row["who"] for row in done} == {"token chief"}
    assert f"POST {page}/notes" in [row["act"] for row in rows if row["outcome"] == "refused"]
    # Who only reads sees no form.
    said = call(collector, "POST", "/login", b"token=reader", **form)
    cookie = {"Cookie": said.headers["set-cookie"].partition(";")[0]}
    assert b"form_token" not in call(collector, "GET", "/maintenance", **cookie).body


def test_pages_of_the_audit_log(collector: Collector) -> None:
    """Page by page comes what comes at once, and of what is no row nothing."""
    for _ in range(3):
        ask(collector, "reader", "GET", "/api/v1/audit")
    end = time.monotonic() + 30
    while len(whole := audit(collector)) < 3:
        assert time.monotonic() < end
        time.sleep(0.1)
    paged: list[dict[str, Any]] = []
    path: str | None = "/api/v1/audit?limit=2"
    while path:
        page = ask(collector, "chief", "GET", path).body
        assert len(page["audit"]) <= 2
        paged += page["audit"]
        path = page["next"] and f"/api/v1/audit?limit=2&after={page['next']}"

    assert paged == whole
    assert ask(collector, "chief", "GET", "/api/v1/audit?after=x").status == 400


def test_words_for_anybody(collector: Collector) -> None:
    """What an admin writes for anybody stands on the public page, escaped; no other note does."""
    path = f"/api/v1/incidents/{incident(collector)['id']}/notes"
    for note in (
        {"text": "of yesterday", "public": True},
        {"text": "<script>alert(1)</script> we are on it", "public": True},
        {"text": "the vendor is called Acme"},
    ):
        told = ask(collector, "chief", "POST", path, json.dumps(note).encode())
        assert (told.status, told.body["public"]) == (201, "public" in note)
    (shown,) = call(collector, "GET", "/api/v1/public").body["incidents"]
    page = call(collector, "GET", "/public").body

    assert shown["words"] == "<script>alert(1)</script> we are on it"
    assert b"&lt;script&gt;alert(1)&lt;/script&gt; we are on it" in page
    assert b"<script>alert" not in page
    for hidden in (b"Acme", b"yesterday", b"chief"):
        assert hidden not in page
    # The box on the page of the incident.
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    said = call(collector, "POST", "/login", b"token=chief", **form)
    cookie = {"Cookie": said.headers["set-cookie"].partition(";")[0]}
    page_of = path.removeprefix("/api/v1").removesuffix("/notes")
    (token,) = set(
        re.findall(
            rb'name="form_token" value="(\w+)"', call(collector, "GET", page_of, **cookie).body
        )
    )
    sent = b"public=on&text=it+is+over&form_token=" + token
    assert call(collector, "POST", f"{page_of}/notes", sent, **form, **cookie).status == 303
    assert call(collector, "GET", "/api/v1/public").body["incidents"][0]["words"] == "it is over"
