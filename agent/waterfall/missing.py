"""
What a command asked for and nobody had: 404 and 410 by the last that was asked, and pages of import
paths that lead to no repository.

A miss is no failure: `go` looks for a module under each part of an import path. It ended the
command where `go` told so, or, where `go` told of nothing that was asked for, where nobody had what
was named with its version. Pure.
"""

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import unquote

from ..records.document import Document
from ..records.records import Answer, Process, Reason, Request
from ..records.searched import found_by_search
from ..screen import words
from ..service.foreign import CUT
from ..wire.hosts import split_port

MAX_MISSING = 8
"""A go.mod with a wrong name in it fails with one; more are counted."""
_HOSTS_OF_MANY = ("github.com", "gitlab.com", "bitbucket.org")
"""Where the first element of a path behind the host says whose it is."""

Key = tuple[str | None, str | None, str | None]


def missing(process: Process, document: Document) -> list[Reason]:
    """Return what this process failed for, the last first; none where that was something else."""
    asked = [request for request in document.requests if request.pid == process.pid]
    groups: dict[Key, list[Request]] = {}
    for request in asked:
        groups.setdefault(_key(request), []).append(request)
    lacking = [group for group in groups.values() if _is_lacking(group)]
    found = _told(lacking, process) if process.told else _named(lacking, asked)
    reasons = [
        _led_astray(_reason(group, process, asked), group[-1], document)
        for group in reversed(found)
    ]
    if not reasons and any(told.about in ("query", "package") for told in process.told):
        reasons = _without_match(asked, lacking, process)
    elif any(told.about == "package" for told in process.told):
        reasons += _lacking_packages(asked, lacking, process)
    more = len(reasons) - MAX_MISSING
    if more > 0:
        last = Reason(section="not_found", pid=process.pid, words=f"and {more} more")
        reasons = [*reasons[:MAX_MISSING], last]
    return reasons


def _key(request: Request) -> Key:
    # `info`, `mod` and `zip` of a version are one thing to its user.
    is_version = request.version is not None and request.endpoint in ("info", "mod", "zip")
    endpoint = "version" if is_version else request.endpoint
    return endpoint, request.module, request.version


def _is_lacking(group: Sequence[Request]) -> bool:
    last = group[-1]
    return last.failure is None and last.final == "stopped" and (last.is_miss or _is_page(last))


def _is_page(request: Request) -> bool:
    return request.endpoint == "go-get" and request.status == 200


def _told(lacking: Sequence[list[Request]], process: Process) -> list[list[Request]]:
    """Return what `go` told of: by the answer's URL, else by its kind and module."""
    found = []
    for group in lacking:
        last = group[-1]
        for told in process.told:
            by_url = told.url is not None and any(_is_at(request, told.url) for request in group)
            by_kind = told.about == "toolchain" and last.endpoint == "toolchain"
            by_page = told.about == "page" and last.endpoint == "go-get"
            by_name = told.about == "module" and _key(last)[1:] == (told.module, told.version)
            if by_url or by_kind or (by_page and told.module in (None, last.module)) or by_name:
                found.append(group)
                break
    return found


def _is_at(request: Request, url: str) -> bool:
    if request.url is None:
        return False
    # Go writes `!` of a capital letter as it likes; a query is its own, or of an entry of GOPROXY.
    given, told = unquote(request.url), unquote(url.partition("?")[0])
    return given == told or (told.endswith(CUT) and given.startswith(told.removesuffix(CUT)))


def _named(lacking: Sequence[list[Request]], asked: Sequence[Request]) -> list[list[Request]]:
    """
    Return what was asked for with its version, and is not explained by where `go` looks.

    For a package at a version it asks for that version of each part of its path, at once: where one
    has it, those above and below were guesses. Source: cmd/go/internal/modload/query.go,
    queryPrefixModules.
    """
    served = {(request.module or "", request.version) for request in asked if _is_served(request)}
    return [
        group
        for group in lacking
        if group[-1].version is not None
        and not any(
            version == group[-1].version and _is_beside(module, group[-1].module or "")
            for module, version in served
        )
    ]


def _is_served(request: Request) -> bool:
    return request.status == 200 and request.failure is None


def _is_beside(module: str, other: str) -> bool:
    return f"{other}/".startswith(f"{module}/") != f"{module}/".startswith(f"{other}/")


def _reason(group: Sequence[Request], process: Process, asked: Sequence[Request]) -> Reason:
    last = group[-1]
    # Of a version whose go.mod is there and whose zip is not, the zip is what is missing.
    alike = [request for request in group if request.endpoint == last.endpoint]
    return Reason(
        section="not_found",
        pid=process.pid,
        words=f"{_thing(last)}: {_who(last, alike)}",
        advice=tuple(_advice(last, process, asked)),
        module=last.module,
        version=last.version,
        asked=_answers(alike),
    )


def _led_astray(reason: Reason, last: Request, document: Document) -> Reason:
    """Say where it was asked, if that is not where its name is."""
    host = split_port(last.host)[0]
    for lookup in reversed(document.lookups):
        if (lookup.pid, lookup.host) == (last.pid, host):
            name = found_by_search(host, lookup.queries)
            if name is None:
                break
            advice = (
                f"The address of {host} is that of {name}, by a search domain of resolv.conf: is"
                " that the right machine?"
            )
            return replace(reason, advice=(advice, *reason.advice))
    return reason


def _thing(last: Request) -> str:
    if last.endpoint == "toolchain":
        # `v0.0.1-go1.99.1.linux-amd64` is go1.99.1 for linux-amd64.
        return f"the toolchain {(last.version or '').removeprefix('v0.0.1-')}"
    name = last.module or "what was asked for"
    return name if last.version is None else f"{name}@{last.version}"


def _who(last: Request, alike: Sequence[Request]) -> str:
    if _is_page(last):
        return f"the page at https://{last.module} has no go-import tag for it"
    return ", ".join(dict.fromkeys(_answered(request) for request in alike))


def _answered(request: Request) -> str:
    """Say who answered what: where it was sent on, the last of those it was sent to."""
    who = words.place(request.proxy or request.host).removeprefix("sumdb:")
    if request.proxy == "direct":
        who = f"{request.host}, asked directly,"
    answer = f"answered {request.status or 'nothing'}"
    if request.redirects:
        return f"{who} sent on to {request.redirects[-1]}, which {answer}"
    return f"{who} {answer}"


def _advice(last: Request, process: Process, asked: Sequence[Request]) -> list[str]:
    private = f"GOPRIVATE={_pattern(last.module or '')}"
    if last.endpoint == "toolchain":
        return [
            "Is there such a release, and are toolchains to be had there? See GOTOOLCHAIN, and `go`"
            " and `toolchain` in go.mod."
        ]
    if last.endpoint == "sumdb":
        return [f"A checksum database knows public modules only. If it is private: {private}"]
    if last.endpoint == "go-get":
        return [
            "Is its path right? A private one may show a login page instead of its own:"
            " go needs credentials for it, in ~/.netrc or by GOAUTH."
        ]
    found = [_known(last, asked)]
    chain = process.goproxy or ()
    following = [entry.url for entry in chain[(last.chain_index or 0) + 1 :]]
    if "off" in following:
        found.append("GOPROXY has `off` behind that: nobody else was asked.")
    elif last.proxy != "direct" and "direct" not in [entry.url for entry in chain]:
        found.append(f"If it is private: {private}. GOPROXY has no `direct` to ask its origin.")
    else:
        found.append(f"If it is private: {private}")
    return found


def _known(last: Request, asked: Sequence[Request]) -> str:
    """Say whether it is the version that is not there, or the module."""
    served = [request for request in asked if request.module == last.module and _is_served(request)]
    if last.version is not None and last.version in {request.version for request in served}:
        return f"Other files of this version are there, its {last.endpoint} is not: is it whole?"
    if served and last.version is not None:
        return "The module is there: is the version right, and its tag pushed?"
    return "Are its path and version right?" if last.version else "Is its path right?"


def _pattern(module: str) -> str:
    elements = module.split("/")
    return "/".join(elements[: 2 if elements[0] in _HOSTS_OF_MANY else 1])


def _without_match(
    asked: Sequence[Request], lacking: Sequence[list[Request]], process: Process
) -> list[Reason]:
    """Modules that are there, and do not have what was wanted of them."""
    of_package = any(told.about == "package" for told in process.told)
    had = [
        request
        for request in asked
        if request.endpoint in (("zip",) if of_package else ("list", "latest"))
        and _is_served(request)
        and request.module is not None
    ]
    deepest = max(lacking, key=lambda group: len(group[-1].module or ""), default=None)
    if not had:
        return [] if deepest is None else [_reason(deepest, process, deepest)]
    if of_package:
        name = max((request.module or "" for request in had), key=len)
        tried = deepest[-1].module if deepest is not None else None
        return [_package(name, tried, had, process)]
    chosen = {request.module for request in asked if request.version is not None}
    return [_query([request for request in had if request.module not in chosen] or had, process)]


def _lacking_packages(
    asked: Sequence[Request], lacking: Sequence[list[Request]], process: Process
) -> list[Reason]:
    """Modules that were fetched for a package which they do not have, beside what is missing."""
    had = [request for request in asked if request.endpoint == "zip" and _is_served(request)]
    found = []
    for name in dict.fromkeys(request.module for request in had if request.module):
        below = [group[-1].module or "" for group in lacking]
        tried = max((path for path in below if path.startswith(f"{name}/")), key=len, default=None)
        if tried is not None:
            found.append(_package(name, tried, had, process))
    return found


def _package(name: str, tried: str | None, had: Sequence[Request], process: Process) -> Reason:
    is_below = tried is not None and tried.startswith(f"{name}/")
    below = f" {tried} is no module, and" if is_below else ""
    return Reason(
        section="not_found",
        pid=process.pid,
        words=f"{name} was fetched;{below} it does not have the package that was asked for",
        advice=("Is the path of the package right, and is it in this version?",),
        module=name,
        asked=_answers([request for request in had if request.module == name]),
    )


def _query(had: Sequence[Request], process: Process) -> Reason:
    name = max((request.module or "" for request in had), key=len)
    return Reason(
        section="not_found",
        pid=process.pid,
        words=f"{name}: its versions were listed, and none is what was asked for",
        advice=(f"`go list -m -versions {name}` shows them.",),
        module=name,
        asked=_answers([request for request in had if request.module == name]),
    )


def _answers(requests: Sequence[Request]) -> tuple[Answer, ...]:
    places = ((request.proxy or request.host, request.status) for request in requests)
    return tuple(dict.fromkeys(Answer(place, status) for place, status in places))
