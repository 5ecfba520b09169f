"""Rules of incidents as text: what was written is read, and nothing else is believed."""

import json

import pytest
from alarms import Run, down
from hypothesis import given
from hypothesis import strategies as st

from modpulse.collector.alerts.kept import incident_of, notice_of, to_text
from modpulse.collector.alerts.notice import Notice


def story() -> Run:
    """Two proxies, told twice."""
    run = Run()
    run.steps(60, down("https://a.example"))
    run.steps(400, down("https://a.example"), down("https://b.example"))
    return run


def test_what_was_written_is_read() -> None:
    """Incidents and notices come back as they were."""
    run = story()
    for _, _, incident in run.told:
        assert incident_of(to_text(incident)) == incident
        notice = Notice("opened", incident, -5)
        assert notice_of(to_text(notice)) == notice


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("id",), "1"), (("topic",), "weather"), (("severities",), ["P9"]), (("members",), 3),
        (("opened_ns",), 1 << 62), (("opened_ns",), True), (("members", 0, "key"), ["down"]),
        (("members", 0, "key"), ["up", "a", "b"]), (("told",), []), (("cost", "lost_s"), "1"),
        (("timeline", 0), [1, "fired"]), (("members", 0, "facts", "evidence"), [None]),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(path: tuple[str | int, ...], value: object) -> None:
    """Any field of a wrong type or beyond its bound is a ValueError."""
    document = json.loads(to_text(story().told[-1][2]))
    held = document
    for step in path[:-1]:
        held = held[step]
    held[path[-1]] = value
    with pytest.raises(ValueError):  # noqa: PT011 - any of them
        incident_of(json.dumps(document))


@given(st.none() | st.integers() | st.binary() | st.text() | st.just("[" * 100_000))
def test_any_other_row_is_refused(text: object) -> None:
    """Whatever stands in the column, it is an incident or a ValueError."""
    with pytest.raises(ValueError):  # noqa: PT011 - any of them
        incident_of(text)


def test_fields_to_come_and_fields_that_are_missing() -> None:
    """A newer collector's field is left out, an older one's has its default."""
    incident = story().told[0][2]
    document = json.loads(to_text(incident)) | {"weather": "fine"}
    del document["more"]

    assert incident_of(json.dumps(document)) == incident
    del document["id"]
    with pytest.raises(ValueError, match="no incident"):
        incident_of(json.dumps(document))
