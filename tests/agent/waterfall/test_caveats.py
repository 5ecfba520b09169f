"""What was not seen is said."""

import dataclasses

import pytest
import stories

from modpulse.agent.records.records import ChainEntry
from modpulse.agent.waterfall.caveats import caveats, unseen


def of(**fields):
    return stories.document(processes=(stories.process(**fields),))


def test_watched_from_the_beginning():
    """Nothing is missing."""
    assert caveats(of(), []) == unseen(of()) == []


def test_watched_late():
    """What was asked before the probes were there is missing."""
    (text,) = caveats(of(armed_at_ns=stories.at(35)), [])

    assert text == (
        "Watched late: what process 4242 (go1.26.6) asked in its first 35 ms was not seen."
    )


def test_watched_after_its_end():
    """Probes that came after a process had ended saw nothing of it."""
    process = stories.process()
    late = dataclasses.replace(process, armed_at_ns=process.end_at_ns + 1)
    (text,) = caveats(dataclasses.replace(stories.document(), processes=(late,)), [])

    assert text == (
        "Never watched: process 4242 (go1.26.6) ended before its probes were there, "
        "so its requests were not seen."
    )


def test_never_watched():
    """Without probes only packets tell; where there are rows, they are said to be connections."""
    (text,) = caveats(of(armed_at_ns=None), [])
    (blind,) = caveats(of(armed_at_ns=None), [stories.PID])

    assert text.startswith("Never watched: process 4242")
    assert "by its packets alone" in blind


def test_below_go():
    """What `direct` leads to is fetched by programs that are not watched."""
    page = stories.request(1, "direct", "go-get", "a.corp/m", None, 0, (0, 1, 0))
    document = dataclasses.replace(of(), requests=(page,))

    assert "hg" in unseen(document)[0]
    assert caveats(document, []) == []


CORP, DIRECT = ChainEntry("https://goproxy.corp", ","), ChainEntry("direct", None)
MISS = {"final": "fell_through", "chain_index": 0}


@pytest.mark.parametrize(
    ("process", "asked", "is_told"),
    [
        ({"goproxy": (DIRECT,)}, None, True),
        ({"goproxy": (CORP, DIRECT)}, None, False),
        ({"goproxy": (CORP, DIRECT)}, {"status": 404} | MISS, True),
        ({"goproxy": (CORP, CORP, DIRECT)}, {"status": 404} | MISS, False),
        ({"goproxy": (CORP, DIRECT)}, {"status": 200}, False),
        ({"goproxy": (CORP,), "gonoproxy": "*.corp"}, None, True),
        ({"goproxy": None}, None, False),
    ],
)
def test_where_git_fetches(process, asked, is_told):
    """Where a chain came to `direct`, also without a request of `go` itself."""
    requests = () if asked is None else (
        stories.request(1, stories.CORP, "info", "m", "v1", 0, (0, 1, 0), **asked),
    )  # fmt: skip
    document = dataclasses.replace(of(**process), requests=requests)

    assert any("hg" in text for text in unseen(document)) == is_told


def test_a_capture():
    """It has no processes that could be watched late."""
    replayed = dataclasses.replace(of(armed_at_ns=None), clock="realtime")

    assert caveats(replayed, []) == []
