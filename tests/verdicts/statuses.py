"""The status decides: every status, at every endpoint, before what `go` did with the answer."""

from .member import AS, AS_H1, LATEST, VERSIONS, Member, on

KIND = "status"
MISSES = (404, 410)
CLASSES = {401: "auth.401", 403: "auth.403", 407: "auth.407", 429: "http.429"}
AT_ZIP = (
    201, 202, 203, 204, 205, 206, 226, 300, 304, 305, 306,
    400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418,
    421, 422, 423, 424, 425, 426, 428, 429, 431, 451, 499,
    500, 501, 502, 503, 504, 505, 507, 508, 510, 511, 520, 521, 522, 523, 524, 525, 526, 529, 530,
    599, 600, 999,
)  # fmt: skip
ELSEWHERE = (204, 400, 401, 403, 404, 407, 408, 410, 418, 429, 451, 500, 502, 503, 504, 511, 522)
ENDPOINTS = {
    "mod": ("mod", {}),
    "info": ("info", {}),
    "list": ("list", {"args": VERSIONS, "requires": ()}),
    "latest": ("latest", {"args": LATEST, "requires": ()}),
    "toolchain": (
        "zip", {"args": ("version",), "requires": (), "env": {"GOTOOLCHAIN": "go1.99.1"}},
    ),
}  # fmt: skip


def _class(status: int) -> str:
    if status in CLASSES:
        return CLASSES[status]
    if 400 <= status < 600:
        return "http.4xx" if status < 500 else "http.5xx"
    if 300 <= status < 400:
        return "http.redirect|http.content"
    return "http.content" if status < 300 else "http.protocol"


def _member(status: int, endpoint: str, /, **more: object) -> Member:
    found = status in MISSES
    word, settings = ENDPOINTS.get(endpoint, ("zip", {}))
    lead = "list=empty+" if endpoint == "latest" else ""
    said = f"{status} "
    if endpoint == "toolchain" and found:
        said = "toolchain not available"
    if endpoint == "latest" and found:
        said = "no matching versions"
    options = {
        "kind": KIND,
        "name": f"{status} for {endpoint}",
        "goproxy": on(f"{lead}{word}={status}"),
        "says": said,
        "cls": "" if found else _class(status),
        "section": "not found" if found else "",
        "party": "nobody" if found else "module proxy",
        "host": "as.lab.test",
        "words": "" if found else str(status),
        "endpoint": endpoint,
        "judgement": status < 400 or status > 599,
        **settings,
        **more,
    }
    return Member(**options)  # type: ignore[arg-type]


def _bar(status: int, endpoint: str) -> Member:
    """Refused by both entries of a `|`: go prints the last, both count."""
    both = f"{on(f'{endpoint}={status}')}|{on(f'{endpoint}={status}', AS_H1)}"
    return _member(status, endpoint, name=f"{status} for {endpoint}, twice with |", goproxy=both)


def _through(status: int, endpoint: str) -> Member:
    return _member(
        status, endpoint, name=f"{status} for {endpoint}, then served with |", says="", exit_code=0,
        goproxy=f"{on(f'{endpoint}={status}')}|{AS}", final="fell_through",
    )  # fmt: skip


MEMBERS = (
    *(_member(status, "zip") for status in AT_ZIP),
    *(_member(status, endpoint) for endpoint in ENDPOINTS for status in ELSEWHERE),
    *(_bar(status, endpoint) for status in (403, 500) for endpoint in ("mod", "zip")),
    *(_through(status, endpoint) for status in (401, 403, 429, 451, 503) for endpoint in ("zip",)),
    _member(407, "zip", name="407 for zip over plain HTTP",
            goproxy=on("zip=407", "http://as.lab.test")),
    _member(403, "zip", name="403 for zip on HTTP/1.1", goproxy=on("zip=403", AS_H1),
            host="as-h1.lab.test"),
)  # fmt: skip
