"""Rules of the chains that are in force."""

from collections import Counter

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sightings import T0_NS, arrival

from modpulse.collector.health import chains
from modpulse.collector.health.chains import HALF_NS, Chains, Link, links_of

TWO = "https://a.example,https://b.example|direct"


def told(held: Chains, *rows: list[object], caller: str = "t", now_ns: int = T0_NS) -> None:
    """Let an agent tell of some, and read it."""
    batch = arrival()
    batch.caller, batch.chains = caller, msgpack.packb(rows)
    held.take(batch)
    assert list(held.reading(now_ns)) == []


def test_a_chain_is_its_entries_in_order() -> None:
    """Each with what makes the next one asked; the most used chain comes first."""
    held = Chains(Counter())
    told(held, ["direct", 1], [TWO, 2])
    told(held, [TWO, 3], ["off", 1])

    assert [(one.commands, one.links) for one in held.reports()] == [
        (5, (Link("https://a.example", ","), Link("https://b.example", "|"), Link("direct", ""))),
        (1, (Link("direct", ""),)),
        (1, (Link("off", ""),)),
    ]


def test_what_is_used_no_more_goes() -> None:
    """After a day; half a day before it still counts."""
    held = Chains(Counter())
    told(held, [TWO, 2])
    told(held, now_ns=T0_NS + HALF_NS)
    assert [one.commands for one in held.reports()] == [2]
    told(held, now_ns=T0_NS + 2 * HALF_NS)
    assert held.reports() == ()
    told(held, [TWO, 2])
    told(held, now_ns=T0_NS + 9 * HALF_NS)

    assert held.reports() == ()


def test_a_flood_has_half_of_the_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """What finds none is counted; another caller's chain is kept."""
    monkeypatch.setattr(chains, "MAX_CHAINS_HELD", 4)
    overflow: Counter[str] = Counter()
    held = Chains(overflow)
    for number in range(4):
        told(held, [f"https://{number}.example", 1], caller="flood")
    told(held, [TWO, 1], caller="other")

    assert TWO in [",".join(link.proxy for link in one.links).replace(
        "b.example,", "b.example|") for one in held.reports()]  # fmt: skip
    assert overflow == {"MAX_CHAINS_HELD": 2}


def test_a_flood_of_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What finds no room is not read, and counted."""
    monkeypatch.setattr(chains, "MAX_CHAINS_BYTES", 10)
    overflow: Counter[str] = Counter()
    told(Chains(overflow), [TWO, 1])

    assert overflow == {"MAX_CHAINS_BYTES": 1}


def test_what_makes_no_sense_is_counted() -> None:
    """It is left out, and so much is said; strangers are not heard at all."""
    overflow: Counter[str] = Counter()
    held = Chains(overflow)
    told(held, ["", 1])
    batch = arrival()
    batch.is_known, batch.chains = False, msgpack.packb([[TWO, 1]])
    held.take(batch)

    assert list(held.reading(T0_NS)) == []
    assert held.reports() == ()
    assert overflow == {"unreadable_chains": 1}


@given(st.text(max_size=50))
def test_any_text_is_links(text: str) -> None:
    """No entry is empty, and each is part of the text."""
    assert all(link.proxy and link.proxy in text for link in links_of(text))
