"""What people read, word for word."""

from dataclasses import replace

import pytest
from alarms import DAY_S, T0_NS, Run, S, down, report
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.records.failures import CLASSES
from modpulse.collector.alerts.incident import Cost, Incident
from modpulse.collector.alerts.notice import Kind, Notice
from modpulse.collector.channels import chinese, english
from modpulse.collector.channels.render import render
from modpulse.collector.health.reason import plain
from modpulse.collector.health.scope import Scope

CORP, CN, MIRROR = "https://goproxy.corp", "https://goproxy.cn", "https://mirror.example"
AT_14_02 = 21_720 * S
"""From T0_NS, 08:00, to 14:02."""


def both(kind: Kind, incident: Incident, offset_ns: int = AT_14_02) -> list[str]:
    """Title and body in English, then in Chinese."""
    words = [render(Notice(kind, incident, offset_ns), language) for language in ("en", "zh")]
    return [text for each in words for text in (each.title, each.body)]


def first(run: Run) -> Incident:
    """What was told first."""
    return run.told[0][2]


def test_an_outage() -> None:
    """Who, since when, how many, what is fine, and what builds do."""
    run = Run()
    run.steps(60, down(CORP), report(CN), report(MIRROR))

    assert both("opened", first(run)) == [
        "[P0] goproxy.corp is down",
        "goproxy.corp is down since 14:02 UTC: 212 of 212 requests from 9 hosts were refused; DNS "
        "and the other two proxies are fine. Builds with `,` fail; those with `|` go on.",
        "[P0] goproxy.corp 不可用",
        "自 14:02 UTC 起，goproxy.corp 不可用：来自 9 台机器的 212 个请求中有 212 个被拒绝连接；"
        "DNS 和另外 2 个代理正常。使用 `,` 的构建会失败，使用 `|` 的会继续。",
    ]


def test_its_end() -> None:
    """Since when, after how long, and what it cost; another day has its date."""
    run = Run()
    run.steps(60, down(CORP))
    run.steps(1100, report(CORP))
    closed = replace(run.told[-1][2], cost=Cost(4212, 300, 480.0, 12, 720.0))
    english_title, english_body, _, chinese_body = both("closed", closed)

    assert english_title == "[P0] goproxy.corp works again since 14:03 UTC, after 60 s"
    assert english_body == (
        "goproxy.corp works again since 14:03 UTC, after 60 s. It cost: 4,212 requests failed; "
        "300 went on to the next entry, which took 8 min; 12 commands failed; "
        "builds lost 20 min in all."
    )
    assert chinese_body == (
        "goproxy.corp 自 14:03 UTC 起恢复正常，持续了 60 秒。"
        "影响：4,212 个请求失败；300 个转向下一个代理，共耽误 8 分钟；12 条 go 命令失败；"
        "构建总共损失 20 分钟。"
    )
    yesterday_ns = T0_NS - 86_400 * S
    members = tuple(replace(member, since_ns=yesterday_ns) for member in closed.members)
    old = replace(closed, opened_ns=yesterday_ns, members=members)
    assert "after 24 h" in both("closed", old)[1]
    assert "since 2027-01-14 14:02 UTC" in both("opened", replace(old, closed_ns=None))[1]


def test_slow_and_failing_and_doubtful() -> None:
    """What is degraded says how."""
    texts = []
    for gate, served, failures, suspects in (
        ("slow", 90, {"http.5xx": 1}, 0), ("slo", 80, {"http.5xx": 15, "tcp.reset": 5}, 0),
        ("suspect_misses", 9, {}, 6),
    ):  # fmt: skip
        run = Run()
        sick = report(CORP, "degraded", gate, served, failures, suspects=suspects)  # type: ignore[arg-type]
        run.steps(200, sick)
        texts.append(both("opened", first(run))[1])

    assert texts == [
        "goproxy.corp is slow since 14:02 UTC.",
        "goproxy.corp fails more than promised since 14:02 UTC: in the last minute 20 of 100 "
        "requests from 9 hosts failed, and most of these met a server error (5xx); DNS is fine. "
        "Builds with `,` fail where it does; those with `|` go on.",
        "goproxy.corp answers 404 for what is there since 14:02 UTC: in the last 10 min 6 of 15 "
        "requests from 9 hosts were answered with a doubtful 404. Builds ask the next entry, with "
        "`,` and with `|`.",
    ]


@pytest.mark.parametrize(
    ("kind", "who", "at", "at_chinese"),
    [
        ("address", "192.0.2.7", "at 192.0.2.7", "在地址 192.0.2.7"),
        ("endpoint", "list", "for list", "是 list 请求"),
        ("site", "fra", "at site fra", "来自站点 fra"),
        ("pool", "ci", "of pool ci", "来自 pool ci"),
        ("label.host", "x", "of host x", "来自 host x"),
    ],
)
def test_what_fails_in_part(kind: str, who: str, at: str, at_chinese: str) -> None:
    """An address, an endpoint, a label: which, and how many of the failures."""
    run = Run()
    scope = Scope(kind, plain("words"), who, share=0.96, part=0.31)
    seen = {"served": 80, "failures": {"tcp.refused": 20}}
    run.steps(200, report(CORP, "degraded", gate="partial", scope=scope, **seen))  # type: ignore[arg-type]
    texts = both("opened", first(run))

    assert texts[1].startswith(
        "goproxy.corp fails in part since 14:02 UTC: in the last minute 20 of 100 requests from 9 "
        f"hosts were refused, 96% of these {at}; DNS is fine."
    )
    assert texts[2] == "[P1] goproxy.corp 部分请求失败"
    assert f"被拒绝连接，其中 96% {at_chinese}；" in texts[3]


def test_whose_it_is() -> None:
    """One host, one resolver, the only host that asks."""
    texts = []
    for kind in ("host", "resolver"):
        run = Run()
        scope = Scope(kind, plain("words"), "10.0.0.53", frozenset({"a", "b"}))  # type: ignore[arg-type]
        seen = {"failures": {"dns.timeout": 7}, "served": 0}
        run.steps(200, report(CORP, scope=scope, **seen), report(CN, scope=scope, **seen))  # type: ignore[arg-type]
        texts.append(both("opened", first(run))[1])
    run = Run()
    run.steps(60, down(CORP, agents=1, scope=Scope("host", plain("seen from one"), "build-1")))
    texts.append(both("opened", first(run))[1])

    assert texts == [
        "Only 10.0.0.53 cannot use goproxy.cn and goproxy.corp since 14:02 UTC: 7 of 7 requests "
        "from 2 hosts got no answer from DNS. Builds with `,` fail; those with `|` go on.",
        "Only those who use resolver 10.0.0.53 cannot use goproxy.cn and goproxy.corp since 14:02 "
        "UTC: 7 of 7 requests from 2 hosts got no answer from DNS. Builds with `,` fail; those "
        "with `|` go on.",
        "goproxy.corp is down since 14:02 UTC: 212 of 212 requests from 1 host were refused; "
        "nobody else asks it, so it may be the host; DNS is fine. Builds with `,` fail; those with "
        "`|` go on.",
    ]


def test_others_that_are_sick_too() -> None:
    """Neighbours are named by their number, and no lookup that fails is called fine."""
    run = Run()
    run.steps(60, down(CORP, "tls.expired"), report(CN, "degraded"), report(MIRROR))

    assert (
        "; DNS is fine; one of two other proxies is not well either."
        in (both("opened", first(run))[1])
    )
    run = Run()
    run.steps(60, down(CORP, "dns.servfail"))
    assert "DNS is fine" not in both("opened", first(run))[1]


def test_certificates_agents_channels() -> None:
    """What is no proxy's trouble is told as what it is."""
    run = Run()
    run.steps(100, report(CORP, left_s=6.4 * DAY_S, part=0.2))
    certificate = both("opened", first(run))
    run = Run()
    run.steps(60, heard_ns={f"b{n}": T0_NS - 600 * S for n in range(6)})
    agents = both("opened", first(run))
    run = Run()
    run.steps(310, dead_ns={"mail": T0_NS})
    channel = both("opened", first(run))

    assert certificate[1] == "The certificate of goproxy.corp ends in 6 days."
    assert certificate[3] == "goproxy.corp 的证书将在 6 天后到期。"
    assert agents[1] == (
        "Nothing is heard of b0, b1, b2 and 3 more since 13:52 UTC. That says nothing of any proxy."
    )
    assert channel[1] == (
        "Channel mail takes no notices since 14:02 UTC. `modpulse incidents` has its last error."
    )


def test_what_was_forgotten_is_not_called_well() -> None:
    """Nobody asked for a week: it is closed, and not because it works."""
    run = Run()
    run.steps(60, down(CORP))
    run.now_ns += 8 * 86_400 * S
    run.step()
    title, body, _, chinese_body = both("closed", run.told[-1][2])

    assert "works again" not in title + body
    assert body.startswith("Nobody asks goproxy.corp any more")
    assert "并未证实恢复" in chinese_body


@pytest.mark.parametrize("voice", [english, chinese])
def test_every_class_has_its_words(voice: object) -> None:
    """Whatever a proxy's requests fail by, a person can read it; what is local is no proxy's."""
    named = {name for name in CLASSES if not name.startswith("local.")}

    assert set(voice.FAILED) == named  # type: ignore[attr-defined]


@given(
    st.sampled_from(["opened", "updated", "closed"]),
    st.sampled_from(["down", "degraded", "healthy"]),
    st.sampled_from([*CLASSES, "other"]),
    st.text(max_size=300),
)
def test_anything_can_be_told(kind: Kind, state: str, failure: str, name: str) -> None:
    """Any incident has a title of one line and a body, whatever its names are."""
    run = Run()
    scope = Scope() if state != "healthy" else Scope("host", plain("x"), name, frozenset({"a"}))
    sick = report(f"https://{name}", state, served=3, failures={failure: 9}, scope=scope)
    run.steps(300, sick)
    for text in both(kind, first(run)):
        assert text.strip()
        assert text.isprintable()
