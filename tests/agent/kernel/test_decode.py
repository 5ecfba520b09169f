"""Ring records, byte by byte, into events."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.binary.layouts import LAYOUTS
from modpulse.agent.binary.points import Plan
from modpulse.agent.events import events
from modpulse.agent.events.events import GoError, SocketEnds
from modpulse.agent.events.sites import Site
from modpulse.agent.kernel.decode import _GO as BY_SITE
from modpulse.agent.kernel.decode import _KERNEL as BY_KIND
from modpulse.agent.kernel.decode import DecodeError, Kind, cannot_wait, decode

AT_NS, PID, GOID, PARENT, BINARY = 5_000, 42, 7, 1, 0
GO = (AT_NS, PID, GOID, PARENT, BINARY)
URL_ERROR, DNS_ERROR, ERRNO = 0x1000, 0x2000, 0x3000
MAPPED = bytes(10) + b"\xff\xff\x0a\x00\x00\x07"


def plan(layout_index: int | None = len(LAYOUTS) - 1) -> Plan:
    """A binary whose error types have names."""
    names = {URL_ERROR: "*url.Error", DNS_ERROR: "*net.DNSError", ERRNO: "syscall.Errno"}
    return Plan("go1.26.6", "amd64", None, False, (), layout_index=layout_index, type_names=names)


def header(kind: int, site: int = 0, goid: int = 0, parent: int = 0) -> bytes:
    return struct.pack("<QQQIHBB", AT_NS, goid, parent, PID, BINARY, kind, site)


def go(site: Site, body: bytes = b"") -> bytes:
    return header(Kind.GO, site, GOID, PARENT) + body


def error(
    *types: int,
    text: bytes = b"",
    leaf: bytes = b"",
    levels: int | None = None,
    operations: tuple[bytes, bytes] = (b"", b""),
    tail: bytes = b"",
) -> bytes:
    filled = (*types, *[0] * (7 - len(types)))
    count = len(types) if levels is None else levels
    sizes = map(len, operations)
    head = struct.pack("<7Q5B3x", *filled, count, len(text), *sizes, len(tail))
    return head + struct.pack("<16s16s80s128s32s", *operations, leaf, text, tail)


NO_ERROR = error()


def said(text: bytes, module: bytes = b"", version: bytes = b"") -> bytes:
    sizes = (len(text), len(module), len(version))
    return struct.pack("<QI3Bx128s200s56s", 0x500, 300, *sizes, text, module, version)


def url(host: bytes = b"", path: bytes = b"", https: int = 0) -> bytes:
    return struct.pack("<HHB3x264s512s", len(host), len(path), https, host, path)


def host(name: bytes) -> bytes:
    return struct.pack("<H6x264s", len(name), name)


def ends(sport: int, dport: int, address: bytes) -> bytes:
    return struct.pack("<HHB3x16s", sport, dport, len(address), address)


def read(data: bytes, made: Plan | None = None) -> events.Event:
    return decode(data, lambda number: made if number == BINARY else None)


V4, V6 = b"\x0a\x00\x00\x07", b"\xfd" + bytes(14) + b"\x07"
CONN = struct.pack("<Q", 99)

CASES = [
    (header(Kind.EXEC) + struct.pack("<QIIII256s", 9, 1, 1, 0, 0, b"/go/bin/go\0rest"),
     events.Exec(AT_NS, PID, 1, 9, "/go/bin/go", is_named=True)),
    (header(Kind.EXEC) + struct.pack("<QIIII256s", 9, 0, 0, 0, 0, b""),
     events.Exec(AT_NS, PID, None, 9, "", is_named=False)),
    (header(Kind.EXEC) + struct.pack("<QIIII256s", 9, 3, 0, 4, 5, b"/usr/bin/ssh"),
     events.Exec(AT_NS, PID, 3, 9, "/usr/bin/ssh", False, events.BelowGo(4, 5))),
    (header(Kind.EXIT) + struct.pack("<iII4x", -1, 0, 0), events.Exit(AT_NS, PID)),
    (header(Kind.EXIT) + struct.pack("<iII4x", 9, 7, 1), events.Exit(AT_NS, PID, 9, 7, True)),
    (header(Kind.TCP)
     + struct.pack("<QQQIHHHBBBB2x16s16s", 8, 1, 2, 3, 4, 5, 443, 2, 1, 1, 0, V6, MAPPED),
     events.Tcp(AT_NS, PID, 8, 2, 1, 5, "10.0.0.7", 443, 1, 2, 3, 4, True, False, "fd00::7")),
    (header(Kind.PACKET) + struct.pack("<QIHBx", 8, 1500, 3, 1) + b"abc\0\0\0\0\0",
     events.Packet(AT_NS, PID, 8, True, 1500, b"abc")),
    (go(Site.WEB_GET, url(b"h", b"/p", 1)), events.WebGet(*GO, "https", "h", "/p")),
    (go(Site.WEB_GET, url(b"h", b"/p")), events.WebGet(*GO, "http", "h", "/p")),
    (go(Site.WEB_GET, url(b"", b"/p", 2)), events.WebGet(*GO, "file", "", "/p")),
    (go(Site.ROUND_TRIP_START, host(b"h:443")), events.RoundTripStart(*GO, "h:443")),
    (go(Site.ROUND_TRIP_DONE, struct.pack("<QqHBB4x", 99, 5, 200, 1, 1) + NO_ERROR),
     events.RoundTripDone(*GO, 99, 5, 200, "1.1", None)),
    (go(Site.ROUND_TRIP_DONE, struct.pack("<QqHBB4x", 99, -1, 200, 2, 0) + NO_ERROR),
     events.RoundTripDone(*GO, 99, None, 200, "2", None)),
    (go(Site.ROUND_TRIP_DONE, struct.pack("<QqHBB4x", 0, 0, 0, 0, 0) + error(URL_ERROR)),
     events.RoundTripDone(*GO, 0, None, None, None, GoError(("*url.Error",), bytes(80), ""))),
    (go(Site.GOT_CONN, CONN + ends(5, 443, V4) + NO_ERROR),
     events.GotConn(*GO, 99, SocketEnds(5, "10.0.0.7", 443), None)),
    (go(Site.GOT_CONN, CONN + ends(0, 0, b"") + NO_ERROR), events.GotConn(*GO, 99, None, None)),
    (go(Site.DIAL_DONE, CONN + ends(5, 443, V6) + NO_ERROR),
     events.DialDone(*GO, SocketEnds(5, "fd00::7", 443), None)),
    (go(Site.DIAL_DONE, CONN + ends(5, 443, b"abc") + NO_ERROR), events.DialDone(*GO, None, None)),
    (go(Site.BODY_CLOSED), events.BodyClosed(*GO)),
    (go(Site.LOOKUP_START, host(b"h")), events.LookupStart(*GO, "h")),
    (go(Site.LOOKUP_DONE, url() + NO_ERROR), events.LookupDone(*GO, None)),
    (go(Site.DIAL_START, ends(0, 443, V4) + host(b"h:443")),
     events.DialStart(*GO, "h:443", "10.0.0.7", 443)),
    (go(Site.DIAL_START, ends(0, 443, b"") + host(b"h:443")),
     events.DialStart(*GO, "h:443", None, 443)),
    (go(Site.HANDSHAKE_START, ends(5, 443, V4) + host(b"h")),
     events.HandshakeStart(*GO, "h", SocketEnds(5, "10.0.0.7", 443))),
    (go(Site.HANDSHAKE_DONE, struct.pack("<HHBB2x16s", 0x304, 0x1301, 1, 2, b"h2") + NO_ERROR),
     events.HandshakeDone(*GO, 0x304, 0x1301, True, "h2", None)),
    (go(Site.HANDSHAKE_DONE, struct.pack("<HHBB2x16s", 0, 0, 0xFF, 0, b"") + NO_ERROR),
     events.HandshakeDone(*GO, 0, 0, None, "", None)),
    (go(Site.VERIFY_START, struct.pack("<II4096s", 3, 1, b"der")), events.VerifyStart(*GO, b"der")),
    (go(Site.VERIFY_START, struct.pack("<II4096s", 5000, 1, b"")), events.VerifyStart(*GO, None)),
    (go(Site.VERIFY_START, struct.pack("<II4096s", 0, 0, b"")), events.VerifyStart(*GO, None)),
    (go(Site.VERIFY_DONE), events.VerifyDone(*GO)),
    (go(Site.OPERATION_FAILED, url(b"h", b"/base", 1) + NO_ERROR),
     events.OperationFailed(*GO, "https://h/base", None)),
    (go(Site.OPERATION_FAILED, url(b"h") + NO_ERROR),
     events.OperationFailed(*GO, "http://h", None)),
    (go(Site.READ_REMOTE_FAILED, url() + NO_ERROR),
     events.ContentFailed(*GO, Site.READ_REMOTE_FAILED, None)),
    (go(Site.CHECK_SUM_DB_FAILED, url() + NO_ERROR),
     events.ContentFailed(*GO, Site.CHECK_SUM_DB_FAILED, None)),
    (go(Site.DOWNLOAD_ZIP_FAILED, url() + NO_ERROR),
     events.ContentFailed(*GO, Site.DOWNLOAD_ZIP_FAILED, None)),
    (go(Site.UNZIP_FAILED, url() + NO_ERROR), events.ContentFailed(*GO, Site.UNZIP_FAILED, None)),
    (go(Site.STREAM_FAILED, url() + NO_ERROR), events.StreamFailed(*GO, None)),
    (go(Site.ERROR_SAID, said(b"go: %v", b"m", b"v1") + NO_ERROR),
     events.ErrorSaid(*GO, "go: %v", 0x500, 300, "m", "v1", None)),
    (go(Site.ERROR_SAID, said(b"") + error(URL_ERROR)),
     events.ErrorSaid(*GO, "", 0x500, 300, None, None, GoError(("*url.Error",), bytes(80), ""))),
    (go(Site.OS_EXIT, struct.pack("<i4x", -1)), events.OsExit(*GO, -1)),
]  # fmt: skip


@pytest.mark.parametrize(("data", "event"), CASES, ids=[type(case[1]).__name__ for case in CASES])
def test_decode(data: bytes, event: events.Event) -> None:
    """Whole, and with the padding that the ring may add."""
    assert read(data, plan()) == event
    assert read(data + b"\xaa" * 7, plan()) == event


@pytest.mark.parametrize(("data", "event"), CASES, ids=[type(case[1]).__name__ for case in CASES])
def test_what_cannot_wait_is_told_without_decoding(data: bytes, event: events.Event) -> None:
    """A process that begins may be gone before all else is decoded."""
    assert cannot_wait(data) == isinstance(event, events.Exec)
    assert not cannot_wait(data[:31])


def test_a_toolchain_cannot_wait() -> None:
    """Its binary is to be read before it runs; other modules of that name are met as well."""
    path = b"/go/golang.org/toolchain/@v/v0.0.1-go1.27.3.linux-amd64.zip"

    assert cannot_wait(go(Site.WEB_GET, url(b"h", path)))
    assert not cannot_wait(go(Site.WEB_GET, url(b"h", b"/golang.org/x/tools/@v/list")))
    assert not cannot_wait(go(Site.OPERATION_FAILED, url(b"h", path) + NO_ERROR))


@pytest.mark.parametrize(("data", "event"), CASES, ids=[type(case[1]).__name__ for case in CASES])
def test_cut(data: bytes, event: events.Event) -> None:
    """A record that is cut anywhere is no record."""
    needed = len(data.rstrip(b"\0")) if isinstance(event, events.Packet) else len(data)
    for length in {0, 1, 31, 33, needed // 2, needed - 1} & set(range(needed)):
        with pytest.raises(DecodeError, match=f"ring record of {length} bytes"):
            read(data[:length], plan())


def test_every_site_is_decoded() -> None:
    """No probe sends what nobody reads."""
    assert set(BY_SITE) == set(Site)
    assert set(BY_KIND) == set(Kind) - {Kind.GO}


def chain(count: int, *entries: tuple[bytes, int]) -> bytes:
    filled = [*entries, *[(b"", 0)] * (8 - len(entries))]
    lengths = [len(name) for name, _ in filled]
    urls = b"".join(name.ljust(264, b"\0") for name, _ in filled)
    return struct.pack("<H8s6x8H2112s", count, bytes(any_ for _, any_ in filled), *lengths, urls)


def test_proxy_list() -> None:
    """Each entry says whether any error falls back; a list that was cut says so."""
    two = read(go(Site.PROXY_LIST, chain(2, (b"https://a", 1), (b"direct", 0))))
    nine = read(go(Site.PROXY_LIST, chain(9, (b"https://a", 0))))

    assert two == events.ProxyList(*GO, (("https://a", True), ("direct", False)), False)
    assert isinstance(nine, events.ProxyList)
    assert (len(nine.entries), nine.truncated) == (8, True)


def test_error_chain() -> None:
    """Types have their names from the outside in, as far as they are known."""
    data = go(Site.LOOKUP_DONE, url() + error(URL_ERROR, 0xBAD, ERRNO, text=b"x", leaf=b"o"))

    assert read(data, plan()) == events.LookupDone(
        *GO, GoError(("*url.Error", "?", "syscall.Errno"), b"o".ljust(80, b"\0"), "x")
    )


def test_operations() -> None:
    """What was being done is told by the outermost and the innermost error that says so."""
    data = error(URL_ERROR, ERRNO, operations=(b"proxyconnect", b"dial"))
    found = read(go(Site.LOOKUP_DONE, url() + data), plan())

    assert isinstance(found, events.LookupDone)
    assert found.error is not None
    assert found.error.operations == ("proxyconnect", "dial")


def test_error_of_an_unknown_binary() -> None:
    """Without a plan no type has a name; never more levels than were sent."""
    done = read(go(Site.LOOKUP_DONE, url() + error(1, 2, levels=255)))

    assert done == events.LookupDone(*GO, GoError(("?",) * 7, bytes(80), ""))


@pytest.mark.parametrize(
    ("flag", "text"),
    [
        ("dns_error_is_not_found", "no such host"),
        ("dns_error_is_timeout", "timeout"),
        (None, "server misbehaving"),
    ],
)
def test_dns_error(flag: str | None, text: str) -> None:
    """What a DNS error says are its flags, where the release puts them, else its words."""
    leaf = bytearray(80)
    if flag is not None:
        leaf[getattr(LAYOUTS[-1], flag)] = 1
    data = go(
        Site.LOOKUP_DONE, url() + error(DNS_ERROR, text=b"server misbehaving", leaf=bytes(leaf))
    )

    done, unknown = read(data, plan()), read(data, plan(None))

    assert done == events.LookupDone(*GO, GoError(("*net.DNSError",), bytes(leaf), text))
    assert unknown == events.LookupDone(
        *GO, GoError(("*net.DNSError",), bytes(leaf), "server misbehaving")
    )


def test_text_that_is_not_utf8() -> None:
    """A process may have any bytes in memory."""
    assert read(go(Site.ROUND_TRIP_START, host(b"\xff"))) == events.RoundTripStart(*GO, "\ufffd")


def test_no_goroutine_has_no_parent() -> None:
    """0 stands for what the release does not tell."""
    data = header(Kind.GO, Site.BODY_CLOSED, GOID, 0)

    assert read(data) == events.BodyClosed(AT_NS, PID, GOID, None, BINARY)


@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    """Only DecodeError escapes."""
    with contextlib.suppress(DecodeError):
        read(data)


@given(st.sampled_from([*Kind, 0, 9]), st.integers(0, 255), st.binary(max_size=4600), st.booleans())
def test_any_body(kind: int, site: int, body: bytes, is_known: bool) -> None:
    """The same behind a header of our own, with lengths beyond what follows."""
    with contextlib.suppress(DecodeError):
        read(
            header(kind, site, GOID, PARENT) + body.ljust(4400, b"\xff"),
            plan() if is_known else None,
        )
