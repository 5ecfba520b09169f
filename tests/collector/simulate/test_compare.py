"""Rules of the comparison: what is met, what is late, what is a false alarm."""

import pytest
from fleets import FLEET, A, B

from modpulse.collector.simulate.compare import FalseAlarm, Said, Saying, Verdicts, compare
from modpulse.collector.simulate.script import parse

HAPPENS = """
[[happening]]
name = "h"
kind = "fail"
failure = "http.5xx"
begin_minutes = 10
end_minutes = 15
"""
TRUTH = f"""
[[truth]]
happening = "h"
proxy = "{A}"
state = "down"
scope = "all"
failure = "http.5xx"
words = "outage"
within_seconds = 30
over_seconds = 60
fades_seconds = 300
"""
FINE = Saying("healthy", "all", None, ())
DOWN = Saying("down", "all", "http.5xx", ("outage: 9 failures",))
SLO = Saying("degraded", "all", "http.5xx", ("slo: 9 of 10",))


def judged(*said: tuple[float, Saying], truth: str = TRUTH, proxy: str = A) -> Verdicts:
    """Compare what is said of one proxy from these seconds on."""
    story = {proxy: [Said(at_s, saying) for at_s, saying in said]}
    return compare(parse(FLEET + HAPPENS + truth), story)


def test_met() -> None:
    """Said in time, as long as it lasts, over in time; what is left of the evidence is no alarm."""
    found = judged((0, FINE), (620, DOWN), (950, SLO), (1190, FINE))

    assert (found.rows[0].delay_s, found.rows[0].said, found.rows[0].wrong) == (20, DOWN, ())
    assert found.is_met


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ([(0, FINE), (640, DOWN), (950, FINE)], "said after 40 s, not within 30 s"),
        ([(0, FINE)], "it is never said"),
        ([], "it is never said"),
        ([(0, FINE), (610, SLO), (950, FINE)], "it is never said"),
        ([(0, FINE), (900, DOWN), (950, FINE)], "it is never said"),
        ([(0, FINE), (620, DOWN), (700, SLO), (950, FINE)], "said no more after 100 s"),
        ([(0, FINE), (620, DOWN), (970, FINE)], "still down 60 s after its end"),
        ([(0, FINE), (620, DOWN)], "still down 60 s after its end"),
        ([(0, FINE), (620, Saying("down", "host", "http.5xx", DOWN.evidence))], "it is never said"),
        ([(0, FINE), (620, Saying("down", "all", "http.429", DOWN.evidence))], "it is never said"),
        ([(0, FINE), (620, Saying("down", "all", "http.5xx", ("slo",)))], "it is never said"),
    ],
)  # fmt: skip
def test_not_met(said: list[tuple[float, Saying]], wrong: str) -> None:
    """Each with its reason."""
    (row,) = judged(*said).rows

    assert row.wrong == (wrong,)


def test_said_before_it_began() -> None:
    """What was said already is said at once, though it is a false alarm until then."""
    found = judged((0, FINE), (500, DOWN), (950, FINE))

    assert (found.rows[0].delay_s, found.rows[0].wrong) == (0, ())
    assert found.false_alarms == (FalseAlarm(A, 500, DOWN),)


@pytest.mark.parametrize(
    ("said", "at_s"),
    [
        ([(0, FINE), (620, SLO), (630, DOWN), (950, SLO), (1100, FINE)], []),
        ([(0, FINE), (620, DOWN), (950, SLO)], [1200]),
        ([(0, FINE), (620, DOWN), (950, SLO), (1190, FINE), (1300, SLO), (1310, FINE)], [1300]),
        ([(100, SLO), (110, FINE), (120, SLO), (130, DOWN), (140, FINE)], [100, 120, 130]),
        ([(100, SLO), (110, Saying("degraded", "all", None, ()))], [100]),
        ([(100, Saying("unknown", "all", None, ()))], []),
    ],
)  # fmt: skip
def test_false_alarms(said: list[tuple[float, Saying]], at_s: list[float]) -> None:
    """Each time that something bad begins to be said which no truth of that proxy explains."""

    assert [alarm.at_s for alarm in judged(*said).false_alarms] == at_s


def test_no_worse_than_the_truth() -> None:
    """A truth explains what is as bad as itself and no worse, of its own proxy."""
    degraded = TRUTH.replace('"down"', '"degraded"').replace('"outage"', '"slo"')
    worse = judged((0, FINE), (620, SLO), (700, DOWN), (710, SLO), (950, FINE), truth=degraded)
    other = judged((0, FINE), (620, DOWN), (700, FINE), proxy=B)

    assert [alarm.at_s for alarm in worse.false_alarms] == [700]
    assert [alarm.proxy for alarm in other.false_alarms] == [B]


def test_what_stays_well() -> None:
    """That a proxy stays healthy is a truth, too; and no scope has to be said."""
    well = TRUTH.replace('state = "down"\nscope = "all"\nfailure = "http.5xx"\nwords = "outage"',
                         'state = "healthy"')  # fmt: skip

    assert judged((0, FINE), truth=well).is_met
    assert not judged((0, FINE), (620, SLO), (640, FINE), truth=well).is_met


def test_which_of_it_is_told() -> None:
    """A scope is told by what it is and which: another address is not the one."""
    truth = TRUTH.replace('scope = "all"', 'scope = "address"\nwho = "192.0.2.7"')
    met = Saying("down", "address", "http.5xx", DOWN.evidence, "192.0.2.7")
    other = Saying("down", "address", "http.5xx", DOWN.evidence, "192.0.2.8")

    assert judged((0, FINE), (620, met), (950, FINE), truth=truth).is_met
    assert not judged((0, FINE), (620, other), (950, FINE), truth=truth).is_met
