"""From records to phases: what a request paid for, and when."""

import itertools

import pytest
import stories
from hypothesis import given
from hypothesis import strategies as st
from stories import at

from modpulse.agent.batch import batch
from modpulse.agent.records.phases import (
    PHASES,
    Joins,
    Setup,
    Span,
    durations,
    has_ended,
    name_of,
    request_spans,
    setup_spans,
)

MS = stories.MS
LOOKUP = stories.lookup("goproxy.corp", 1, 4)
DIAL = stories.connection(7, "goproxy.corp", 5, 2, 1)
HANDSHAKE = stories.handshake(7, "goproxy.corp", 7, 14, verify_ns=8 * MS)
JOINS = Joins((LOOKUP,), (DIAL,), (HANDSHAKE,))


def asked(times=(21, 12, 1), status=200, **fields):
    fields = {"connection": 7, "paid_setup": True} | fields
    return stories.request(
        1, stories.CORP, "mod", stories.TEXT, "v0.14.0", 0, times, status, **fields
    )


def spans(request, setup, until=None):
    found = request_spans(request, setup, None if until is None else at(until))
    return [(s.phase, (s.at_ns - at(0)) / MS, (s.end_ns - at(0)) / MS) for s in found]


def test_who_paid_is_given_the_set_up():
    """Lookup, connection and handshake are found by their ids."""
    assert JOINS.of_request(asked()) == Setup((LOOKUP,), (DIAL,), HANDSHAKE)


def test_who_did_not_pay_has_none():
    """A reused connection costs nothing."""
    assert JOINS.of_request(asked(paid_setup=False)) == Setup()


def test_a_failed_dial_is_found_by_host():
    """Without a connection in hand it is what the process tried for the host meanwhile."""
    request = asked((None, None, None), None, connection=None, paid_setup=None)

    assert JOINS.of_request(request) == Setup((LOOKUP,), (DIAL,), HANDSHAKE)
    assert JOINS.of_request(request, until_ns=at(3)) == Setup((LOOKUP,))


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("goproxy.corp", "goproxy.corp"),
        ("goproxy.corp:8443", "goproxy.corp"),
        ("[2001:db8::7]:443", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("odd:port", "odd:port"),
    ],
)
def test_name_of(host, name):
    """A name is joined to its lookup without the port of the URL."""
    assert name_of(host) == name


def test_another_process_is_not_mixed_in():
    """The same host, looked up by another process, is not this request's."""
    other = Joins((stories.records_of_pid(LOOKUP, 1),), (), ())
    request = asked((None, None, None), None, connection=None, paid_setup=None)

    assert other.of_request(request) == Setup()


def test_durations():
    """Each phase that was seen has its duration, verify apart."""
    expected = {
        "resolve": 4 * MS,
        "connect": 2 * MS,
        "tls": 14 * MS,
        "verify": 8 * MS,
        "processing": 12 * MS,
        "transfer": MS,
    }

    assert durations(asked(), JOINS.of_request(asked())) == expected


def test_what_was_not_seen_is_left_out():
    """A phase that is null is missing, not 0."""
    assert durations(asked((21, 12, None)), Setup()) == {"processing": 12 * MS}


def test_spans_of_a_request_that_paid():
    """Set-up stands where it happened; what is left of the wait is waiting."""
    expected = [
        ("wait", 0, 1),
        ("resolve", 1, 5),
        ("connect", 5, 7),
        ("tls", 7, 21),
        ("processing", 21, 33),
        ("transfer", 33, 34),
    ]

    assert spans(asked(), JOINS.of_request(asked())) == expected


def test_set_up_after_a_redirect_stands_in_the_middle():
    """The connection of the last hop is drawn when it was made, though the first head came."""
    setup = Setup(connections=(stories.connection(8, "storage.corp", 30, 5),))
    expected = [("processing", 0, 30), ("connect", 30, 35), ("processing", 35, 50)]

    assert [s for s in spans(asked((0, 50, 0)), setup) if s[1] < s[2]] == expected


def test_a_dial_without_an_end_lasts_until_it_was_given_up():
    """A SYN that nobody answered is time spent connecting."""
    setup = Setup(connections=(stories.connection(8, "slow.corp", 2, None),))
    request = asked((None, None, None), None)
    expected = [("wait", 0, 2), ("connect", 2, 30)]

    assert spans(request, setup, until=30) == expected


def test_an_answer_that_never_came():
    """With a connection in hand, the rest is the proxy's."""
    request = asked((1, None, None), None)
    expected = [("wait", 0, 1), ("processing", 1, 90)]

    assert spans(request, Setup(), until=90) == expected


@pytest.mark.parametrize(
    ("request_", "setup", "expected"),
    [
        (asked(status=404), Setup(), True),
        (asked((1, None, None), None), Setup(), False),
        (asked((None, None, None), None), Setup(), False),
        (asked((None, None, None), None), Setup((LOOKUP,)), True),
        (asked((None, None, None), None), Setup((LOOKUP,), (DIAL,)), True),
        (asked((None, None, None), None), Setup((LOOKUP,), (DIAL,), HANDSHAKE), True),
        (asked((None, None, None), None), Setup((stories.lookup("h", 0, None),)), False),
        (asked((None, None, None), None), Setup((), (stories.connection(1, "h", 0, None),)), False),
    ],
)
def test_whether_the_end_was_seen(request_, setup, expected):
    """An answer is an end, and so is the failed step, where its end was measured."""
    assert has_ended(request_, setup) == expected


def test_an_end_that_a_release_does_not_tell():
    """Where the transfer is null the bar ends at the head."""
    assert spans(asked((0, 12, None)), Setup())[-1] == ("processing", 0, 12)


def test_racing_families_do_not_overlap():
    """Two dials at once are one stretch of connecting."""
    setup = Setup(
        connections=(stories.connection(1, "a", 0, 20), stories.connection(2, "a", 10, 20))
    )
    found = setup_spans(setup)

    assert (found[0].at_ns, found[-1].end_ns) == (at(0), at(30))
    assert {span.phase for span in found} == {"connect"}


times = st.one_of(st.none(), st.integers(0, 50))


@given(times, times, times, st.lists(st.tuples(st.integers(0, 60), times), max_size=4), times)
def test_spans_never_overlap(wait, processing, transfer, dials, until):
    """Whatever was recorded, spans are in time order and disjoint."""
    setup = Setup(
        connections=tuple(
            stories.connection(i, "h", start, took) for i, (start, took) in enumerate(dials)
        )
    )
    request = asked((wait, processing, transfer), None)
    found: list[Span] = request_spans(request, setup, None if until is None else at(until))

    assert all(span.at_ns <= span.end_ns for span in found)
    assert all(a.end_ns <= b.at_ns for a, b in itertools.pairwise(found))


def test_a_batch_has_each_phase_and_what_is_part_of_one() -> None:
    """The phases that make up a request, in the same order."""
    parts = {"verify", batch.FIRST_BYTE}

    assert tuple(phase for phase in batch.PHASES if phase not in parts) == PHASES
