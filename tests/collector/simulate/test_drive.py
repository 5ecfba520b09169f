"""What the real collector says of each scenario that comes with it."""

from dataclasses import replace
from pathlib import Path

import pytest
import scenarios
from fleets import FLEET

from modpulse.agent.records.failures import CLASSES
from modpulse.agent.service.errors import ConfigError
from modpulse.collector.config import Config
from modpulse.collector.simulate.compare import compare
from modpulse.collector.simulate.drive import load, play, run
from modpulse.collector.simulate.drive import scripts as shipped
from modpulse.collector.simulate.script import Happening, Script, parse
from modpulse.collector.simulate.table import rows, table, untold

TOP = Path(__file__).parents[3]
PAGE = (TOP / "docs" / "verdicts.md").read_text()
NAMES = [name for name, _ in shipped()]


@pytest.mark.parametrize("name", NAMES)
def test_each_scenario(name: str) -> None:
    """Its truths are told, nothing else is, and docs/verdicts.md says so: `make scenarios`."""
    (result,) = run([name], Config())

    assert [row.wrong for row in result.verdicts.rows if row.wrong] == []
    assert result.verdicts.false_alarms == ()
    assert [row.wrong for row in result.incidents.rows if row.wrong] == []
    assert result.incidents.false == ()
    assert result.refused == 0
    assert [row for row in (*rows([result]), *untold([result])) if row not in PAGE] == []


def test_the_example_is_what_it_prints() -> None:
    """docs/simulate.md shows what `modpulse simulate outage` prints, but for the speed."""
    printed = table(run(["outage"], Config())).rpartition("\n\n")[0]

    assert (
        f"$ modpulse simulate outage\n{printed}\n```" in (TOP / "docs" / "simulate.md").read_text()
    )


def test_the_page_has_nothing_else() -> None:
    """Each row of docs/verdicts.md is of a scenario that is there."""
    linked = {line.partition("](")[0][3:] for line in PAGE.splitlines() if line.startswith("| [")}

    assert linked == set(NAMES)
    assert PAGE.startswith(scenarios.HEAD)


SECONDS_30 = ("http.5xx", "tcp.refused", "http.reset", "dns.servfail", "tls.untrusted", "auth.401")
"""Classes that a request fails with at once."""


@pytest.mark.parametrize("failure", SECONDS_30)
def test_a_full_outage_is_told_within_30_seconds(failure: str) -> None:
    """At a request a second or more, whatever the class and the luck."""
    assert failure in CLASSES
    _, script = load("outage")
    for seed in (11, 12):
        sick = [replace(one, failure=failure) for one in script.happening]
        told = [replace(truth, failure=failure) for truth in script.truth if truth.state == "down"]
        made = replace(
            script, seed=seed, hours=0.22, happening=(replace(sick[0], end_minutes=0.0),),
            truth=tuple(told),
        )  # fmt: skip
        played = play(made, Config())
        (row,) = compare(made, played.said).rows
        assert row.wrong == ()
        assert row.delay_s is not None
        assert row.delay_s <= 30


def test_no_false_alarm_after_a_restart_in_the_middle() -> None:
    """Of two hundred hosts with ordinary noise, whose collector is gone for a minute."""
    _, script = load("quiet")
    restart = Happening(name="restart", kind="restart", begin_minutes=90, end_minutes=91)
    made = replace(script, hours=3, start_hour=10, happening=(restart,))
    played = play(made, Config())

    assert compare(made, played.said).false_alarms == ()
    assert played.made == []
    assert played.batches > 5_000
    assert {said[-1].saying.state for said in played.said.values()} == {"healthy"}


def test_another_content_is_told_over_a_restart() -> None:
    """What was learnt of contents comes back from the log, also while nobody asks again."""
    _, script = load("changed_zip")
    restart = Happening(name="restart", kind="restart", begin_minutes=21, end_minutes=22)
    made = replace(script, hours=0.38, happening=(*script.happening, restart))
    said = play(made, Config()).said["https://goproxy.corp"]
    words = [" ".join(one.saying.evidence) for one in said]

    # What is said is written down when it changes: it has not, or was said again.
    assert "mod.example/m7@v1.0.0 with another content" in words[-1]
    assert "mod.example/m7@v1.0.0 with another content" not in words[0]


def test_the_same_is_said_again() -> None:
    """A script is played twice with the same words at the same time."""
    script = replace(load("outage")[1], hours=0.25, truth=())
    script = replace(script, happening=(replace(script.happening[0], end_minutes=14.0),))

    one, other = play(script, Config()), play(script, Config())

    assert (one.said, one.made) == (other.said, other.made)


def test_what_is_shipped_later_is_taken() -> None:
    """Batches that agents keep while nothing takes them come once, in order, all of them."""
    script = replace(load("restart")[1], builds_per_hour=20)
    whole, short = (play(made, Config()) for made in (script, _without_happenings(script)))

    assert (whole.batches, whole.refused) == (short.batches, 0)


def _without_happenings(script: Script) -> Script:
    return replace(script, happening=(), truth=())


def test_large_batches_are_taken() -> None:
    """More at once than the collector takes from one caller, of the size of a large build."""
    busy = FLEET.replace("requests_per_build = 10", "requests_per_build = 300")
    made = parse(busy.replace("hours = 0.5", "hours = 0.05").replace("count = 3", "count = 70"))
    played = play(made, Config())

    assert (played.refused, played.batches > 70 * 16) == (0, True)


def test_thresholds_are_the_configuration_s() -> None:
    """What an operator would set is what is tried."""
    config = Config()
    patient = replace(config, rules=replace(config.rules, outage_run=32, outage_run_seconds=600))
    _, script = load("outage")
    played = play(script, patient)

    assert compare(script, played.said).rows[0].delay_s == 70


def test_a_script_of_one_s_own(tmp_path: Path) -> None:
    """Is read from its file; a mistake in it begins with that."""
    mine = tmp_path / "mine.toml"
    mine.write_text(FLEET)
    assert load(str(mine))[0] == "mine"
    mine.write_text(FLEET + "hour = 1")

    with pytest.raises(ConfigError, match=r"mine\.toml: unknown key 'proxy\[1\]\.hour'"):
        load(str(mine))
    with pytest.raises(ConfigError, match=r"outages: "):
        load("outages")
