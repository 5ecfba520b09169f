"""
What `as.lab.test` answers: the first part of the path says to which endpoint, and what.

    /zip=403/mod.lab.test/…        403 for zips, everything else is good
    /lookup=html/lookup/…          a checksum database whose lookups are a web page

Pure. Several are joined by `+`: `/zip=redirect.dead+mod=slow`. `any` is every endpoint.
"""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from .. import modules, sumdb
from ..answers import FOREIGN_ZIP, SUM_NAME, Answer, Content, Request, good
from ..hosts import DOMAIN

PAGE = b"<!DOCTYPE html><html><title>Please log in</title><form></form></html>\n"
MODULE = f"{modules.ROOT}/m00"
GZIP = bytes.fromhex("1f8b0800000000000003") + b"not a body"


@dataclass(frozen=True, slots=True)
class Sick(Answer):
    """An answer that goes wrong on the way: see http.py for what `fault` may be."""

    fault: str = ""


def endpoint(path: str) -> str:
    """The kind of thing that a path asks for."""
    for name in ("lookup", "tile", "supported", "latest"):
        if f"/{name}/" in path or path.endswith(f"/{name}"):
            return name
    last = path.rpartition("/")[2].removeprefix("@")
    return last.rpartition(".")[2] if "." in last else last


def respond(content: Content, request: Request) -> Answer:
    """The answer to one request."""
    spec, _, rest = request.path.removeprefix("/").partition("/")
    if spec.startswith("get."):  # an import path must not have a `=`
        return _sick(spec.removeprefix("get."), Answer(404, b"not found"), request)
    if "=" not in spec:
        return good(content, request)
    asked = replace(request, path=f"/{rest}")
    fine = _fine(content, asked)
    for part in spec.split("+"):
        only, _, fault = part.partition("=")
        if only in ("any", endpoint(asked.path)):
            return _sick(fault, fine, asked)
    return fine


def _fine(content: Content, request: Request) -> Answer:
    database = content.databases[SUM_NAME]
    if request.path.startswith(("/lookup/", "/tile/", "/latest", "/supported")):
        body = database.get(request.path)
        return Answer(404, b"not found") if body is None else Answer(200, body)
    return good(content, request)


def _sick(fault: str, fine: Answer, request: Request) -> Answer:
    word, _, rest = fault.partition(".")
    if word.isdigit():
        return Answer(int(word), f"answered with {word} on purpose".encode())
    if word == "redirect":
        return _redirect(rest, request)
    if word in BODIES:
        return replace(fine, status=200, body=BODIES[word](fine, request))
    if word in TYPED:
        return replace(TYPED[word], body=TYPED[word].body or fine.body)
    return Sick(200, fine.body or b"a body of some length\n" * 20, fine.content_type, fault=fault)


LOCATIONS = {
    "none": None,
    "empty": "",
    "bad": "https://[::1:/%zz",
    "scheme": "ftp://as.lab.test/file",
    "relative-loop": "?again",
    "insecure": f"http://as.{DOMAIN}/x",
    "loop": f"https://as.{DOMAIN}/any=redirect.loop",
    "dead": f"https://refused.to.{DOMAIN}",
    "closed-port": f"http://as.{DOMAIN}:81",
    "dropped": f"https://dropped.to.{DOMAIN}",
    "gone": f"https://gone.{DOMAIN}",
    "expired": f"https://expired-1h.crt.{DOMAIN}",
    "stranger": f"https://stranger.crt.{DOMAIN}",
    "alert": f"https://alert-40.tls.{DOMAIN}",
    "login": f"https://as-h1.{DOMAIN}/any=page",
    "cut": f"https://as-h1.{DOMAIN}/any=cut",
    "closed": f"https://as-h1.{DOMAIN}/any=close",
    "silent": f"https://as-h1.{DOMAIN}/any=stall-head",
    "notzip": f"https://as-h1.{DOMAIN}/any=text",
    **{str(code): f"https://as-h1.{DOMAIN}/any={code}" for code in (400, 401, 403, 404, 429)},
    **{str(code): f"https://as-h1.{DOMAIN}/any={code}" for code in (500, 502, 503)},
}
"""Where a redirect leads, by its name; the path that was asked follows."""


def _redirect(name: str, request: Request) -> Answer:
    target = LOCATIONS[name]
    if target is None:
        return Answer(302)
    whole = target if name in ("empty", "bad", "scheme", "relative-loop") else target + request.path
    return Answer(302, headers=(("location", whole),))


def _info(**changes: object) -> Callable[[Answer, Request], bytes]:
    fields = {"Version": modules.LATEST, "Time": modules.COMMITTED, **changes}
    return lambda _fine, _request: json.dumps(fields).encode()


def _changed(old: bytes, new: bytes) -> Callable[[Answer, Request], bytes]:
    return lambda fine, _request: fine.body.replace(old, new)


def _forged(fine: Answer, _request: Request) -> bytes:
    """A record whose tree head was signed by another key under the same name."""
    body, _, _ = fine.body.rpartition("— ".encode())
    wrong = base64.b64encode(hashlib.sha256(b"wrong").digest() + b"\0" * 36).decode()
    return body + f"— {SUM_NAME} {wrong}\n".encode()


def _unsigned(fine: Answer, _request: Request) -> bytes:
    return fine.body.rpartition("\n— ".encode())[0]


def _broken_signature(fine: Answer, _request: Request) -> bytes:
    body, dash, signature = fine.body.rpartition("— ".encode())
    raw = bytearray(base64.b64decode(signature.split()[1]))
    raw[-1] ^= 1
    return body + dash + f"{SUM_NAME} {base64.b64encode(raw).decode()}\n".encode()


def _other_tree(fine: Answer, request: Request) -> bytes:
    """A well signed head of another tree: the database was forked or restored from a backup."""
    number, record, _ = fine.body.partition(b"go.sum database tree\n")
    root = base64.b64encode(b"\x01" * 32).decode()
    head = sumdb.Signer(SUM_NAME).sign(f"go.sum database tree\n{99}\n{root}\n")
    return number + record + head.encode()


def _zip(files: dict[str, bytes]) -> Callable[[Answer, Request], bytes]:
    return lambda _fine, _request: modules.zip_of(files)


TOP = f"{MODULE}@{modules.LATEST}"
BODIES: dict[str, Callable[[Answer, Request], bytes]] = {
    "page": lambda _f, _r: PAGE,
    "empty": lambda _f, _r: b"",
    "text": lambda _f, _r: b"service is being moved, come back later\n",
    "binary": lambda _f, _r: bytes(range(256)) * 2,
    "null": lambda _f, _r: b"null",
    "array": lambda _f, _r: b"[]",
    "half": lambda fine, _r: fine.body[: len(fine.body) // 2],
    "half-json": lambda _f, _r: b'{"Version":"v1.1.0","Ti',
    "other-version": _info(Version="v1.0.0"),
    "bad-version": _info(Version="latest"),
    "no-version": _info(Version=""),
    "bad-time": _info(Time="yesterday"),
    "version-number": _info(Version=7),
    "other-path": _changed(b"m00", b"m01"),
    "bad-require": lambda _f, _r: f"module {MODULE}\nrequire nonsense\n".encode(),
    "bad-go": lambda _f, _r: f"module {MODULE}\ngo one.two\n".encode(),
    "replaces": lambda _f, _r: f"module {MODULE}\nreplace x.test/a => x.test/b v1.0.0\n".encode(),
    "excludes": lambda _f, _r: f"module {MODULE}\nexclude x.test/a v1.0.0\n".encode(),
    "broken-main": lambda _f, _r: modules.zip_of(
        {
            f"{TOP}/go.mod": f"module {MODULE}\n\ngo 1.18\n".encode(),
            f"{TOP}/main.go": b"package main\n\nfunc main() { absent() }\n",
        }
    ),
    "newer-go": lambda _f, _r: f"module {MODULE}\ngo 1.99\n".encode(),
    "foreign": lambda _f, _r: FOREIGN_ZIP,
    "empty-zip": _zip({}),
    "no-mod-zip": _zip({f"{TOP}/m00.go": b"package m00\n"}),
    "dotdot": _zip({f"{TOP}/../x.go": b"package x\n"}),
    "case": _zip({f"{TOP}/a.go": b"package x\n", f"{TOP}/A.go": b"package x\n"}),
    "bad-crc": lambda fine, _r: fine.body.replace(b"package m00", b"package m99", 1),
    "not-zip": lambda _f, _r: b"PK\x03\x04 but then it goes on as something else",
    "bad-list": lambda _f, _r: b"v1.1.0 2026\nnot a version\n",
    "malformed": lambda _f, _r: b"no number\nno record\n",
    "no-record": lambda fine, _r: b"0\n\n" + fine.body.partition(b"\n\n")[2],
    "other-record": _changed(b"m00 ", b"m01 "),
    "other-sum": _changed(b"h1:", b"h1:AAAA"),
    "forged": _forged,
    "unsigned": _unsigned,
    "broken-signature": _broken_signature,
    "other-tree": _other_tree,
    "bad-number": lambda fine, _r: b"77777" + fine.body[fine.body.index(b"\n") :],
    "flipped": lambda fine, _r: bytes([fine.body[0] ^ 1]) + fine.body[1:] if fine.body else b"",
}
"""What comes instead of the body of a good answer, with its status and length as announced."""

TYPED: dict[str, Answer] = {
    "gzip": Answer(200, GZIP, headers=(("content-encoding", "gzip"),)),
    "br": Answer(200, headers=(("content-encoding", "br"),)),
    "slow": Answer(200, delay_s=2.0),
    "meta-none": Answer(200, b"<html><head></head></html>", "text/html"),
    "meta-other": Answer(
        200,
        b'<html><head><meta name="go-import" content="other.lab.test/x mod https://x"></head></html>',
        "text/html",
    ),
    "meta-bad": Answer(
        200,
        b'<html><head><meta name="go-import" content="mod.lab.test/m00 git"></head></html>',
        "text/html",
    ),
    "meta-git": Answer(
        200,
        b'<html><head><meta name="go-import" content="as.lab.test/get.meta-git/x git '
        b'https://as.lab.test/r"></head></html>',
        "text/html",
    ),
    "meta-git-dead": Answer(
        200,
        f'<html><head><meta name="go-import" content="as.{DOMAIN}/get.meta-git-dead/x git https://refused.to.{DOMAIN}/r">'
        "</head></html>".encode(),
        "text/html",
    ),
    "403-code": Answer(403, b"no"),
}
