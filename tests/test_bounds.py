"""docs/limits.md has every bound of the collector, with its number and where it is seen."""

import importlib
import re
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
SECTION = re.search(
    r"^## Bounds of the collector\n(.*?)^## ",
    (TOP / "docs" / "limits.md").read_text(),
    re.MULTILINE | re.DOTALL,
)
ELSEWHERE = {
    "MAX_STEPS": "beyond it a float is 0 all the same",
    "MAX_PID_BYTES": "of a number in a file of our own",
    "MAX_SHOWN": "of a wrong value in a message",
    "MAX_DIGITS": "of a wrong number in a message",
    "MAX_ROUNDS": "a search ends long before; no input reaches it",
    "MAX_TERMS": "a series converges long before; no input reaches it",
    "MAX_HEAD_BYTES": "of a connection, in that section",
    "MAX_BATCH_BYTES": "the agent's side of `max_batch_bytes`",
}
"""Constants that are no row of the table, and why."""
WORDS = {
    "MAX_BODY_BYTES": "1 TiB",
    "MAX_SEQ": "2^53 - 1",
    "MAX_SKEW_NS": "100 years",
    "MAX_RANGES": "a million in all",
    "MAX_AWAY_NS": "3 days",
    "MAX_ANSWER_BYTES": "64 MiB",
    "MAX_EVIDENCE_BYTES": "768 MiB",
    "MAX_PARTS_BYTES": "128 MiB",
    "MAX_FALLBACK_MS": "a day",
    "MAX_KEEP_NS": "an hour",
    "MAX_AGE_NS": "3 days",
}
"""Numbers that a person reads more easily so; a test below holds them to the constants."""
ROOMS = ("server", "http", "simulate")
"""Rooms whose bounds are elsewhere: in the section on connections, in docs/simulate.md."""
ENVELOPE = ("MAX_NODES", "MAX_LENGTH", "MAX_DEPTH")
"""Bounds of any batch; those of each field are in docs/batch.md."""


def constants() -> dict[str, object]:
    """Every MAX_ of the collector, and those of the batch that no field has."""
    found: dict[str, object] = {}
    for path in sorted((TOP / "collector").rglob("*.py")):
        module = ".".join(path.relative_to(TOP).with_suffix("").parts)
        if path.parent.name in ROOMS:
            continue
        for name in re.findall(r"^(MAX_\w+)(?:: \w+)? = ", path.read_text(), re.MULTILINE):
            found[name] = getattr(importlib.import_module(f"modpulse.{module}"), name)
    batch = importlib.import_module("modpulse.agent.batch.batch")
    return found | {name: getattr(batch, name) for name in ENVELOPE}


@pytest.mark.parametrize("name", sorted(constants().keys() - ELSEWHERE.keys()))
def test_each_bound_has_a_row(name: str) -> None:
    """A bound of the collector is in the table, with its number."""
    assert SECTION
    rows = [row for row in SECTION[1].splitlines() if f"`{name}`" in row]
    value = constants()[name]
    words = WORDS.get(name, f"{value:,}")

    assert len(rows) == 1
    assert words in rows[0]


def test_numbers_in_words() -> None:
    """What the table says in words is what the constants are."""
    day_ns = 86_400 * 10**9
    values = {name: constants()[name] for name in WORDS}

    assert values == {
        "MAX_BODY_BYTES": 1 << 40,
        "MAX_SEQ": 2**53 - 1,
        "MAX_SKEW_NS": 100 * 366 * day_ns,
        "MAX_RANGES": 1_000_000,
        "MAX_AWAY_NS": 3 * day_ns,
        "MAX_ANSWER_BYTES": 64 << 20,
        "MAX_EVIDENCE_BYTES": 768 << 20,
        "MAX_PARTS_BYTES": 128 << 20,
        "MAX_FALLBACK_MS": day_ns // 10**6,
        "MAX_KEEP_NS": 3600 * 10**9,
        "MAX_AGE_NS": 3 * day_ns,
    }


def test_each_row_is_whole() -> None:
    """Each row says what, how much, what happens and where it is seen."""
    assert SECTION
    rows = [row for row in SECTION[1].splitlines() if row.startswith("|")][2:]

    assert len(rows) > 20
    assert [
        row for row in rows if len([c for c in row.strip("|").split("|") if c.strip()]) != 4
    ] == []
