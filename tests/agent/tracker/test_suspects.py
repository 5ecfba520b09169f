"""Misses that may be outages in disguise."""

import pytest
from builders import MS, S

from modpulse.agent.records.records import Failure, Request
from modpulse.agent.tracker import suspects
from modpulse.agent.tracker.suspects import Suspects

A, B = "https://a.test", "https://b.test"


def miss(took_ns: int | None = MS, proxy: str | None = A, status: int = 404, **fields) -> Request:
    known = {"endpoint": "info", "module": "m", "version": "v1.0.0"}
    return Request(
        id="1", pid=1, proxy=proxy, host="a.test", at_ns=0, status=status,
        connect_wait_ns=0, processing_ns=took_ns, **(known | fields),
    )  # fmt: skip


def served(proxy: str = A, **fields) -> Request:
    return miss(proxy=proxy, status=200, **fields)


def test_served_before() -> None:
    """What this proxy has served cannot be missing; what another has may."""
    memory = Suspects()
    memory.is_suspect(served())

    assert memory.is_suspect(miss())
    assert not memory.is_suspect(miss(proxy=B))
    assert not memory.is_suspect(miss(version="v2.0.0"))


def test_what_was_refused_was_not_served() -> None:
    """A 200 that failed after all is no proof."""
    memory = Suspects()
    memory.is_suspect(served(failure=Failure("http.body", "https", "")))

    assert not memory.is_suspect(miss())


@pytest.mark.parametrize("request_", [served(), miss(proxy=None), miss(5 * S, status=500)])
def test_only_misses_are_suspect(request_: Request) -> None:
    """An answer, a failure, and what belongs to no proxy are not."""
    assert not Suspects().is_suspect(request_)


@pytest.mark.parametrize(
    ("usual_ns", "took_ns", "expected"),
    [
        (10 * MS, 400 * MS, False),
        (10 * MS, 600 * MS, True),
        (100 * MS, 900 * MS, False),
        (100 * MS, 1100 * MS, True),
        (900 * MS, 2100 * MS, True),
    ],
)
def test_slow(usual_ns: int, took_ns: int, expected: bool) -> None:
    """Ten times the usual and half a second, or two seconds anyway."""
    memory = Suspects()
    for _ in range(8):
        memory.is_suspect(miss(usual_ns))

    assert memory.is_suspect(miss(took_ns)) == expected


def test_without_a_past() -> None:
    """A few misses tell nothing of what is usual; an unknown time nothing at all."""
    memory = Suspects()
    memory.is_suspect(miss())

    assert not memory.is_suspect(miss(1900 * MS))
    assert memory.is_suspect(miss(2100 * MS))
    assert not memory.is_suspect(miss(None))


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was served longest ago is forgotten; serving one thing again forgets nothing."""
    monkeypatch.setattr(suspects, "MAX_SERVED", 2)
    monkeypatch.setattr(suspects, "MAX_PROXIES", 1)
    memory = Suspects()
    for version in ("v1", "v2", "v2", "v2", "v3"):
        memory.is_suspect(served(version=version))

    found = [memory.is_suspect(miss(version=version)) for version in ("v1", "v2", "v3")]

    assert found == [False, True, True]
    assert not memory.is_suspect(miss(proxy=B))
    assert len(memory._misses) == 1
