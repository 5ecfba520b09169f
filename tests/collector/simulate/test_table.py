"""Rules of how verdicts are shown."""

import json
from dataclasses import replace

from fleets import FLEET, A

from modpulse.collector.simulate.compare import FalseAlarm, Row, Saying, Verdicts
from modpulse.collector.simulate.notices import IncidentRow, Incidents, Made
from modpulse.collector.simulate.script import Told, parse
from modpulse.collector.simulate.table import Result, document, rows, table, untold

SCRIPT = parse(
    f"""not_told = "which | host"
{FLEET}
[[happening]]
name = "h"
kind = "fail"
failure = "http.5xx"
[[truth]]
happening = "h"
proxy = "{A}"
state = "healthy"
scope = "host"
"""
)
SAID = Saying("degraded", "all", "http.5xx", ("slo: \x1b[31m9 of 10",))
MET = Row(SCRIPT.truth[0], 20.0, SAID, ())
WRONG = Row(SCRIPT.truth[0], None, None, ("it is never said",))
ALARMS = tuple(FalseAlarm(A, 60.0 * n, SAID) for n in range(1, 8))


def result(*found: Row, alarms: tuple[FalseAlarm, ...] = (), refused: int = 0) -> Result:
    """Return what became of the script."""
    return Result("mine", SCRIPT, Verdicts(found, alarms), 100, refused, 2.0)


def test_as_text() -> None:
    """Each truth, what was said after how long, why it is wrong; of many false alarms some."""
    text = table([result(MET, WRONG, alarms=ALARMS, refused=3)])

    assert text.splitlines() == [
        "mine: test",
        f"  met   {A}: healthy for one host, within 60 s",
        "        said after 20 s: degraded; http.5xx; slo: 9 of 10",
        f"  WRONG {A}: healthy for one host, within 60 s",
        "        said after never: nothing",
        "        it is never said",
        *(f"  FALSE {A} at 0:0{n}:00: degraded; http.5xx; slo: 9 of 10" for n in range(1, 6)),
        "  FALSE 2 more",
        "  WRONG 3 batches were refused",
        "",
        "0 of 1 met: 0.5 hours, 100 batches in 2.0 s (50 batches/s)",
    ]


def test_what_is_met() -> None:
    """All truths told, no false alarm, no batch refused; nothing to be told is enough."""
    assert [
        one.is_met
        for one in (
            result(MET), result(), result(WRONG), result(MET, alarms=ALARMS), result(refused=1),
        )
    ] == [True, True, False, False, False]  # fmt: skip
    assert "nothing is sick, and nothing is said to be" in table([result()])


def test_as_json() -> None:
    """The same as values; the script's words as they may leave."""
    found = json.loads(json.dumps(document([result(MET, alarms=ALARMS[:1])])))

    assert (found["schema"], found["met"]) == (1, False)
    (script,) = found["scripts"]
    assert script["truths"][0] == {
        "happening": "h", "proxy": A, "state": "healthy", "scope": "host", "who": None,
        "failure": None,
        "words": None, "within_s": 60.0, "delay_s": 20.0, "wrong": [],
        "said": {
            "state": "degraded", "scope": "all", "who": None, "top_cause": "http.5xx",
            "evidence": ["slo: 9 of 10"],
        },
    }  # fmt: skip
    assert script["false_alarms"][0]["at_s"] == 60.0


def test_incidents() -> None:
    """What was made, who was told what, and why that is wrong; on the page beside its truth."""
    made = Made(
        topic="proxy", severity="P0", proxies=(A,), rules=("down", "degraded"), opened_s=650,
        closed_s=None, notices={"P0": ("opened",), "P1": ()},
    )  # fmt: skip
    told = Told(happening="h", severity="P0", proxies=(A,), p0=("opened", "closed"))
    row = IncidentRow(told, made, 50.0, ("it is never closed",))
    found = replace(result(MET), incidents=Incidents((row,), (made,)))

    assert table([found]).splitlines()[3:7] == [
        f"  WRONG incident: P0, {A}, within 90 s; P0: opened, closed",
        "        P0 down and degraded, is open, opened after 50 s; P0: opened",
        "        it is never closed",
        "  FALSE incident at 0:10:50: P0 down and degraded, is open; P0: opened",
    ]
    assert rows([found])[0].endswith(
        "| 20 s | P0 down and degraded, is open, opened after 50 s | P0: opened |"
    )
    part = document([found])["scripts"][0]
    assert (part["met"], part["incidents"][0]["delay_s"]) == (False, 50.0)
    assert part["false_incidents"][0]["notices"] == {"P0": ["opened"], "P1": [], "P2": []}


def test_as_rows_of_the_page() -> None:
    """A row for each truth, one for a script without any, and what is not told."""
    told, well = rows([result(MET), result()])

    assert told.startswith("| [mine](../collector/simulate/scripts/mine.toml): test | https://")
    assert told.endswith(" | healthy for one host, within 60 s | degraded; http.5xx; slo: "
                         "9 of 10 | 20 s | - | - |")  # fmt: skip
    assert well.endswith(": test | all | nothing is sick | no false alarms | - | none | none |")
    assert untold([result()]) == ["| mine | which \\| host |"]
