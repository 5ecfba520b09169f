"""Rules of the sentence on top."""

import pytest
from alarms import down, report
from pages import with_template

from modpulse.collector.health.reason import plain
from modpulse.collector.health.report import Report
from modpulse.collector.health.scope import Scope
from modpulse.collector.page.headline import MAX_NAME_CHARS, headline, short


def spoken(language: str, *reports: Report) -> str:
    """The sentence, as the page has it."""
    source = "{% import 'words.html' as words %}{{ words.headline(headline) }}"
    return with_template(source).render("it", language, headline=headline(reports))


FINE, UNKNOWN = report("https://a.example"), report("https://b.example", "unknown")
SICK = report("https://c.example", "degraded")
AT_A_SITE = down("https://goproxy.corp", scope=Scope("site", plain("all at a site"), "cn-north"))


@pytest.mark.parametrize(
    ("reports", "english", "chinese"),
    [
        ((), "No proxy has been asked yet", "还没有任何代理被请求"),
        ((FINE,), "The proxy is fine", "全部 1 个代理正常"),
        ((FINE,) * 4, "All 4 proxies are fine", "全部 4 个代理正常"),
        ((UNKNOWN,) * 2, "Too little is seen yet to say how the proxies are",
         "数据不足，还无法判断代理的状态"),
        ((FINE, FINE, UNKNOWN), "2 proxies are fine; of 1 too little is seen",
         "2 个代理正常；另有 1 个数据不足"),
        ((FINE, SICK), "c.example is degraded", "c.example 异常"),
        ((SICK, AT_A_SITE), "goproxy.corp is down for site cn-north",
         "goproxy.corp 不可用 （站点 cn-north）"),
        ((down("https://d.example"),) * 5, "d.example, d.example, d.example and 2 more are down",
         "d.example、d.example、d.example 等另外 2 个 不可用"),
    ],
)  # fmt: skip
def test_one_sentence(reports: tuple[Report, ...], english: str, chinese: str) -> None:
    """The worst is said, of whom and for whom; nothing is called fine of which nothing is known."""
    assert spoken("en", *reports) == english
    assert spoken("zh", *reports) == chinese


@pytest.mark.parametrize(
    "kind", ["site", "host", "resolver", "address", "endpoint", "module", "label.pool"]
)
def test_for_whom(kind: str) -> None:
    """Each kind of scope is said with who it is."""
    said = spoken("en", down(scope=Scope(kind, plain("words"), "which-one")))

    assert said.startswith("sick.example is down ")
    assert "which-one" in said


def test_long_names() -> None:
    """They are cut in the middle, and two that differ at their end are told apart."""
    names = [f"https://nexus:8081/repository/{'go-proxy-' * 14}{end}" for end in ("a", "b")]

    assert [name[-3:] for name in map(short, names)] == ["y-a", "y-b"]
    assert {len(short(name)) + len("https://") for name in names} == {MAX_NAME_CHARS}
