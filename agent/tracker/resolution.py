"""
Why a name was not resolved: from what `go` said last, and what servers answered for that name.

Pure. Source: net/dnsclient_unix.go, alike from 1.19 to 1.27. goLookupIPCNAMEOrder asks for the name
and for each search domain behind it, in the order of nameList. Whatever the search domains gave,
the error kept is the last one of the name itself; only where that is never asked (`.onion`, a dot
at its end) is it the first one. tryOneName goes on to the next server after anything but an
answer, NXDOMAIN or NOERROR without the records, and ends with the error of the last.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..events.events import GoError
from ..records.failures import FailureClass
from ..records.records import Query
from .cause import Cause

_NO_SUCH_HOST, _TIMEOUT, _MISBEHAVING = "no such host", "timeout", "server misbehaving"
_NOT_SUITABLE = "no suitable address found"
"""net/ipsock.go: of an empty list, which 1.19 returns without an error for `hosts: files`."""
_CANCELLED = ("operation was canceled", "context canceled")
"""net/net.go: mapErr; before 1.23 a `*net.DNSError` kept no other sign of it."""

_SYSTEM_CALL = re.compile(
    r"(?P<call>dial|read|write) (?P<transport>udp|tcp)[46]? (?:\S+->)?(?P<server>\S+): (?P<why>.+)"
)
"""A `net.OpError` as text."""

_LOCAL: dict[str, FailureClass] = {
    "too many open files": "local.files",
    "too many open files in system": "local.files",
    "no buffer space available": "local.files",
    "cannot allocate memory": "local.files",
    "cannot assign requested address": "local.files",
    "resource temporarily unavailable": "local.files",
    "operation not permitted": "local.permission",
    "permission denied": "local.permission",
    "address family not supported by protocol": "local.permission",
    "protocol not supported": "local.permission",
    "function not implemented": "local.permission",
}
"""syscall/zerrors_linux: what a machine refuses its own programs, not what the network answers."""

_NO_ROUTE = ("no route to host", "network is unreachable", "host is down", "invalid argument")
"""The last: a route of type blackhole."""
_CLOSED = ("EOF", "unexpected EOF", "connection reset by peer", "broken pipe")

_ODD_ANSWERS = {
    "cannot unmarshal DNS message": "sent an answer that cannot be read",
    "invalid DNS response": "answered another question",
    "lame referral": "only referred to other servers",
    "no answer from DNS server": "cut its answers short, also over TCP",
}
"""Go's own words -> ours, both with the server left out."""

_LABEL = re.compile(r"(?=.{1,63}\Z)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?")

_DEFAULT_SERVERS = {"127.0.0.1", "::1"}
"""net/dnsconfig.go: defaultNS, asked where resolv.conf names none."""
_SHOWN_SERVERS = 3
"""As many as resolv.conf may have."""
_WORTH_A_TIME_NS = 1_000_000_000


class FailedLookup(NamedTuple):
    """What is known of a lookup that failed."""

    host: str
    queries: Sequence[Query] = ()
    """In the order in which they were first asked."""
    bad_answers: int = 0
    """That came and were none: unreadable, or to another question."""
    end_ns: int | None = None
    """When the lookup had ended, on the clock of the queries."""


def resolution_cause(error: GoError | None, asked: FailedLookup | None) -> Cause:
    """
    Judge a failed lookup.

    Args:
        error: One for which `is_of_lookup` holds; None where only packets are seen.
        asked: The lookup; None when it was not seen.
    """
    asked = asked or FailedLookup("")
    cause = _by_text(error.text, error.tail, asked) if error is not None else None
    if cause is None:
        cause = _by_answers(asked)
    return cause._replace(words=cause.words + _search_cost(asked))


def is_of_lookup(error: GoError) -> bool:
    """Whether an error tells of a name that was not resolved."""
    return "*net.DNSError" in error.types or (
        error.types[-1] == "*net.AddrError" and error.text == _NOT_SUITABLE
    )


def is_given_up(error: GoError) -> bool:
    """The caller of the lookup gave up: the text is all that tells."""
    return "*net.DNSError" in error.types and error.text in _CANCELLED


def was_sent(error: GoError) -> bool:
    """Whether a server's address was tried on the network, though no question may be seen."""
    call = _SYSTEM_CALL.fullmatch(error.text)
    why = (error.tail or (call["why"] if call else error.text)).rpartition(": ")[2]
    return (call is not None and why not in _LOCAL) or why in (_TIMEOUT, *_CLOSED)


def _by_text(text: str, tail: str, asked: FailedLookup) -> Cause | None:
    """Judge by what `go` ended with; None where its words do not decide."""
    call = _SYSTEM_CALL.fullmatch(text)
    why = (tail or (call["why"] if call else text)).rpartition(": ")[2]
    server = call["server"] if call else None
    if why in _LOCAL:
        return _local(asked.host, why, server)
    if why == "connection refused" and server is not None and call is not None:
        return _refused(server, call["transport"], asked)
    if why in _NO_ROUTE:
        return _failed("dns.unreachable", f"no route to {server or _servers(asked.queries)}")
    if why in _CLOSED:
        streams = [query for query in _deciding(asked) if query.transport == "tcp"]
        who = server or _servers(streams or asked.queries)
        words = f"{who} closed the TCP connection without an answer{_why_tcp(asked)}"
        return _failed("dns.servfail", words)
    if why in _ODD_ANSWERS:
        return _failed("dns.servfail", f"{_servers(_deciding(asked))} {_ODD_ANSWERS[why]}")
    if why == "cannot marshal DNS message":  # until 1.21 also where it could not be read
        if any(query.rcode for query in asked.queries):
            return _by_text("cannot unmarshal DNS message", "", asked)
        words = f"{asked.host} is not a name that can be asked for"
        return Cause("local.config", words, "configuration")
    if why in (_TIMEOUT, "i/o timeout"):
        return _silence(asked, server)
    if why in (_NO_SUCH_HOST, _NOT_SUITABLE):
        return _unsent(asked) or _not_found(asked)
    return _misbehaving(asked) if why == _MISBEHAVING else None


def _by_answers(asked: FailedLookup) -> Cause:
    """Judge by packets alone."""
    last = _last_of_types(_deciding(asked))
    if any(query.rcode == "NXDOMAIN" for query in last) or _are_empty(last):
        return _not_found(asked)
    if found := _misbehaving(asked):
        return found
    if last and all(query.rcode is None for query in last):
        return _silence(asked, None)
    return _failed("dns.servfail", f"no usable answer from {_servers(asked.queries)}")


def _failed(cls: FailureClass, why: str) -> Cause:
    return Cause(cls, f"could not be resolved: {why}", "resolver")


def _local(host: str, why: str, server: str | None) -> Cause:
    cls = _LOCAL[why]
    did = "had no socket left" if cls == "local.files" else "does not allow go"
    words = f"it {did} to ask {server or 'anybody'} for {host}: {why}"
    return Cause(cls, words, "machine")


def _refused(server: str, transport: str, asked: FailedLookup) -> Cause:
    """The server's machine answered that nothing is there: by ICMP, or by a reset."""
    if transport == "tcp":
        return _failed("dns.unreachable", f"{server} refuses TCP{_why_tcp(asked)}")
    silent = [query.server for query in _deciding(asked) if query.rcode is None]
    others = [name for name in dict.fromkeys(silent) if name != _bare(server)]
    words = f"nobody listens at {server}"
    if {query.server for query in asked.queries} >= _DEFAULT_SERVERS:
        words += ", which go asks where resolv.conf names no server"
    elif others:
        words += f", and no answer from {', '.join(others[:_SHOWN_SERVERS])}"
    elif server.startswith(("127.", "[::1]")):
        words += ", this machine's own resolver"
    return _failed("dns.unreachable", words)


def _silence(asked: FailedLookup, server: str | None) -> Cause:
    deciding = _deciding(asked)
    silent = [query for query in deciding if query.rcode is None]
    cut = [query for query in deciding if query.truncated]
    if asked.bad_answers:
        who = _servers(silent or deciding)
        many = "1 came that is" if asked.bad_answers == 1 else f"{asked.bad_answers} came that are"
        return _failed("dns.timeout", f"no answer from {who} to the question; {many} none")
    over = " over TCP" if cut or any(query.transport == "tcp" for query in silent) else ""
    who = server or _servers(silent or cut or deciding)
    return _failed("dns.timeout", f"no answer{over} from {who}{_why_tcp(asked)}")


def _not_found(asked: FailedLookup) -> Cause:
    """`go` has one error for a name that does not exist and for one without an address."""
    if not asked.queries:
        return _never_asked(asked.host)
    last = _last_of_types(_deciding(asked))
    unknown = [query for query in last if query.rcode == "NXDOMAIN"]
    empty = [query for query in last if _is_empty(query)]
    if unknown:
        who = _servers(unknown)
        words = f"does not exist, says {who}{_other_types(unknown, last)}{_silent(asked)}"
        return Cause("dns.nxdomain", words, "resolver")
    if not empty:
        words = f"does not exist, says go; no answer of {_servers(last)} that was seen says so"
        return Cause("dns.nxdomain", words, "resolver")
    alias = " but an alias without one" if any(q.min_ttl_s is not None for q in empty) else ""
    words = f"has no address{alias}, says {_servers(empty)}{_other_types(empty, last)}"
    return Cause("dns.nodata", words + _silent(asked), "resolver")


def _unsent(asked: FailedLookup) -> Cause | None:
    """`go` always asks for both types, each on a socket of its own: it had none for the other."""
    last = _last_of_types(_deciding(asked))
    if len(last) != 1 or last[0].rcode not in (None, "NOERROR"):
        return None
    (sent,) = last
    other = "AAAA" if sent.qtype == "A" else "A"
    words = f"the {other} question for {sent.name} was never sent, as with too many open files"
    if _is_empty(sent):
        words += f"; {sent.server} has no {sent.qtype} for it"
    return Cause("local.files", words, "machine")


def _never_asked(host: str) -> Cause:
    """No question left: go's own rules for names, or nsswitch.conf."""
    name = host.rstrip(".").lower()
    if host and host.isascii() and not _is_domain_name(name):
        why = "is not a valid host name"
        if ";" in host:
            why += ": entries of GOPROXY are parted by , and |"
        return Cause("local.config", f"{host} {why}", "configuration")
    if name.rpartition(".")[2] == "onion":
        return Cause("local.config", f"{host} is never asked of DNS", "configuration")
    words = f"no server was asked for {host}: see `hosts:` in nsswitch.conf"
    return Cause("dns.nxdomain", words, "configuration")


def _is_domain_name(name: str) -> bool:
    """As net/dnsclient.go, isDomainName: no other name is looked up."""
    labels = name.split(".")
    is_made_of_labels = all(_LABEL.fullmatch(label) for label in labels)
    return is_made_of_labels and len(name) <= 253 and not name.replace(".", "").isdigit()


def _misbehaving(asked: FailedLookup) -> Cause | None:
    """A server answered with an error; the type that was answered last is the one `go` tells."""
    deciding = _deciding(asked)
    wrong = [query for query in deciding if query.rcode not in (None, "NOERROR", "NXDOMAIN")]
    if not wrong:
        return None
    last = max(wrong, key=lambda query: query.at_ns + (query.answer_ns or 0))
    alike = [query for query in wrong if query.rcode == last.rcode]
    cls: FailureClass = "dns.refused" if last.rcode == "REFUSED" else "dns.servfail"
    words = f"{_servers(alike)} answered {last.rcode}"
    return _failed(cls, words + _other_types(alike, _last_of_types(deciding)) + _silent(asked))


def _other_types(told: Iterable[Query], last: Sequence[Query]) -> str:
    """Say what came for the other type, where it was something else."""
    types = {query.qtype for query in told}
    others = [f"{query.qtype} {_label(query)}" for query in last if query.qtype not in types]
    return f" for {', '.join(sorted(types))}; for {', '.join(others)}" if types and others else ""


def _label(query: Query) -> str:
    if query.rcode is None:
        return "no answer"
    return query.rcode if query.rcode != "NOERROR" else "an address" if query.addresses else "none"


def _silent(asked: FailedLookup) -> str:
    """Name the servers that were asked as well and never answered."""
    answered = {query.server for query in asked.queries if query.rcode is not None}
    silent = [q.server for q in asked.queries if q.rcode is None and q.server not in answered]
    names = list(dict.fromkeys(silent))[:_SHOWN_SERVERS]
    return f"; no answer from {', '.join(names)}" if names else ""


def _why_tcp(asked: FailedLookup) -> str:
    cut = any(query.truncated and query.transport == "udp" for query in _deciding(asked))
    return ", after an answer over UDP that was truncated" if cut else ""


def _deciding(asked: FailedLookup) -> list[Query]:
    """Return the questions for the name that `go` ends with."""
    own = [query for query in asked.queries if _is_own(query, asked.host)]
    if own or not asked.queries:
        return own
    return [query for query in asked.queries if query.name == asked.queries[0].name]


def _is_own(query: Query, host: str) -> bool:
    return query.name is None or query.name == host.rstrip(".").lower()


def _last_of_types(queries: Iterable[Query]) -> list[Query]:
    """Return the last question of each type: answers over TCP replace truncated ones."""
    return list({query.qtype: query for query in queries}.values())


def _is_empty(query: Query) -> bool:
    return query.rcode == "NOERROR" and not query.addresses and not query.truncated


def _are_empty(queries: Sequence[Query]) -> bool:
    return bool(queries) and all(_is_empty(query) for query in queries)


def _servers(queries: Iterable[Query]) -> str:
    found = list(dict.fromkeys(query.server for query in queries))
    return ", ".join(found[:_SHOWN_SERVERS]) or "the resolver"


def _bare(server: str) -> str:
    """Return the address of `address:port`."""
    return server.rpartition(":")[0].strip("[]").partition("%")[0]


def _search_cost(asked: FailedLookup) -> str:
    """Say what was asked, and waited, for names with a search domain behind."""
    searched = [query for query in asked.queries if not _is_own(query, asked.host)]
    if not searched or len(searched) == len(asked.queries):
        return ""
    count = sum(query.attempts for query in searched)
    many = f"{count} question{'s' if count != 1 else ''} for search domains"
    waited_ns = _waited_ns(asked)
    if waited_ns < _WORTH_A_TIME_NS:
        return f"; {many} too"
    return f"; {many} took {round(waited_ns / 1e9)} s"


def _waited_ns(asked: FailedLookup) -> int:
    """Sum the time of the search names: each is asked for until the next is."""
    begins: dict[str | None, int] = {}
    for query in asked.queries:
        begins.setdefault(query.name, query.at_ns)
    ends = [*list(begins.values())[1:], asked.end_ns]
    own = asked.host.rstrip(".").lower()
    return sum(
        end_ns - at_ns
        for (name, at_ns), end_ns in zip(begins.items(), ends, strict=True)
        if end_ns is not None and name not in (None, own)
    )
