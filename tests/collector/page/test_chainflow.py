"""Rules of the chains that a proxy is part of."""

from histories import PROXY, point

from modpulse.collector.health.chains import ChainReport, links_of
from modpulse.collector.page.chainflow import MOST_ENTRIES, MOST_SHOWN, chains_of, entries_of, flows

OTHER = "https://b.example"


def reports(*chains: str) -> list[ChainReport]:
    """Chains, the most used first."""
    return [ChainReport(links_of(text), 9 - n) for n, text in enumerate(chains)]


def test_chains_of_a_proxy() -> None:
    """Those that it is an entry of, a few at most; each entry is asked of once."""
    found = chains_of(PROXY, reports(f"{OTHER},{PROXY}", "direct", *[f"{PROXY},direct"] * 5))

    assert len(found) == MOST_SHOWN
    assert entries_of(found) == [OTHER, PROXY, "direct"]


def test_what_fell_through() -> None:
    """Each entry with the share of its requests that went on, misses too; or nothing is known."""
    (flow,) = flows(
        PROXY,
        reports(f"{PROXY},{OTHER}|direct"),
        {PROXY: "down", OTHER: "healthy"},
        {PROXY: point(ok=3, misses=2, failures={"tcp.reset": 5}, fallbacks=3), OTHER: point(ok=0)},
    )
    first, second, last = flow.entries

    assert (first.requests, first.passed, first.fall, first.state) == (10, 5, 0.5, "down")
    assert (first.is_here, first.page) == (True, "/proxy?proxy=https%3A%2F%2Fa.example")
    assert (second.requests, second.fall, second.separator) == (0, None, "|")
    assert (last.requests, last.passed, last.page, last.state) == (None, None, None, "unknown")
    assert flow.names == "a.example → b.example → direct"


def test_a_long_chain() -> None:
    """The first entries are shown, the others counted."""
    (flow,) = flows(PROXY, reports(",".join([PROXY] * (MOST_ENTRIES + 2))), {}, {})

    assert (len(flow.entries), flow.more) == (MOST_ENTRIES, 2)
