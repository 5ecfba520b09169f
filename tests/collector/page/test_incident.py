"""Rules of an incident's page."""

from dataclasses import replace

from alarms import Run, down, report
from histories import REQUEST
from pages import SOURCES

from modpulse.collector.alerts.examples import Example
from modpulse.collector.alerts.incident import Entry, Incident
from modpulse.collector.alerts.note import Note
from modpulse.collector.page.asset import Assets
from modpulse.collector.page.environment import Templates
from modpulse.collector.page.frame import Frame
from modpulse.collector.page.incident import story
from modpulse.collector.page.look import Look

S = 1_000_000_000
PLANTED = 'https://x/"><script>alert(1)</script>'


def outage(proxy: str = "https://sick.example") -> Incident:
    """An open incident."""
    run = Run()
    run.steps(200, down(proxy), report("https://b.example"))
    (incident,) = run.open
    return incident


def test_what_is_shown() -> None:
    """Its alert with its facts, when what happened, and what people wrote, in order."""
    incident = outage()
    note = Note(incident.id, incident.opened_ns + S // 2, "token alice", "the disk is full")
    told = story(incident, [note], "en", incident.since_ns + 90 * S, 5 * S)
    (alert,) = told.alerts

    assert (told.title, told.is_open, told.for_s) == ("sick.example is down", True, 90)
    assert told.proxies == (("sick.example", "/proxy?proxy=https%3A%2F%2Fsick.example"),)
    assert (alert.rule, alert.failure, alert.failed) == ("down", "tcp.refused", 212)
    assert [one.at_ns for one in told.timeline] == sorted(one.at_ns for one in told.timeline)
    assert {one.what for one in told.timeline} == {"fired", "told", "note"}
    assert told.since_ns == incident.since_ns + 5 * S


def test_no_name_is_markup() -> None:
    """Neither of a proxy, nor evidence, nor of who wrote, nor what was written."""
    incident = outage(PLANTED)
    planted = replace(REQUEST, module=PLANTED, evidence=PLANTED, host=PLANTED, agent_id=PLANTED)
    changed = Entry(incident.opened_ns, "changed", "down", PLANTED, PLANTED, PLANTED)
    incident = replace(
        incident,
        worst=(Example(PLANTED, planted),),
        timeline=(*incident.timeline, changed),
        severities=("P1",),
    )
    note = Note(incident.id, incident.opened_ns, PLANTED, PLANTED)
    names = ("page.css", "detail.css", "icon.svg", "htmx.js", "sse.js")
    assets = Assets(dict.fromkeys(names, (b"", "text/css")))
    for language in ("en", "zh"):
        look = Look(language, "")  # type: ignore[arg-type]
        told = story(incident, [note], look.language, incident.opened_ns, 0)
        around = {"path": PLANTED, "section": "", "who": PLANTED, "form_token": "t"}
        frame = Frame(look=look, assets=assets, **around)  # type: ignore[arg-type]
        values = {"incident": told, "frame": frame, "longest": 100.0, "is_public": True}
        made = Templates(SOURCES).render("incident.html", look.language, **values)

        assert PLANTED not in made
        assert "<script>alert" not in made
        assert made.count("&lt;script&gt;alert") >= 9
        assert "failing-request" in made
        assert {"en": "Gravest that it was", "zh": "曾经的最高级别"}[language] in made


def test_a_closed_one() -> None:
    """It says until when; what ended because nobody asks any more is no proof that it works."""
    incident = outage()
    (member,) = incident.members
    ended_ns = member.since_ns + 60 * S
    gone = replace(member, ended_ns=ended_ns, end="forgotten")
    told = story(replace(incident, closed_ns=ended_ns, members=(gone,)), (), "en", ended_ns * 2, 0)

    assert (told.is_open, told.for_s, told.closed_ns) == (False, 60, ended_ns)
    assert (told.severity, told.gravest) == ("P0", "P0")
    assert told.alerts[0].is_forgotten
