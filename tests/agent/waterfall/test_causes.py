"""Why it failed: each cause once, in the order of the roots."""

import dataclasses

import pytest
import stories

from modpulse.agent.records.failures import CLASSES
from modpulse.agent.records.records import Reason
from modpulse.agent.screen.style import Style
from modpulse.agent.waterfall.causes import MAX_CAUSES, causes
from modpulse.agent.waterfall.rows import rows_of


def lines(*requests, exit_code=1, **style):
    made = stories.process(9, exit_code)
    document = stories.document(requests=requests, exit_code=exit_code, processes=(made,))
    return causes(rows_of(document), document, Style(**style))


def asked(number, host, cls, final="stopped", **fields):
    proxy = f"https://{host}"
    failed = stories.failed(
        cls, f"evidence {number}", fields.pop("culprit", host), against=fields.pop("against", None)
    )
    return stories.request(
        number, proxy, "mod", "m", "v1", number, (0, 1, 0), None, final=final, failure=failed,
        **fields,
    )  # fmt: skip


def test_nothing_failed():
    """Without a failure nothing is said."""
    assert lines() == []


@pytest.mark.parametrize("cls", CLASSES)
def test_every_class_has_words(cls):
    """Whatever class a failure has, its root has a name and its evidence is told."""
    found = lines(asked(1, "a.corp", cls))

    assert found[0].split()[1] == f"{cls}:"


def test_this_machine():
    """What this machine lacks is no fault of whom it asked, and no command asks that one again."""
    found = lines(asked(1, "a.corp", "local.disk", culprit=None))

    assert found[0] == "machine   local.disk: evidence 1"
    assert "not its fault" in found[1]
    assert len(found) == 2


def test_the_same_cause_is_said_once():
    """A proxy that is down fails often, but for one reason."""
    found = lines(*(asked(i, "a.corp", "tcp.refused") for i in range(9)))

    assert found[0] == "HTTPS     tcp.refused: evidence 0 (\N{MULTIPLICATION SIGN} 9)"
    assert len(found) == 3


def test_no_command_is_better_than_half_of_one():
    """A command that is too long to print whole is not printed."""
    found = lines(asked(1, "a" * 3000, "http.5xx"))

    assert not any(line.strip().startswith("$") for line in found)


def test_causes_are_bounded():
    """More causes than one can read are counted."""
    found = lines(*(asked(i, f"{i}.corp", "tcp.refused") for i in range(MAX_CAUSES + 7)))

    assert found[-1] == "and 7 other causes"


def test_what_go_did_next_is_said():
    """Stopped, fell through, cancelled or still waiting."""
    found = [
        lines(asked(1, "a.corp", "tcp.refused", final))[1].strip()
        for final in ("stopped", "fell_through", "cancelled", None)
    ]

    assert found == [
        "a.corp: go stopped here",
        "a.corp: the next entry of GOPROXY was asked",
        "a.corp: the command ended first",
        "a.corp: still waiting for an answer",
    ]


def test_what_go_did_without():
    """A command that ended well was not stopped, whatever it was refused."""
    for exit_code, words in ((0, "go did without it and ended well"), (None, "go stopped here")):
        found = lines(asked(1, "a.corp", "http.5xx"), exit_code=exit_code)

        assert found[1].strip() == f"a.corp: {words}"


def test_each_status_is_said():
    """What the sentence says is counted, not what has the same class."""
    statuses = [500, 503, 500]
    requests = [
        dataclasses.replace(asked(number, "a.corp", "http.5xx"), status=status)
        for number, status in enumerate(statuses)
    ]
    found = [line for line in lines(*requests) if "http.5xx" in line]

    assert [line.endswith("2)") for line in found] == [True, False]


@pytest.mark.parametrize(
    ("set_to", "shown"),
    [
        ("socks5://way.corp:1080", "-x socks5h://way.corp:1080"),
        ("https://way.corp:1080", "-x https://way.corp:1080"),
        ("way.corp:1080", "-x http://way.corp:1080"),
        (None, "-x http://way.corp:1080"),
    ],
)
def test_the_way_is_asked_as_it_was(set_to, shown):
    """An HTTP proxy is none of SOCKS: the command names the scheme that go used."""
    connection = stories.connection(1, "a.corp", 0, 1, via="way.corp:1080")
    request = asked(1, "a.corp", "http.5xx", connection=1)
    document = stories.document(
        requests=(request,),
        connections=(connection,),
        processes=(stories.process(https_proxy=set_to),),
    )

    assert shown in "\n".join(causes(rows_of(document), document, Style(columns=200)))


def test_what_a_reason_says_is_not_said_again():
    """What this machine lacked is told of the command where that failed for it."""
    request = asked(1, "a.corp", "local.disk", culprit=None)
    reason = Reason(section="machine", words="local.disk: full", cls="local.disk")
    document = stories.document(requests=(request,), reasons=(reason,))

    assert causes(rows_of(document), document, Style()) == []


def test_the_http_proxys_failure_is_not_the_module_proxys():
    """A failure on the way says so."""
    found = lines(asked(1, "a.corp", "tcp.refused", culprit="way.corp", against="http_proxy"))

    assert found[1].strip() == "on the way to a.corp, not its fault: go stopped here"
