"""A row per request, or per connection where requests were not seen."""

import pytest
import stories
from stories import CN, CORP, at

from modpulse.agent.waterfall.rows import (
    MAX_FAILED_ROWS,
    MAX_ROWS,
    SLOWEST_ROWS,
    Fold,
    connection_failure,
    fold,
    rows_of,
)


def asked(number, proxy, start, status=200, **fields):
    module = fields.pop("module", "m")
    return stories.request(
        number, proxy, "mod", module, "v1", start, (0, 1, 0), status, **fields
    )  # fmt: skip


def rows(*requests, **fields):
    return rows_of(stories.document(requests=requests, **fields))


def test_time_order():
    """Rows stand in the order in which things began, whatever the order of the records."""
    found = rows(asked(2, CORP, 9), asked(1, CORP, 3))

    assert [row.at_ns for row in found] == [at(3), at(9)]


def test_fall_through_joins_the_same_question():
    """The successor is the next entry's request for the same file by the same process."""
    found = rows(
        asked(1, CORP, 0, 404),
        asked(2, CORP, 1, 404, module="other"),
        asked(3, CN, 2, module="other"),
        asked(4, CN, 3),
    )

    assert [row.leads for row in found] == [True, True, False, False]
    assert [row.follows for row in found] == [False, False, True, True]


def test_the_same_question_anew_is_no_successor():
    """A later request to the first entry starts over."""
    found = rows(asked(1, CORP, 0, 404), asked(2, CORP, 5, 404))

    assert [row.follows for row in found] == [False, False]


@pytest.mark.parametrize(
    ("status", "fields", "shown", "mood"),
    [
        (200, {}, "200", "ok"),
        (404, {}, "404", "miss"),
        (404, {"suspect": True}, "404?", "miss"),
        (503, {"failure": stories.failed("http.5xx", "", "h")}, "503", "failed"),
        (429, {"failure": stories.failed("http.429", "", "h")}, "429", "failed"),
        (401, {"failure": stories.failed("auth.401", "", "h")}, "401", "failed"),
        (200, {"failure": stories.failed("http.body", "", "h")}, "200 body", "failed"),
        (None, {"failure": stories.failed("dns.timeout", "", "h")}, "timeout", "failed"),
        (None, {"final": None}, "pending", "pending"),
        (None, {"final": "cancelled"}, "cancelled", "pending"),
    ],
)
def test_status(status, fields, shown, mood):
    """The status says what came, and what was wrong where the number does not."""
    (row,) = rows(asked(1, CORP, 0, status, **fields))

    assert (row.status, row.mood) == (shown, mood)


def test_a_request_without_an_answer_ends_when_the_next_entry_is_asked():
    """Without a measured end, turning to the next entry is the end."""
    hang = stories.request(1, CORP, "mod", "m", "v1", 0, (None, None, None), None)
    first, _ = rows(hang, asked(2, CN, 400))

    assert first.end_ns == at(400)


def test_a_pending_request_ends_with_its_process():
    """What hung until the process ended lasted that long."""
    hang = stories.request(1, CORP, "mod", "m", "v1", 10, (None, None, None), None, final=None)
    (row,) = rows(hang, processes=(stories.process(end=900),))

    assert (row.at_ns, row.end_ns) == (at(10), at(900))


def test_an_answer_that_broke_the_chain_ends_with_its_process_at_the_latest():
    """Where the end was not measured the exit bounds it; a measured failure ends by itself."""
    hang = stories.request(1, CORP, "mod", "m", "v1", 10, (5, None, None), None, final="stopped")
    (row,) = rows(hang, processes=(stories.process(end=900),))
    (failed,) = rows(
        stories.request(1, CORP, "mod", "m", "v1", 0, (None,) * 3, None, final="stopped"),
        processes=(stories.process(end=900),),
        lookups=(stories.lookup("goproxy.corp", 1, 3, "dns.nxdomain"),),
    )

    assert (row.end_ns, failed.end_ns) == (at(900), at(4))


def test_connections_have_rows_where_requests_were_not_seen():
    """A process with requests shows these; one without shows its connections and lookups."""
    document = stories.replay()
    found = rows_of(document)

    assert [row.kind for row in found] == ["tls 1.3", "tcp", "tls 1.2", "dns"]
    assert all(row.request is None for row in found)
    assert len(rows_of(stories.fall_through())) == len(stories.fall_through().requests)


@pytest.mark.parametrize(
    ("outcome", "handshake", "cls"),
    [
        ("established", None, None),
        ("cancelled", None, None),
        (None, None, None),
        ("refused", None, "tcp.refused"),
        ("timeout", None, "tcp.timeout"),
        ("reset", None, "tcp.reset"),
        ("unreachable", None, "tcp.unreachable"),
        ("established", "ok", None),
        ("established", "tls.expired", "tls.expired"),
        ("established", "tls.not_tls", "tls.not_tls"),
    ],
)
def test_what_was_wrong_with_a_connection(outcome, handshake, cls):
    """A cancelled dial lost a race and is no failure; the others have the class of the fact."""
    connection = stories.connection(1, "h.corp", 0, 1, outcome=outcome)
    hand = None if handshake is None else stories.handshake(1, "h.corp", 1, 2, handshake)
    found = connection_failure(connection, hand)

    assert (found.cls if found else None) == cls


def test_few_rows_are_not_folded():
    """Up to a screenful everything is shown."""
    found = rows(*(asked(i, CORP, i) for i in range(MAX_ROWS)))

    assert fold(found) == found


def test_folding_keeps_every_row_once():
    """Shown and folded rows are all rows, in their order."""
    found = rows_of(stories.many())
    flat = [
        row for item in fold(found) for row in (item.rows if isinstance(item, Fold) else [item])
    ]

    assert flat == found


def test_folding_is_bounded():
    """However many requests fail, the lines stay bounded."""
    failed = stories.failed("tcp.refused", "", "goproxy.corp")
    found = rows(*(asked(i, CORP, i, None, failure=failed if i % 2 else None) for i in range(2000)))

    assert len(fold(found)) <= 2 * (MAX_FAILED_ROWS + SLOWEST_ROWS) + 1
    assert len(fold(found, all_rows=True)) == 2000
