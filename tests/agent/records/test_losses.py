"""The counters of the loss account: each has words, and each that is a loss is told as one."""

from dataclasses import fields
from pathlib import Path

import pytest

from modpulse.agent.kernel.attach import COUNTERS
from modpulse.agent.records import losses
from modpulse.agent.records.losses import ACCOUNT, DELIVERY, EVENTS, LOST, lost_between
from modpulse.agent.tracker.account import Account

DOCS = Path(__file__).parents[3] / "docs"


def section(document: str, heading: str) -> str:
    """What stands under a heading."""
    text = (DOCS / document).read_text()
    return text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def test_what_was_lost_in_a_window() -> None:
    """The growth of the counters that are losses; a late event is none."""
    before = {"seen": 5, "ring_full": 2, "late": 1}
    after = {"seen": 9, "ring_full": 4, "late": 7, "decode_errors": 1, "map_full": 0}

    assert lost_between(before, after) == {"ring_full": 2, "decode_errors": 1}
    assert lost_between({}, {}) == {}


def test_each_counter_is_a_loss_or_an_account() -> None:
    """Of the kernel's and the tracker's counters none is both or neither."""
    counters = {*COUNTERS, *(field.name for field in fields(Account))}

    assert counters <= ACCOUNT | set(EVENTS)
    assert not ACCOUNT & set(EVENTS)
    assert set(LOST) <= set(EVENTS)


@pytest.mark.parametrize(
    ("document", "heading", "names"),
    [
        ("records.md", "losses", [*EVENTS, *sorted(ACCOUNT)]),
        ("batch.md", "The loss account", [*DELIVERY, *LOST]),
    ],
)
def test_each_counter_is_documented(document: str, heading: str, names: list[str]) -> None:
    """Every counter is named where its reader looks for it."""
    told = section(document, heading)

    assert [name for name in names if f"`{name}`" not in told] == []


def test_tables_say_what_the_program_says() -> None:
    """The words of the documents are those of the waterfall."""
    for words, told in (
        (EVENTS, section("records.md", "losses")),
        (DELIVERY, section("batch.md", "The loss account")),
    ):
        rows = {f"| `{name}` | {text} |" for name, text in words.items()}
        assert {row for row in rows if row not in told} == set()


def test_nothing_else_is_counted_as_lost() -> None:
    """Names are unique over all tables."""
    assert not set(losses.EVENTS) & set(losses.DELIVERY)
