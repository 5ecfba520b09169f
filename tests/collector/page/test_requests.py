"""Rules of single requests in a list."""

from dataclasses import replace

from histories import MS, REQUEST

from modpulse.collector.page.requests import longest_ms, request_lines


def test_a_request_is_told_with_its_phases() -> None:
    """In their order, and what nothing is known of as the rest."""
    (line,) = request_lines([REQUEST], 7)

    assert line.what == "mod.example/m@v1.0.0 zip"
    assert (line.at_ns, line.elapsed_ms, line.is_failure) == (12, 100.0, True)
    assert line.phases_ms == (("wait", 30.0), ("transfer", 20.0), ("rest", 50.0))
    assert (line.where, line.host) == ("a.example", "/host?agent=build-1")
    assert "secret" not in line.evidence


def test_what_is_not_known_is_left_out() -> None:
    """A URL that is none of the protocol's has no module; phases may be longer than the whole."""
    bare = replace(REQUEST, endpoint=None, module=None, version=None, evidence=None, host=None,
                   elapsed_ns=MS)  # fmt: skip
    (line,) = request_lines([bare], 0)

    assert (line.what, line.evidence, line.where) == ("", "", "")
    assert line.phases_ms == (("wait", 30.0), ("transfer", 20.0))
    assert longest_ms([line]) == 1.0
    assert longest_ms([]) == 0.0
