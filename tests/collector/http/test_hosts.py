"""Rules of the names by which a collector is asked."""

import pytest

from modpulse.collector.errors import RejectedError
from modpulse.collector.http.hosts import Hosts

NAMES = ("collector.corp.", "10.9.9.9", "fd00::1")


def status(listen: str, host: str | None) -> int:
    """What is answered who asks by this name; 200: it may ask."""
    try:
        Hosts(listen, NAMES).check({} if host is None else {b"host": host.encode("latin-1")})
    except RejectedError as error:
        return error.status
    return 200


KNOWN = [
    "localhost", "LocalHost:6637", "localhost.", "127.0.0.1:6637", "127.9.9.9", "[::1]", "[::1]:80",
    "collector.corp", "Collector.Corp.:443", "10.9.9.9:1", "[FD00::1]:9", None,
]  # fmt: skip
FOREIGN = [
    "evil.example", "evil.example:6637", "localhost.evil.example", "evil.localhost",
    "127.0.0.1.nip.io", "", ":6637", "10.1.1.1", "[fd00::2]", "::1", "a@localhost", "localhost/x",
    "localhost:6637:1",
    "localhost, evil.example", "localhost evil.example", "[localhost]", "<b>", "\xe9", "0.0.0.0",
    "2130706433", "127.1",
]  # fmt: skip


@pytest.mark.parametrize(
    ("host", "expected"), [(h, 200) for h in KNOWN] + [(h, 421) for h in FOREIGN]
)
def test_by_which_name(host: str | None, expected: int) -> None:
    """Loopback, the address listened on and configured names are known, with any port."""
    assert status("127.0.0.1", host) == expected


@pytest.mark.parametrize(
    ("listen", "host", "expected"),
    [
        ("10.1.1.1", "10.1.1.1:6637", 200),
        ("10.1.1.1", "10.1.1.2", 421),
        ("::1", "[::1]:6637", 200),
        ("fe80::1%eth0", "[fe80::1]", 200),
        ("0.0.0.0", "10.1.1.2:6637", 200),
        ("::", "[fd00::3]", 200),
        ("0.0.0.0", "evil.example", 421),
    ],
)
def test_the_address_that_is_listened_on(listen: str, host: str, expected: int) -> None:
    """It is known; who listens on all is asked by any address, and by no other name."""
    assert status(listen, host) == expected


@pytest.mark.parametrize(
    ("site", "origin", "is_refused"),
    [
        (None, None, False),
        ("same-origin", None, False),
        ("none", None, False),
        ("same-site", None, True),
        ("cross-site", "http://localhost:6637", True),
        ("same-origin", "http://proxy.corp", False),
        (None, "http://localhost:6637", False),
        (None, "http://collector.corp", False),
        (None, "http://localhost:3000", True),
        (None, "http://127.0.0.1:6637", True),
        (None, "http://evil.example", True),
        (None, "null", True),
        (None, "", True),
        (None, "localhost:6637", True),
    ],
)
def test_from_which_page(site: str | None, origin: str | None, is_refused: bool) -> None:
    """A browser's word of the site counts, else that of the origin; without both it is none."""
    said = {b"host": b"localhost:6637", b"sec-fetch-site": site, b"origin": origin}
    headers = {n: v.encode() if isinstance(v, str) else v for n, v in said.items() if v is not None}
    hosts = Hosts("127.0.0.1", NAMES)
    if not is_refused:
        hosts.check_origin(headers)
        return
    with pytest.raises(RejectedError) as caught:
        hosts.check_origin(headers)
    assert caught.value.status == 403


def test_from_nowhere() -> None:
    """An origin that is none is no host that is not said."""
    with pytest.raises(RejectedError):
        Hosts("127.0.0.1", NAMES).check_origin({b"origin": b"null"})
