"""A command that failed always has a reason, and one that did not has none."""

import pytest
import stories

from modpulse.agent.waterfall.reasons import MAX_REASONS, reasons

CORP, CN = stories.CORP, stories.CN


def asked(number, proxy=CORP, status=200, **fields):
    return stories.request(number, proxy, "mod", "m", "v1", number, (0, 1, 0), status, **fields)


def sections(*requests, exit_code=1, signal=None, document=None, **process):
    made = stories.process(9, **({"exit_code": exit_code} | process))
    known = {"exit_code": exit_code, "signal": signal, "processes": (made,), "requests": requests}
    return [reason.section for reason in reasons(stories.document(**(known | (document or {}))))]


FAILED = stories.failed("http.5xx", "answered 500", "goproxy.corp")
FULL = stories.failed("local.disk", "this machine: is full", "goproxy.corp")


def test_success():
    """A miss, a failure that was made good: nothing ended anything."""
    assert sections(asked(1, status=404, final="stopped"), exit_code=0) == []
    assert reasons(stories.replay()) == ()


def test_a_request_says_it():
    """What its row explains is not explained again."""
    assert sections(asked(1, status=500, final="stopped", failure=FAILED)) == []


def test_what_was_made_good_explains_nothing():
    """The next entry had it, so the reason is another."""
    first = asked(1, status=500, final="fell_through", failure=FAILED)

    assert sections(first, asked(2, CN)) == ["unexplained"]
    assert sections(first, asked(2, CN, status=404, final="stopped")) == ["not_found"]


def test_not_found_comes_first():
    """Then machine and configuration, then what ended it."""
    gone = asked(1, status=404, final="stopped")

    assert sections(gone, failure=FULL) == ["not_found", "machine"]
    assert sections(exit_code=None, signal=9, ended_by="signal", failure=FULL) == [
        "machine",
        "killed",
    ]


def test_packets_alone():
    """A connection that failed explains a process whose requests are not seen."""
    refused = stories.connection(1, "goproxy.corp", 0, 1, outcome="refused")

    assert sections(armed_at_ns=None, document={"connections": (refused,)}) == []
    assert sections(armed_at_ns=None) == ["unexplained"]


def test_a_go_that_did_not_fail():
    """The failure of another program is not explained by the misses of a `go` that ended well."""
    gone = asked(1, status=404, final="stopped")

    assert sections(gone, exit_code=0, document={"exit_code": 2}) == ["unexplained"]


def test_many():
    """A thousand commands that failed do not fill the document."""
    made = [stories.process(9, 1, failure=FULL) for _ in range(50)]
    found = reasons(stories.document(exit_code=1, processes=tuple(made)))

    assert len(found) == MAX_REASONS


@pytest.mark.parametrize("name", stories.STORIES)
def test_every_story(name):
    """No document is left without an answer."""
    document = stories.STORIES[name]()
    failed = any(request.failure for request in document.requests)
    has_ended_well = document.exit_code == 0 or not document.command

    assert bool(reasons(document)) or has_ended_well or failed
