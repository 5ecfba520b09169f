"""Rules of the comparison of incidents: what is met, what is late, what is false."""

from dataclasses import replace

import pytest
from fleets import FLEET, A, B

from modpulse.agent.service.errors import ConfigError
from modpulse.collector.simulate.notices import Made, compare_incidents
from modpulse.collector.simulate.script import parse

HAPPENS = f"""
[[happening]]
name = "h"
kind = "fail"
failure = "http.5xx"
begin_minutes = 10
end_minutes = 15
[[truth]]
happening = "h"
proxy = "{A}"
state = "down"
"""
TOLD = f"""
[[incident]]
happening = "h"
severity = "P0"
proxies = ["{A}"]
within_seconds = 60
closed_within_seconds = 120
p0 = ["opened", "closed"]
"""
SCRIPT = parse(FLEET + HAPPENS + TOLD)
MADE = Made(
    topic="proxy",
    severity="P0",
    proxies=(A,),
    rules=("down",),
    opened_s=650,
    closed_s=1000,
    notices={"P0": ("opened", "closed")},
)


def test_met() -> None:
    """One incident, in time, told once to whom it is for."""
    found = compare_incidents(SCRIPT, [MADE])

    assert (found.rows[0].delay_s, found.rows[0].wrong, found.false) == (50, (), ())
    assert found.is_met


@pytest.mark.parametrize(
    ("made", "wrong"),
    [
        (replace(MADE, opened_s=670), "opened after 70 s, not within 60 s"),
        (replace(MADE, closed_s=None), "it is never closed"),
        (replace(MADE, closed_s=890), "closed 10 s before the end"),
        (replace(MADE, closed_s=1030), "closed 130 s after the end, not within 120 s"),
        (replace(MADE, severity="P1"), "it is P1, not P0"),
        (replace(MADE, notices={"P0": ("opened",)}), "P0 got opened, not opened, closed"),
        (
            replace(MADE, notices={"P0": ("opened", "opened", "closed")}),
            "P0 got opened, opened, closed, not opened, closed",
        ),
        (replace(MADE, notices=MADE.notices | {"P2": ("opened",)}), "P2 got opened, not nothing"),
    ],
)
def test_not_met(made: Made, wrong: str) -> None:
    """Each with its reason."""
    assert compare_incidents(SCRIPT, [made]).rows[0].wrong == (wrong,)


def test_what_must_stay_open() -> None:
    """Where nothing proves the end, an incident that is closed is wrong."""
    script = parse(FLEET + HAPPENS + TOLD.replace("seconds = 120", "seconds = 0"))

    (row,) = compare_incidents(script, [MADE]).rows
    assert row.wrong == ("closed 100 s after the end, though nothing is proven",)
    (row,) = compare_incidents(script, [replace(MADE, closed_s=None)]).rows
    assert row.wrong == ()


@pytest.mark.parametrize(
    "other",
    [
        replace(MADE, proxies=(A, B)),
        replace(MADE, topic="certificate"),
        replace(MADE, opened_s=590, closed_s=None),
    ],
)
def test_another_incident_is_false(other: Made) -> None:
    """Of another thing, or before it began: one is missing, and one is too many."""
    found = compare_incidents(SCRIPT, [other])

    assert found.rows[0].wrong == ("there is no such incident",)
    assert found.false == (other,)


def test_two_of_one_cause_are_one_too_many() -> None:
    """One, not two."""
    found = compare_incidents(SCRIPT, [MADE, MADE])

    assert (found.rows[0].wrong, found.false, found.is_met) == ((), (MADE,), False)


@pytest.mark.parametrize(
    ("before", "after", "wrong"),
    [
        ('"h"\nseverity', '"g"\nseverity', r"incident\[0\]\.happening = 'g': no truth"),
        (f'proxies = ["{A}"]', 'proxies = ["x"]', r"incident\[0\]\.proxies = 'x': there is none"),
        ('severity = "P0"', "", r"incident\[0\]\.severity: it is missing"),
        ('"closed"]', '"over"]', r"incident\[0\]: 'over' is no notice"),
    ],
)
def test_a_mistake_is_named(before: str, after: str, wrong: str) -> None:
    """With its place."""
    with pytest.raises(ConfigError, match=wrong):
        parse(FLEET + HAPPENS + TOLD.replace(before, after))
