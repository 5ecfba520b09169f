"""Rules of the first page's rows."""

from dataclasses import replace

from alarms import T0_NS, down, report
from pages import SOURCES

from modpulse.collector.health.reason import plain
from modpulse.collector.health.scope import Scope
from modpulse.collector.insight.recent import Recent
from modpulse.collector.page.environment import Templates
from modpulse.collector.page.overview import ordered, past_of, row_of

PLANTED = 'https://x/"><script>alert(1)</script>'
MARKUP = ("<script", "<svg onload", "<b>")
S = 1_000_000_000


def test_the_sickest_come_first() -> None:
    """Then by name; what is unknown is last."""
    reports = [
        report("https://b"), report("https://c", "unknown"), down("https://d"),
        report("https://e", "degraded"), report("https://a"),
    ]  # fmt: skip

    assert [one.proxy[-1] for one in ordered(reports)] == ["d", "e", "a", "b", "c"]


def test_a_row() -> None:
    """It has what the report says: since when, for whom, why; phases in their order."""
    quantiles = {"tls": {"p95": 30.0}, "resolve": {"p95": 10.0}, "first_byte_small": {"p95": 99.0}}
    scope = Scope("site", plain("all of a site"), "cn-north")
    said = replace(down("https://d", scope=scope, left_s=86_400.0), quantiles_ms=quantiles)
    row = row_of(said, T0_NS + 61 * S, "en")

    assert (row.name, row.state, row.for_s, row.part) == ("d", "down", 61, ("site", "cn-north"))
    assert (row.cause, row.evidence) == ("tcp.refused", ("it is outage",))
    assert row.phases_ms == (("resolve", 10.0), ("tls", 30.0))
    assert (row.together_ms, row.first_byte_ms, row.certificate_days) == (40.0, 99.0, 1.0)
    assert row.page == "/proxy?proxy=https%3A%2F%2Fd"


def test_nothing_known() -> None:
    """What is not known is no number, in the row as in its template."""
    row = row_of(report("https://a", "unknown"), T0_NS, "en")
    past = past_of("https://a", None, 0.999, 0)
    drawn = Templates(SOURCES).render("past.html", "en", past=past)
    made = Templates(SOURCES).render("row.html", "en", row=row, past=drawn)

    assert (row.score, row.first_byte_ms, row.certificate_days) == (None, None, None)
    assert "None" not in made


def test_no_name_is_markup() -> None:
    """Neither of a proxy, nor of a scope, a cause or evidence, in HTML or in a picture."""
    scope = Scope("label." + PLANTED, plain(PLANTED), PLANTED)
    row = row_of(down(PLANTED, PLANTED, scope=scope), T0_NS, "zh")
    past = past_of(PLANTED, Recent((), (None, 1.0)), 0.999, 0)
    for language in ("en", "zh"):
        templates = Templates(SOURCES)
        drawn = templates.render("past.html", language, past=past)  # type: ignore[arg-type]
        made = templates.render("row.html", language, row=row, past=drawn)  # type: ignore[arg-type]

        assert PLANTED not in made
        assert "&lt;script" in made
        assert [tag for tag in MARKUP if tag in made] == []
