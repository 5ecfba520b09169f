"""URLs as `go` reads them: the server that is shown is the one that is asked, and no secret is."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.service.foreign import say
from modpulse.agent.wire.goproxy import attribute, parse_goproxy
from modpulse.agent.wire.urls import redact, redact_gosumdb, shown_path

S = "hunter2Secret"
BEFORE = ("", "ab", "u:", "u:12", "u:80", "u:p", "u:a@v1.0.0", "u:a@b")
"""How user info begins, before the character that splits the secret."""
CHARACTERS = [*string.printable[:95], "\t", "\n", "\r\n", "%40", "%2540", "%3B", "%3f", "%23", "\\"]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"http://to/{S}@127.0.0.1:9", "http://to/…127.0.0.1:9"),
        (f"http://u:80/{S}@127.0.0.1:9", "http://u/…127.0.0.1:9"),
        (f"http://u:12/{S}@127.0.0.1:9", "http://u:12/…127.0.0.1:9"),
        (f"https://ab/{S}@127.0.0.1:9/x", "https://ab/…127.0.0.1:9/x"),
        (f"https://ab/{S}%40127.0.0.1:9/x", "https://ab/…127.0.0.1:9/x"),
        (f"http://u:a@v1.0.0/{S}@127.0.0.1:9", "http://v1.0.0/…127.0.0.1:9"),
        (f"https://ab/{S}@v1.0.0", "https://ab/…v1.0.0"),
        (f"http://u:1?{S}@h.example", "http://u:1"),
        (f"http://u:1#{S}@h.example", "http://u:1"),
        (f"https://h.example/x;{S}", "https://h.example/x"),
        (f"https://h.example/x%3b{S}/go", "https://h.example/x"),
        (f"https://h.example/x%3Ftoken%3D{S}", "https://h.example/x"),
        (f"https://a!b/{S}@h.example", "https://…/…h.example"),
        (f"http://[{S}]:9", "http://…"),
        (f"http://[{S}:a]:9/x", "http://…/x"),
        ("http://[fe80::1%25lo]:9/x", "http://[fe80::1%25lo]:9/x"),
        (f"to/{S}@127.0.0.1:3128", "to/…127.0.0.1:3128"),
    ],
)  # fmt: skip
def test_the_server_that_is_asked(url: str, shown: str) -> None:
    """The first `/` ends it, also within what a user meant for a password."""
    assert redact(url) == shown
    assert redact(shown).startswith(shown) or "…" in shown


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/m.example/@v/v1.0.0.info", "/m.example/@v/v1.0.0.info"),
        ("/m.example/@latest", "/m.example/@latest"),
        ("/sumdb/s.example/lookup/m.example@v1.0.0", "/sumdb/s.example/lookup/m.example@v1.0.0"),
        (f"/{S}@h/m.example/@v/list", "/…/m.example/@v/list"),
        (f"/a@{S}@h/lookup/m.example@v1.0.0-!r!c1", "/…/lookup/m.example@v1.0.0-!r!c1"),
        (f"/x;{S}/{S}/m.example/@v/list", "/x/@v/list"),
        (f"/x;{S}/sumdb/s.example/supported", "/x/sumdb/s.example/supported"),
        (f"/x?{S}/lookup/m.example@v1.0.0", "/x/lookup/m.example@v1.0.0"),
        (f"/x?{S}", "/x"),
        (f"/m.example@{S}", "/…"),
        (f"/x%2540{S}/go", "/…/go"),
    ],
)
def test_path(path: str, shown: str) -> None:
    """Of a request's path the protocol's part stays, and what is no secret before it."""
    assert shown_path(path) == shown
    assert shown_path(shown) == shown


@pytest.mark.parametrize("entry", [f"http://to/{S}@127.0.0.1:9", f"http://to/x;a={S}"])
def test_an_entry_with_a_hidden_path_is_found(entry: str) -> None:
    """A request below it is its own, with the module where that is told from the entry."""
    path = entry.removeprefix("http://to")
    chain = parse_goproxy(f"https://a.example,{entry},direct")
    found = attribute("http", "to", f"{path}/mod.lab.test/m00/@v/v1.0.0.mod", chain)

    assert found.chain_index == 1
    assert found.proxy == redact(entry)
    assert (found.target.endpoint, found.target.version) == ("mod", "v1.0.0")
    assert found.target.module == ("mod.lab.test/m00" if "@" in entry else None)


@pytest.mark.parametrize("chain", [None, (), parse_goproxy("https://a.example,direct")])
@pytest.mark.parametrize("base", [f"/{S}@127.0.0.1:9", f"/{S}@h", f"/{S}@v1.0.0", f"/x;a={S}/b"])
@pytest.mark.parametrize(
    "path", ["/m.example/@v/v1.0.0.mod", "/m.example/@latest", "/lookup/m.example@v1.0.0",
             "/tile/8/0/000", "/latest", "/sumdb/s.example/supported", "/m.example", ""],
)  # fmt: skip
def test_no_entry_has_it(chain: object, base: str, path: str) -> None:
    """A path with a secret in it is no module, no proxy and no checksum database."""
    found = attribute("http", "u:12", base + path, chain)  # type: ignore[arg-type]

    assert S not in repr(found)


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("scheme", ["http://", "https://", ""])
def test_whatever_splits_a_secret(scheme: str, before: str) -> None:
    """Each printable character and blank within user info: nothing behind it is shown."""
    for character in CHARACTERS:
        url = f"{scheme}{before}{character}{S}@127.0.0.1:9/x"

        assert S not in redact(url)
        assert S not in say(redact(url))
        assert S not in repr(parse_goproxy(f"{url},direct"))


@pytest.mark.parametrize("before", BEFORE)
def test_whatever_splits_a_secret_is_asked_for(before: str) -> None:
    """However such an entry is read, no request below it tells its secret."""
    for character in CHARACTERS:
        url = f"http://{before}{character}{S}@127.0.0.1:9"
        host, slash, path = url.removeprefix("http://").partition("/")
        for chain in (None, parse_goproxy(url), parse_goproxy(f"{url},direct")):
            found = attribute("http", host, f"{slash}{path}/mod.lab.test/m00/@v/v1.0.0.mod", chain)

            assert S not in repr(found)


@pytest.mark.parametrize("before", BEFORE)
def test_gosumdb(before: str) -> None:
    """Its URL is redacted as any other, also in brackets and quotes; its key stays."""
    key = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAd8OuAn8"
    for character in CHARACTERS:
        shown = redact_gosumdb(f"{key} http://{before}{character}{S}@127.0.0.1:9") or ""

        assert shown.startswith(f"{key} http://")
        assert S not in shown
    assert redact_gosumdb(f" sum.golang.org  http://u:<{S}>@h") == "sum.golang.org http://h"
    assert (redact_gosumdb(None), redact_gosumdb(" "), redact_gosumdb(key)) == (None, None, key)


@given(st.text(alphabet="ab1.:/@?#;%40[]v "))
def test_a_shown_path_stays(path: str) -> None:
    """Showing it again changes nothing; it has no query."""
    shown = shown_path(path)

    assert shown_path(shown) == shown
    assert not set(shown) & set("?#;")
