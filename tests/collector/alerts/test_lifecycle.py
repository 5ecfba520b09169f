"""Rules of one alert's life."""

from hypothesis import given
from hypothesis import strategies as st

from modpulse.collector.alerts.lifecycle import (
    MAX_KEEP_NS,
    Alert,
    Event,
    Key,
    advance,
    keep_firing_ns,
)
from modpulse.collector.alerts.rules import DAY_NS, Rule

S = 1_000_000_000
KEY = Key("down", "https://sick.example")
RULE = Rule("down", "P0", "proxy", 30 * S, 60 * S, 7 * DAY_NS)
FLAP_NS = 900 * S
STEPS = st.lists(
    st.tuples(st.integers(1, 120), st.sampled_from([True, False, None])), min_size=1, max_size=60
)
"""(seconds to the next step, whether it holds)."""


def run(steps: list[tuple[int, bool | None]]) -> list[tuple[int, Alert | None, Event | None]]:
    """Advance from second 0; returns (seconds, alert, event) after each step."""
    alert: Alert | None = None
    now_s, found = 0, []
    for wait_s, holds in steps:
        now_s += wait_s
        alert, event = advance(alert, KEY, RULE, holds, now_s * S, FLAP_NS)
        found.append((now_s, alert, event))
    return found


def events(steps: list[tuple[int, bool | None]]) -> list[tuple[int, Event]]:
    """What happened, and when."""
    return [(now_s, event) for now_s, _, event in run(steps) if event]


def every_10_s(*holds: bool | None) -> list[tuple[int, bool | None]]:
    return [(10, each) for each in holds]


def test_it_fires_after_its_time_and_is_resolved_after_its_time() -> None:
    """Pending from the first step that holds, clear from the first that proves it does not."""
    steps = every_10_s(*[True] * 5, *[False] * 8)

    assert events(steps) == [(40, "fired"), (120, "resolved")]


def test_what_breaks_off_begins_anew() -> None:
    """What was clear in between has not held, nor what nobody saw for as long as it has to."""
    again = (True, True, True, True)
    assert events(every_10_s(True, True, False, *again)) == [(70, "fired")]
    assert events(every_10_s(True, True, None, *again)) == [(40, "fired")]
    assert events(every_10_s(True, True, None, None, None, *again)) == [(90, "fired")]
    assert events(every_10_s(True, True, None, None, None, None)) == []


def test_silence_is_no_recovery() -> None:
    """Nobody knows for a day: it fires on; a week later it is forgotten, which is said."""
    day = [*every_10_s(*[True] * 4), *[(3600, None)] * 24]

    assert events(day) == [(40, "fired")]
    assert events([*day, *[(3600, None)] * 24 * 6])[1:] == [(40 + 7 * 86_400, "forgotten")]


def test_each_flap_keeps_it_firing_for_longer() -> None:
    """What comes back within its time needs four times as long a proof, for an hour at most."""
    once = [*every_10_s(*[True] * 4, *[False] * 7)]
    flapping = run([*once, *every_10_s(*[True] * 4, *[False] * 25)])

    assert [(s, event) for s, _, event in flapping if event] == [
        (40, "fired"), (110, "resolved"), (150, "fired"), (400, "resolved")
    ]  # fmt: skip
    last = flapping[-1][1]
    assert last
    assert last.flaps == 1
    many = Alert(key=KEY, phase="firing", pending_ns=0, proven_ns=0, flaps=16)
    assert keep_firing_ns(many, RULE) == MAX_KEEP_NS


@given(STEPS)
def test_it_never_fires_without_its_time(steps: list[tuple[int, bool | None]]) -> None:
    """When it fires it held 30 s ago, and since then nothing spoke against it, nor was it unknown
    for as long."""
    held_since: int | None = None
    held_s = 0
    for (_, holds), (now_s, _, event) in zip(steps, run(steps), strict=True):
        if holds is False or (holds is None and now_s - held_s >= 30):
            held_since = None
        elif holds:
            held_since, held_s = held_since or now_s, now_s
        if event == "fired":
            assert held_since is not None
            assert now_s - held_since >= 30


@given(STEPS)
def test_silence_never_resolves(steps: list[tuple[int, bool | None]]) -> None:
    """It is resolved in a step that proves it, and nothing held for a minute before that."""
    last_held: int | None = None
    for (_, holds), (now_s, _, event) in zip(steps, run(steps), strict=True):
        if event == "resolved":
            assert holds is False
            assert last_held is not None
            assert now_s - last_held >= 60
        last_held = now_s if holds else last_held


@given(STEPS)
def test_every_firing_is_open_or_has_ended(steps: list[tuple[int, bool | None]]) -> None:
    """It fires, ends, and fires again: never twice the one or the other."""
    happened = [event for _, _, event in run(steps) if event]
    last = run(steps)[-1][1]

    assert happened[::2] == ["fired"] * len(happened[::2])
    assert set(happened[1::2]) <= {"resolved", "forgotten"}
    assert (len(happened) % 2 == 1) == bool(last and last.is_firing)


@given(st.integers(0, 16), st.integers(0, 86_400))
def test_the_time_to_go_on_grows_to_its_bound(flaps: int, keep_s: int) -> None:
    """Never less than the rule's own, never more than an hour or that."""
    rule = Rule("down", "P0", "proxy", 0, keep_s * S, DAY_NS)
    alert = Alert(key=KEY, phase="firing", pending_ns=0, proven_ns=0, flaps=flaps)
    kept = keep_firing_ns(alert, rule)

    assert rule.keep_firing_for_ns <= kept <= max(MAX_KEEP_NS, rule.keep_firing_for_ns)
