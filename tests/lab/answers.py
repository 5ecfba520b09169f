"""What each kind of host answers to a request. Pure: a request in, an Answer out."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from . import modules, sumdb
from .hosts import DOMAIN

SLOW_S = 2.5
RESET_DELAY_S = 0.05
"""Time for the client's own frames: a write that meets the RST would make its read see an EOF."""
SUM_NAME, WRONG_SUM_NAME = f"sum.{DOMAIN}", f"wrong-sum.{DOMAIN}"
CREDENTIALS = ("builder", "s3cret")
REASONS = {500: "upstream is down", 404: "not found: no such module"}


Stop = Literal["end", "stall_head", "stall_body", "cut", "reset"]


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    host: str
    path: str
    """Without the query."""
    query: str
    headers: dict[str, str]
    client_port: int
    tls: str | None
    """`TLSv1.2`, `TLSv1.3`; None over plain TCP."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One response and where it stops being a good one."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    delay_s: float = 0.0
    """Before the head."""
    stop: Stop = "end"
    """`cut` and `stall_body` send half of the body; `reset` sends nothing and resets TCP."""


class Content:
    """What healthy and altered proxies and the checksum databases serve; built once."""

    def __init__(self, more: Sequence[modules.Module] = ()) -> None:
        genuine = [*modules.catalogue(), *more]
        forged = [modules.altered(module) for module in genuine]
        self.genuine = modules.proxy_files(genuine)
        self.forged = modules.proxy_files(forged)
        self.databases = {
            SUM_NAME: sumdb.database_files(SUM_NAME, genuine),
            WRONG_SUM_NAME: sumdb.database_files(WRONG_SUM_NAME, forged),
        }


Answerer = Callable[[Content, Request], Answer]


def _file(files: dict[str, bytes], path: str) -> Answer:
    body = files.get(path)
    if body is None:
        return Answer(404, REASONS[404].encode())
    types = {"zip": "application/zip", "info": "application/json"}
    suffix = path.rpartition(".")[2]
    return Answer(200, body, types.get(suffix, "text/plain; charset=utf-8"))


def good(content: Content, request: Request) -> Answer:
    """A healthy proxy, which passes the checksum databases on."""
    for name, files in content.databases.items():
        prefix = f"/sumdb/{name}"
        if request.path.startswith(prefix + "/"):
            return _file(files, request.path.removeprefix(prefix))
    return _file(content.genuine, request.path)


def slow(content: Content, request: Request) -> Answer:
    return replace(good(content, request), delay_s=SLOW_S)


def status(code: int, content: Content, request: Request) -> Answer:
    body = REASONS.get(code, f"answered with {code} on purpose")
    headers = (("retry-after", "1"),) if code in (429, 503) else ()
    return Answer(code, body.encode(), headers=headers)


def basic_auth(content: Content, request: Request) -> Answer:
    """A proxy that wants CREDENTIALS."""
    expected = "Basic " + base64.b64encode(":".join(CREDENTIALS).encode()).decode()
    if request.headers.get("authorization") == expected:
        return good(content, request)
    return Answer(401, b"who are you?", headers=(("www-authenticate", 'Basic realm="lab"'),))


FAILING = {"info": 503, "mod": 500, "zip": 429, "list": 502}
"""By the last part of the path; anything else is 500."""


def failing(content: Content, request: Request) -> Answer:
    """A proxy that fails each endpoint in a way of its own."""
    endpoint = request.path.replace("/", ".").rpartition(".")[2]
    return status(FAILING.get(endpoint, 500), content, request)


def stop(how: Stop, only: str, content: Content, request: Request) -> Answer:
    """A good answer that stops as `how` says, for paths that end in `only`."""
    answer = good(content, request)
    return replace(answer, stop=how) if request.path.endswith(only) else answer


def reset(content: Content, request: Request) -> Answer:
    return Answer(200, delay_s=RESET_DELAY_S, stop="reset")


def html(only: str, content: Content, request: Request) -> Answer:
    """A captive portal: 200 and a page, whatever is asked that ends in `only`."""
    if not request.path.endswith(only):
        return good(content, request)
    return Answer(200, b"<!DOCTYPE html><title>Please log in</title>\n", "text/html")


def zip_body(body: bytes, content: Content, request: Request) -> Answer:
    """Everything good, but each zip is `body`."""
    answer = good(content, request)
    return replace(answer, body=body) if request.path.endswith(".zip") else answer


def altered(content: Content, request: Request) -> Answer:
    """A proxy whose zips were tampered with."""
    return _file(content.forged, request.path)


def redirect(target: str, only: str, content: Content, request: Request) -> Answer:
    if not request.path.endswith(only):
        return good(content, request)
    return Answer(302, b"", headers=(("location", target + request.path),))


def no_sumdb(content: Content, request: Request) -> Answer:
    """A proxy that does not pass the checksum database on."""
    return _file(content.genuine, request.path)


def database(name: str, content: Content, request: Request) -> Answer:
    """The checksum database itself."""
    return _file(content.databases[name], request.path)


def go_get(content: Content, request: Request) -> Answer:
    """The page of an import path in direct mode, which points to a module proxy."""
    if request.query != "go-get=1":
        return Answer(404, REASONS[404].encode())
    path = modules.ROOT + "/" + request.path.split("/")[1]
    meta = f'<meta name="go-import" content="{path} mod https://ok.{DOMAIN}">'
    return Answer(200, f"<html><head>{meta}</head></html>".encode(), "text/html")


FOREIGN_ZIP = modules.zip_of({"elsewhere.example/x@v1.0.0/x.go": b"package x\n"})

ANSWERS: dict[str, Answerer] = {
    "good": good,
    "slow": slow,
    **{
        f"status_{code}": partial(status, code) for code in (401, 403, 404, 410, 429, 500, 502, 503)
    },
    "basic_auth": basic_auth,
    "failing": failing,
    "stall_head": partial(stop, "stall_head", ""),
    "stall_body": partial(stop, "stall_body", ""),
    "stall_zip": partial(stop, "stall_body", ".zip"),
    "cut": partial(stop, "cut", ""),
    "cut_zip": partial(stop, "cut", ".zip"),
    "reset": reset,
    "html": partial(html, ""),
    "html_info": partial(html, ".info"),
    "not_a_zip": partial(zip_body, b"PK\x03\x04 but then it goes on as something else"),
    "foreign_zip": partial(zip_body, FOREIGN_ZIP),
    "altered": altered,
    "redirect_zip": partial(redirect, f"https://storage.{DOMAIN}", ".zip"),
    "redirect_loop": partial(redirect, f"https://redirect-loop.{DOMAIN}", ""),
    "redirect_plain": partial(redirect, f"http://ok.{DOMAIN}", ""),
    "no_sumdb": no_sumdb,
    "sumdb": partial(database, SUM_NAME),
    "sumdb_wrong": partial(database, WRONG_SUM_NAME),
    "go_get": go_get,
}
