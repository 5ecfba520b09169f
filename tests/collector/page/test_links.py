"""Rules of addresses within the page."""

from urllib.parse import parse_qs, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from modpulse.collector.http.query import span_s
from modpulse.collector.page.frame import back_to
from modpulse.collector.page.links import compare_page, host_page, incident_page, proxy_page

NS = 1_000_000_000


@given(st.text(min_size=1))
def test_any_name(name: str) -> None:
    """Whatever a name is, its page is ours, and the name comes back whole."""
    name = name.encode(errors="replace").decode()
    keys = ((proxy_page(name), "proxy"), (host_page(name), "agent"), (compare_page(name), "a"))
    for link, key in keys:
        assert back_to(link) == link
        assert parse_qs(urlsplit(link).query, keep_blank_values=True)[key] == [name]
    assert incident_page(name).count("/") == 2


@given(st.integers(1, 4_000_000_000), st.integers(1, 10**6))
def test_times_are_read_again(since_s: int, long_s: int) -> None:
    """What a link says between which times is what the history understands."""
    until_s = since_s + long_s
    query = parse_qs(urlsplit(proxy_page("p", since_s * NS, until_s * NS)).query)
    said = {key: query[key][0] for key in ("since", "until")}

    assert span_s(said, until_s * NS, 0) == (since_s, until_s)
