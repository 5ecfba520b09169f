"""Rules of reasons as values, and of their sentences."""

import json
import re

import pytest
from alarms import Run, down
from hypothesis import given
from hypothesis import strategies as st

from modpulse.collector.alerts.kept import incident_of, to_text, typed
from modpulse.collector.health.reason import (
    LANGUAGES,
    SENTENCES,
    Reason,
    only_some,
    plain,
    same_requests,
    sentence,
    sentences,
)

EXAMPLES = [
    Reason("plain", ("a word",)), Reason("expires_in_days", (3.04,)),
    Reason("expired_days_ago", (1.5,)), Reason("all_failed_for", (20, 30.4)),
    Reason("all_failed", (5,)), Reason("no_answer", (9, 60.0)),
    Reason("bad_certificate", (4, 60.0, "tls.expired")),
    Reason("bad_certificate", (4, 60.0, "tls.other")),
    Reason("below_slo", (30, 100, 10, 0.31, 0.95, 0.999)),
    Reason("slow_above", (2500.4, 2000.0, 12)),
    Reason("slow_unusually", (900.0, 200.0, 12)), Reason("suspect_misses", (5, 9)),
    Reason("unusual_misses", (0.6, 90, 0.1)), Reason("served_before", (3,)),
    Reason("only_host", ("b-1",)), Reason("one_host", ("b-1",)),
    Reason("host_unanswered", ("b-1",)), Reason("only_they_ask", ("site", "fra")),
    Reason("share_of_class", (0.999, "endpoint", "list", 0.1, "http.5xx")),
    *only_some("resolver", "10.0.0.53", ["a", "b", "c", "d"]), *only_some("site", "fra", ["a"]),
    Reason("share_of_failures", (0.999, "address", "192.0.2.1", 0.3)),
    Reason("share_of_slow", (1, "site", "fra", 0.004)),
    Reason("share_by_module", (0.9, "module", "m.example")), Reason("share_of_scope", (0.9, 0.2)),
    *same_requests([("site", "fra"), ("label.pool", "x"), ("endpoint", "zip"), ("host", "y")]),
    Reason("budget_burns", (0.02, 12_000, 6, 14.6, 0.9995)),
    Reason("class_unlike_past", ("http.5xx", 3, 40)), Reason("failures_above", (0.02, 0.01)),
    Reason("p95_above", (900.0, 300.0)),
]  # fmt: skip


def test_every_code_has_its_example() -> None:
    """None is without a sentence here, so that each is looked at."""
    assert {one.code for one in EXAMPLES} == set(SENTENCES)


@pytest.mark.parametrize("reason", EXAMPLES, ids=lambda one: one.code)
def test_both_languages(reason: Reason) -> None:
    """A Chinese sentence is Chinese, an English one is not, and neither has a place left over."""
    english, chinese = (sentence(reason, language) for language in LANGUAGES)

    assert not re.search("[{}\u4e00-\u9fff]", english)
    assert "{" not in chinese
    if reason.code != "plain":
        assert re.search("[\u4e00-\u9fff]", chinese)
        assert english != chinese
    assert typed(Reason, json.loads(json.dumps(reason))) == reason


def test_several() -> None:
    """They are one text, as the language joins them."""
    told = (Reason("all_failed", (5,)), *plain("why"))

    assert sentences(told) == "the last 5 requests all failed; why"
    assert sentences(told, "zh") == "最近 5 个请求全部失败；why"
    assert plain("") == plain(None) == ()


@given(
    st.sampled_from([*SENTENCES, "of a newer collector"]),
    st.lists(st.text(max_size=3) | st.integers() | st.floats(), max_size=7),
    st.sampled_from(LANGUAGES),
)
def test_any_values(code: str, values: list[str | int | float], language: str) -> None:
    """What damage or a newer collector has written is shown, and fails nothing."""
    assert isinstance(sentence(Reason(code, tuple(values)), language), str)  # type: ignore[arg-type]


def test_sentences_of_an_older_collector() -> None:
    """What it wrote as evidence is shown as it is."""
    run = Run()
    run.steps(60, down())
    (incident,) = run.open
    document = json.loads(to_text(incident))
    document["members"][0]["facts"]["evidence"] = ["9 of 9 failed"]
    document["timeline"][0][5] = "9 of 9 failed"
    read = incident_of(json.dumps(document))

    assert read.members[0].facts.evidence == plain("9 of 9 failed")
    assert read.timeline[0].said("zh") == "9 of 9 failed"
