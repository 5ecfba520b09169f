"""Names of proxies on the wire: one spelling each, which the collector takes."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modpulse.agent.batch.batch import Batch, ProxyWindow, encode
from modpulse.agent.batch.proxies import MAX_PROXY_BYTES, UNKNOWN, proxy_name
from modpulse.agent.service.foreign import said
from modpulse.agent.wire.goproxy import attribute, canonical_proxy, chain_entries, public_name
from modpulse.collector.errors import RejectedError
from modpulse.collector.intake.ingest import Clocks, read

AS_THEY_ARE = [
    "direct",
    "file:",
    "unknown",
    "sumdb:sum.golang.org",
    "sumdb:sum.golang.org/base",
    "https://proxy.golang.org",
    "https://proxy.example:8443/Api/go~1/%2Fx",
    "http://127.0.0.1:3000",
    "http://localhost",
    "https://[2001:db8::1]:8443/x",
    "https://[fe80::1%25eth0]",
    "https://xn--bcher-kva.example",
    "https://my_proxy.local/a//b",
    "https://…/go",
    "proxy.corp:8080",
]
OTHERS = {
    "https://h?x=1": "https://h%3fx=1",
    "https://h#f": "https://h%23f",
    "https://h\u200b": "https://h%e2%80%8b",
    "https://h\u202e/x": "https://h%e2%80%ae/x",
    "https://h\0": "https://h%00",
    "https://h/a b@c?d": "https://h/a%20b%40c%3Fd",
    "https://H/Path": "https://h/Path",
    "HTTPS://h": "https://h",
    "https://h:443/x": "https://h/x",
    "http://h:80": "http://h",
    "https://h:": "https://h",
    "https://h//": "https://h",
    "https://bücher.example": "https://b%c3%bccher.example",
    "https://u:p@h": UNKNOWN,
    "https://": UNKNOWN,
    "https:/h": UNKNOWN,
    "ftp://h": UNKNOWN,
    "/srv/mirror": UNKNOWN,
    "": UNKNOWN,
    "file:///srv": "file:",
    "FILE:": "file:",
    "https://" + "ü" * 200: "https://" + ("%c3%bc" * 200)[: MAX_PROXY_BYTES - 8],
}


def take(proxy: str) -> str:
    """Have the collector read a batch that names it; the name that it goes by there."""
    batch = Batch(
        agent_id="a",
        run_id=b"r",
        seq=0,
        window_start_ns=0,
        window_end_ns=1,
        proxies=(ProxyWindow(proxy=proxy, requests=1),),
    )
    (sighting,) = read(encode(batch), None, Clocks(10**18)).sightings
    return sighting.proxy


@pytest.mark.parametrize("name", AS_THEY_ARE)
def test_as_they_are(name: str) -> None:
    """Every usual form is its own spelling, and taken."""
    assert proxy_name(name) == take(name) == name


@pytest.mark.parametrize(("text", "name"), OTHERS.items())
def test_other_spellings(text: str, name: str) -> None:
    """Another spelling is sent as the one that there is, and refused where it comes by itself."""
    assert proxy_name(text) == take(name) == name
    if text:
        with pytest.raises(RejectedError, match="not canonical") as caught:
            take(text)
        assert caught.value.status == 400


TEXTS = st.one_of(
    st.text(),
    st.text(alphabet="ab1.:/@?#[]%… üA\u200b\0-_~"),
    st.tuples(
        st.sampled_from(["https://", "http://", "sumdb:", "file://", ""]),
        st.text(alphabet="aB1.:/@[]%…ü\u202e "),
        st.integers(0, 600),
    ).map(lambda parts: parts[0] + parts[1] + "x" * parts[2] + parts[1]),
)


@example("https://h:" + "4" * 600)
@example("https://" + "h" * 500 + ":443" * 3)
@given(TEXTS)
def test_whatever_an_agent_sends(text: str) -> None:
    """Whatever GOPROXY holds and wherever a request went, the collector takes its name."""
    names = {
        canonical_proxy(text),
        text,
        attribute("https", text, f"/{text}/@v/list", None).proxy,
        attribute("http", "h", f"/sumdb/{text}/latest", chain_entries([(text, False)])).proxy,
    }
    for name in {said(name) for name in names} | names:
        sent = proxy_name(public_name(name))

        assert take(sent) == sent
        assert proxy_name(sent) == sent
        assert 1 <= len(sent.encode()) <= MAX_PROXY_BYTES
