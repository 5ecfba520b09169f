"""The GOPROXY grammar and the paths of the module proxy protocol."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modpulse.agent.records.records import ChainEntry
from modpulse.agent.wire.goproxy import (
    MAX_CHAIN_ENTRIES,
    ChainPlace,
    Target,
    attribute,
    canonical_proxy,
    chain_entries,
    parse_goproxy,
    parse_target,
    public_name,
)
from modpulse.agent.wire.urls import redact


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("https://Proxy.Example/", "https://proxy.example"),
        ("https://proxy.example:443/go/", "https://proxy.example/go"),
        ("http://proxy.example:80", "http://proxy.example"),
        ("http://proxy.example:8081/a/b//", "http://proxy.example:8081/a/b"),
        ("https://user:secret@proxy.example/x?token=1", "https://proxy.example/x"),
        ("https://user:se@cret@proxy.example", "https://proxy.example"),
        ("https://user:p/w@proxy.example/x", "https://proxy.example/x"),
        ("https://user:p?w@proxy.example/x", "https://proxy.example/x"),
        ("proxy.example", "https://proxy.example"),
        ("proxy.example/go", "https://proxy.example/go"),
        ("proxy.example:8443", "https://proxy.example:8443"),
        ("https://[2001:DB8::1]:443/x", "https://[2001:db8::1]/x"),
        ("https://[::1]", "https://[::1]"),
        ("file:///srv/mirror/", "file:///srv/mirror"),
        ("FILE:///srv/Mirror", "file:///srv/Mirror"),
        ("file:/srv/mirror", "file:///srv/mirror"),
        ("file:///a b/%20c//", "file:///a b/%20c"),
        ("file:///", "file:///"),
        ("file://", "file:///"),
        ("file:", "https://file:"),
        ("file://user:secret@host/srv?token=1#x", "file:///srv"),
        ("/srv/mirror", "/srv/mirror"),
        ("direct", "direct"),
        ("off", "off"),
        ("nonsense", "nonsense"),
    ],
)
def test_canonical(url: str, canonical: str) -> None:
    """One proxy has one name, whatever its spelling and whoever's credentials it carries."""
    found = canonical_proxy(url)

    assert canonical == found


@example("?://")
@given(st.text(alphabet="ab1.:/@?#[] "))
def test_canonical_has_no_secrets(text: str) -> None:
    """Whatever the text, no query, no fragment and no user info is left; nothing raises."""
    authority = canonical_proxy(text).partition("://")[2].partition("/")[0]

    assert not {"?", "#"} & set(canonical_proxy(text))
    assert "@" not in authority


@pytest.mark.parametrize(
    ("url", "redacted"),
    [
        ("http://user:pw@proxy.example:3128", "http://proxy.example:3128"),
        ("user:pw@proxy.example:3128", "proxy.example:3128"),
        ("proxy.example:3128", "proxy.example:3128"),
        ("https://h/x?access_token=1#y", "https://h/x"),
    ],
)
def test_redact(url: str, redacted: str) -> None:
    """What is shown of a URL holds no user info and no query."""
    found = redact(url)

    assert redacted == found


def test_goproxy_grammar() -> None:
    """The separator that follows an entry is its fallback; empty entries are skipped."""
    chain = parse_goproxy(" https://a.example/ ,, b.example|c.example:8443/x ,direct,d.example")

    assert (
        ChainEntry("https://a.example", ","),
        ChainEntry("https://b.example", "|"),
        ChainEntry("https://c.example:8443/x", ","),
        ChainEntry("direct", None),
    ) == chain


def test_goproxy_off_ends_the_list() -> None:
    """Nothing after `off` counts, and the last entry has no fallback."""
    assert (ChainEntry("off", None),) == parse_goproxy("off|https://a.example")
    assert (ChainEntry("https://a.example", None),) == parse_goproxy("https://a.example|")
    assert parse_goproxy(" ,| ") == ()


def test_goproxy_is_bounded() -> None:
    """A list without end is cut."""
    assert len(parse_goproxy("a.example," * 1000)) == MAX_CHAIN_ENTRIES


def test_chain_of_a_process() -> None:
    """The implicit `noproxy` is not part of the effective chain."""
    chain = chain_entries([("noproxy", False), ("https://u:p@a.example/", True), ("direct", False)])

    assert (ChainEntry("https://a.example", "|"), ChainEntry("direct", None)) == chain


@pytest.mark.parametrize(
    ("path", "target"),
    [
        (
            "/github.com/!azure/x/@v/v1.0.0.info",
            Target("info", "github.com/Azure/x", "v1.0.0"),
        ),
        ("/golang.org/x/text/@v/v0.3.0.mod", Target("mod", "golang.org/x/text", "v0.3.0")),
        (
            "golang.org/x/text/@v/v0.0.0-20170915032832-14c0d48ead0c.zip",
            Target("zip", "golang.org/x/text", "v0.0.0-20170915032832-14c0d48ead0c"),
        ),
        (
            "/m.example/@v/v1.0.0+incompatible.mod",
            Target("mod", "m.example", "v1.0.0+incompatible"),
        ),
        ("/m.example/@v/v1.0.0-!r!c1.mod", Target("mod", "m.example", "v1.0.0-RC1")),
        ("/m.example/@v/list", Target("list", "m.example")),
        ("/m.example/@latest", Target("latest", "m.example")),
        (
            "/golang.org/toolchain/@v/v0.0.1-go1.22.0.linux-amd64.zip",
            Target("toolchain", "golang.org/toolchain", "v0.0.1-go1.22.0.linux-amd64"),
        ),
        ("/golang.org/toolchain/@v/list", Target("list", "golang.org/toolchain")),
        ("/sumdb/sum.golang.org/supported", Target("sumdb")),
        (
            "/sumdb/sum.golang.org/lookup/github.com/!azure/x@v1.0.0",
            Target("sumdb", "github.com/Azure/x", "v1.0.0"),
        ),
        ("/sumdb/sum.golang.org/tile/8/0/x001/234", Target("sumdb")),
        ("/m.example/@v/v1.0.0", Target(None, "m.example")),
        ("/m.example/@v/.info", Target(None, "m.example")),
        ("/", Target()),
        ("", Target()),
        ("/sumdb/", Target("sumdb")),
        ("/some/page.html", Target()),
    ],
)
def test_target(path: str, target: Target) -> None:
    """Each path of the protocol tells its endpoint, module and version."""
    found = parse_target(path)

    assert target == found


CHAIN = parse_goproxy(
    "https://a.example/go,https://a.example/go/deep|http://b.example:8081,https://a.example/go,direct"
)
INFO = Target("info", "m.example", "v1.0.0")


@pytest.mark.parametrize(
    ("scheme", "host", "path", "expected"),
    [
        (
            "https", "a.example", "/go/m.example/@v/v1.0.0.info",
            ChainPlace("https://a.example/go", 0, INFO),
        ),
        (
            "https", "A.example:443", "/go/deep/m.example/@v/v1.0.0.info",
            ChainPlace("https://a.example/go/deep", 1, INFO),
        ),
        (
            "http", "b.example:8081", "/m.example/@v/v1.0.0.info",
            ChainPlace("http://b.example:8081", 2, INFO),
        ),
        (
            "https", "a.example", "/go/sumdb/sum.golang.org/lookup/m.example@v1.0.0",
            ChainPlace("https://a.example/go", 0, Target("sumdb", "m.example", "v1.0.0")),
        ),
        (
            "https", "sum.golang.org", "/lookup/m.example@v1.0.0",
            ChainPlace("sumdb:sum.golang.org", None, Target("sumdb", "m.example", "v1.0.0")),
        ),
        (
            "https", "sum.golang.org", "/tile/8/0/000",
            ChainPlace("sumdb:sum.golang.org", None, Target("sumdb")),
        ),
        (
            "https", "m.example", "/x/y",
            ChainPlace("direct", 4, Target("go-get", "m.example/x/y")),
        ),
        (
            "https", "a.example", "/go/page",
            ChainPlace("direct", 4, Target("go-get", "a.example/go/page")),
        ),
        (
            "https", "a.example", "/gopher/m.example/@v/v1.0.0.info",
            ChainPlace("direct", 4, Target("go-get", "a.example/gopher/m.example/@v/v1.0.0.info")),
        ),
        (
            "http", "b.example", "/m.example/@v/v1.0.0.info",
            ChainPlace("direct", 4, Target("go-get", "b.example/m.example/@v/v1.0.0.info")),
        ),
    ],
)  # fmt: skip
def test_attribute(scheme: str, host: str, path: str, expected: ChainPlace) -> None:
    """A URL belongs to the entry with the longest base, the first of equals, else to direct."""
    found = attribute(scheme, host, path, CHAIN)

    assert expected == found


def test_attribute_outside_the_protocol() -> None:
    """Without `direct` a strange path below a proxy still is that proxy's."""
    found = attribute("https", "a.example", "/odd", parse_goproxy("https://a.example"))

    assert ChainPlace("https://a.example", 0, Target()) == found


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (
            "/api/go/m.example/@v/v1.0.0.info",
            ChainPlace("https://a.example/api/go", None, INFO),
        ),
        (
            "/sumdb/sum.golang.org/supported",
            ChainPlace("https://a.example", None, Target("sumdb")),
        ),
        (
            "/lookup/m.example@v1.0.0",
            ChainPlace("sumdb:a.example", None, Target("sumdb", "m.example", "v1.0.0")),
        ),
        ("/x", ChainPlace("direct", None, Target("go-get", "a.example/x"))),
    ],
)
def test_attribute_without_a_chain(path: str, expected: ChainPlace) -> None:
    """Where the chain was not seen the base ends before the module path."""
    found = attribute("https", "a.example", path, None)

    assert expected == found


FOLDERS = parse_goproxy("file:///a%20b/deep,file:///a%20b,https://a.example|file:///,direct")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a b/m.example/@v/v1.0.0.info", ChainPlace("file:///a%20b", 1, INFO)),
        ("/a b/deep/m.example/@v/v1.0.0.info", ChainPlace("file:///a%20b/deep", 0, INFO)),
        ("/a bc/@v/list", ChainPlace("file:///", 3, Target("list", "a bc"))),
        (
            "/a b/sumdb/sum.golang.org/supported",
            ChainPlace("file:///a%20b", 1, Target("sumdb")),
        ),
        ("/a b/page", ChainPlace("file:///a%20b", 1, Target())),
    ],
)
def test_attribute_a_folder(path: str, expected: ChainPlace) -> None:
    """A path belongs to the deepest folder of the chain, never to `direct`."""
    assert expected == attribute("file", "", path, FOLDERS)


@given(st.text(), st.text(alphabet="abv/@.:lookuptie"), st.sampled_from([None, (), FOLDERS[:3]]))
@example("x", "/home/alice/lookup/a@b/lookup/m@v1", None)
@example("x", "/srv/my.mirror/m.example/@v/v1.0.0.mod", ())
def test_folder_that_is_no_entry(host: str, path: str, chain: tuple[ChainEntry, ...]) -> None:
    """Where a path is below no entry that is known, nothing of it is told."""
    found = attribute("file", host, f"/home/{path}", chain)

    assert (found.proxy, found.chain_index) == ("file:", None)
    assert (found.target.module, found.target.version) == (None, None)


@pytest.mark.parametrize(
    ("proxy", "name"),
    [
        ("file:///home/alice/mirror", "file:"),
        ("file:", "file:"),
        ("https://a.example/file:", "https://a.example/file:"),
        ("sumdb:sum.golang.org", "sumdb:sum.golang.org"),
        ("direct", "direct"),
    ],
)
def test_public_name(proxy: str, name: str) -> None:
    """Of a folder only that it is one may leave the machine."""
    assert name == public_name(proxy)


@given(st.text(), st.text(), st.text(), st.text())
def test_never_raises(scheme: str, host: str, path: str, goproxy: str) -> None:
    """No text of an environment or a URL raises."""
    chain = parse_goproxy(goproxy)

    assert attribute(scheme, host, path, chain)
    assert attribute(scheme, host, path, None)
    assert parse_target(path) is not None


def test_a_zone_is_escaped_in_the_list_and_not_in_a_request() -> None:
    """`%25` before it is RFC 6874's; net/url takes it away (parseHost in net/url/url.go)."""
    chain = parse_goproxy("http://[fe80::1%25lo]:8099/e,direct")
    found = attribute("http", "[fe80::1%lo]:8099", "/e/mod.lab.test/m00/@v/v1.1.0.info", chain)

    assert (found.proxy, found.chain_index) == ("http://[fe80::1%25lo]:8099/e", 0)
    assert found.target == Target("info", "mod.lab.test/m00", "v1.1.0")
