"""Rules of the alerts of consistency, step by step; a step is ten seconds."""

from dataclasses import replace

from alarms import T0_NS, Run, S, report

from modpulse.collector.alerts.lifecycle import Key
from modpulse.collector.alerts.notice import Notice
from modpulse.collector.channels.render import render
from modpulse.collector.health.consistency import ContentFinding
from modpulse.collector.health.report import Report

A, B = "https://a.example", "https://b.example"
NAME = "mod.example/m@v1.0.0"


def finding(kind: str = "proxy", **more: object) -> ContentFinding:
    """One that was refused on two hosts just now."""
    facts = {
        "proxies": (A,), "hosts": ("build-1", "build-2"), "refused": 12, "accepted": 3,
        "failure": "checksum.gosum", "since_ns": T0_NS, "is_now": True, "words": "it differs",
    }  # fmt: skip
    return ContentFinding(name=NAME, kind=kind, **(facts | more))  # type: ignore[arg-type]


def with_(proxy: str, one: ContentFinding) -> Report:
    return replace(report(proxy), contents=(one,))


def test_a_proxy_that_serves_another_content() -> None:
    """P1 after a minute; closed when it was taken again for five, and not by silence."""
    run = Run()
    run.steps(120, with_(A, finding()), report(B))
    run.steps(600, with_(A, finding(is_now=False)), report(B))
    assert run.kinds == [(60, "opened")]
    run.steps(320, with_(A, finding(is_now=False, is_over=True)), report(B))

    assert run.kinds == [(60, "opened"), (1020, "closed")]
    incident = run.told[0][2]
    assert (incident.severity, incident.topic, incident.proxies) == ("P1", "content", (A,))


def test_a_moved_tag_is_one_incident_of_no_proxy() -> None:
    """P2, once for all proxies; what began as one proxy's goes on in the same incident."""
    run = Run()
    run.steps(100, with_(A, finding()), report(B))
    moved = finding("author", proxies=(A, B))
    run.steps(600, with_(A, moved), with_(B, moved))

    assert [kind for _, kind in run.kinds] == ["opened", "updated"]
    (incident,) = run.open
    assert [member.key for member in incident.firing] == [Key("moved_tag", "", NAME)]


def test_who_is_not_woken() -> None:
    """By one host's go.sum, another size, or a single host that is refused by the only proxy."""
    run = Run()
    for kind, hosts in (("host", ("x",)), ("resized", ()), ("unknown", ("x",))):
        run.steps(300, with_(A, finding(kind, hosts=hosts)))

    assert run.told == []
    run.steps(100, with_(A, finding("unknown")))
    assert [incident.severity for incident in run.open] == ["P1"]


def test_two_hosts_of_one_id() -> None:
    """P2 at once, and closed when the agent is heard and is one again."""
    run = Run()
    run.steps(20, duplicates={"build-1": "two runs"}, heard_ns={"build-1": run.now_ns})
    assert [kind for _, kind in run.kinds] == ["opened"]
    run.steps(120, heard_ns={"build-1": T0_NS})
    run.steps(60, heard_ns={"build-1": run.now_ns + 60 * S})

    assert [kind for _, kind in run.kinds] == ["opened", "closed"]


def test_words() -> None:
    """What a person reads, in both languages."""
    run = Run()
    run.steps(100, with_(A, finding()))
    notice = Notice("opened", run.told[0][2], 0)
    english, chinese = (render(notice, language) for language in ("en", "zh"))

    assert english.title == f"[P1] a.example serves another content of {NAME}"
    assert english.body == (
        f"a.example serves another content of {NAME} since 08:00 UTC: 12 of 15 requests from"
        " 2 hosts got what go.sum does not allow. Builds fail, with `,` and with `|`."
    )
    assert chinese.title == f"[P1] a.example 提供的 {NAME} 内容不同"
