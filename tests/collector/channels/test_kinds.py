"""Rules of each kind: what it sends, and which answers are none of success."""

import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from alarms import Run, down, report

from modpulse.collector.alerts.notice import Kind as NoticeKind
from modpulse.collector.alerts.notice import Notice
from modpulse.collector.channels.channel import Channel
from modpulse.collector.channels.kinds import KINDS, judge
from modpulse.collector.channels.message import DeliveryError, Post, Secrets, Telling
from modpulse.collector.channels.render import render

NOW_S = 1_800_000_060
SECRET = "5ca1ab1e"


def telling(kind: str, closed: bool = False, secret: str = "", url: str = "https://x/y") -> Telling:
    """An outage of two proxies, or its end."""
    run = Run()
    run.steps(60, down("https://a.example"), down("https://b.example"))
    run.steps(200, report("https://a.example"), report("https://b.example"))
    said: NoticeKind = "closed" if closed else "opened"
    notice = Notice(said, run.told[-1 if closed else 0][2], 0)
    channel = Channel(name="x", kind=kind, url=url)
    return Telling([notice], render(notice, "en"), channel, Secrets(url, secret), NOW_S)


def sent(kind: str, **more: Any) -> tuple[Post, Any]:
    """The request of a kind, and its body."""
    request = KINDS[kind].make(telling(kind, **more))
    assert isinstance(request, Post)
    return request, json.loads(request.body)


def test_slack() -> None:
    """A text, in which nothing is taken for a mark-up of names and links."""
    _, body = sent("slack")

    assert body["text"].startswith("*[P0] a.example and b.example are down*\na.example and")


def test_wecom_and_dingtalk() -> None:
    """A text each; DingTalk's address is signed."""
    _, wecom = sent("wecom")
    request, dingtalk = sent("dingtalk", secret=SECRET, url="https://x/robot?access_token=t")
    query = parse_qs(urlsplit(request.url).query)
    expected = hmac.new(SECRET.encode(), f"{NOW_S}000\n{SECRET}".encode(), hashlib.sha256)

    assert wecom["text"] == dingtalk["text"]
    assert wecom["msgtype"] == dingtalk["msgtype"] == "text"
    assert query["access_token"] == ["t"]
    assert query["timestamp"] == [f"{NOW_S}000"]
    assert base64.b64decode(query["sign"][0]) == expected.digest()
    assert sent("dingtalk")[0].url == "https://x/y"


def test_wecom_cuts_no_character_in_two() -> None:
    """2048 bytes at most, and still text."""
    made = telling("wecom")
    long = Telling(made.notices, render(made.notice, "zh"), made.channel, made.secrets, NOW_S)
    words = type(long.words)("标题", "不" * 2000)
    request = KINDS["wecom"].make(Telling(made.notices, words, made.channel, made.secrets, NOW_S))
    assert isinstance(request, Post)
    content = json.loads(request.body)["text"]["content"]

    assert 2040 < len(content.encode()) <= 2048


def test_pagerduty() -> None:
    """A trigger and its resolve have one key; the integration key is in the body alone."""
    _, opened = sent("pagerduty", secret=SECRET)
    request, closed = sent("pagerduty", closed=True, secret=SECRET)

    assert (opened["event_action"], closed["event_action"]) == ("trigger", "resolve")
    assert opened["dedup_key"] == closed["dedup_key"]
    assert opened["payload"]["severity"] == "critical"
    assert (opened["routing_key"], request.headers) == (SECRET, {})
    assert SECRET not in repr(request)


def test_alertmanager() -> None:
    """Each alert by its labels, which never change; what fires ends in the future."""
    request, opened = sent("alertmanager", secret=SECRET)
    _, closed = sent("alertmanager", closed=True)

    assert request.url == "https://x/y/api/v2/alerts"
    assert request.headers == {"Authorization": f"Bearer {SECRET}"}
    assert [alert["labels"] for alert in opened] == [alert["labels"] for alert in closed]
    assert opened[0]["labels"] == {
        "alertname": "ModpulseDown", "severity": "P0", "proxy": "https://a.example"
    }  # fmt: skip
    assert {alert["endsAt"] for alert in opened} == {"2027-01-15T08:06:00.000Z"}
    assert {alert["endsAt"] for alert in closed} == {"2027-01-15T08:02:00.000Z"}


def test_the_words_of_every_kind_are_one_line_of_json_or_a_mail() -> None:
    """Every kind makes something of either notice; Apprise makes its own of the words."""
    for kind in KINDS:
        for closed in (False, True):
            made = telling(kind, closed, secret=SECRET)
            if kind not in ("mail", "apprise"):
                request = KINDS[kind].make(made)
                assert isinstance(request, Post)
                json.loads(request.body)


@pytest.mark.parametrize(
    ("kind", "status", "body", "words", "of_notice"),
    [
        ("webhook", 500, b"broken\r\n<b>", "answered 500: broken <b>", False),
        ("webhook", 404, b"", "answered 404", True),
        ("webhook", 301, b"", "answered 301", False),
        ("webhook", 403, b"no", "answered 403: no", False),
        ("wecom", 200, b'{"errcode":93000,"errmsg":"invalid"}', "errcode 93000: invalid", False),
        ("dingtalk", 200, b"<html>", "an answer without an errcode", False),
        ("dingtalk", 200, b"[]", "an answer without an errcode", False),
        ("dingtalk", 200, b"[" * 100_000, "an answer without an errcode", False),
    ],
)
def test_answers_that_are_none(
    kind: str, status: int, body: bytes, words: str, of_notice: bool
) -> None:
    """A status, or an errcode; which of them speaks against the notice alone."""
    with pytest.raises(DeliveryError) as error:
        judge(KINDS[kind], status, None, body)

    assert (str(error.value), error.value.of_notice) == (words, of_notice)


def test_answers_that_are() -> None:
    """Any 2xx, and an errcode of 0."""
    judge(KINDS["webhook"], 204, None, b"")
    judge(KINDS["wecom"], 200, None, b'{"errcode":0,"errmsg":"ok"}')


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7), ("999999", 3600), ("9" * 99, None), ("-1", None), ("soon", None), (None, None)],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    """Seconds are heeded, an hour at most."""
    with pytest.raises(DeliveryError) as error:
        judge(KINDS["webhook"], 429, header, b"")

    assert error.value.retry_s == seconds
