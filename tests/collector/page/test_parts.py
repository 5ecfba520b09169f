"""Rules of what requests have in common."""

from histories import history, point, series

from modpulse.collector.page.parts import part_rows, top_cause


def test_rows() -> None:
    """Each value with its share of all requests, and what it failed of most."""
    failing = series(point(ok=1), name="b", failures={"tcp.reset": 1, "http.5xx": 2})
    first, second = part_rows(history(series(point(ok=6), name=""), failing, by="site"))

    assert (first.name, first.share, first.failure_ratio, first.cause) == ("", 0.6, 0.0, None)
    assert (second.share, second.failed, second.failure_ratio) == (0.4, 3, 0.75)
    assert second.cause == "http.5xx"
    assert part_rows(None) == []


def test_the_top_cause_is_one() -> None:
    """Of two alike the first by name, so that a page is the same when it is made again."""
    assert top_cause({"b": 2, "a": 2, "c": 1}) == "a"
    assert top_cause({}) is None
