"""How `go` settles a setting."""

import pytest

from modpulse.agent.goenv import effective, parse_settings


def test_settings_file() -> None:
    """KEY=VALUE lines count; comments, lower case and lines without a value do not."""
    text = "GOPROXY=https://a,direct\n# GOSUMDB=off\nlower=x\nGOFLAGS\nGOBIN=\nA=b=c\n"

    assert parse_settings(text) == {"GOPROXY": "https://a,direct", "GOBIN": "", "A": "b=c"}


@pytest.mark.parametrize(
    ("environ", "settings", "expected"),
    [
        ({"GOSUMDB": "off"}, {"GOSUMDB": "on"}, "off"),
        ({"GOSUMDB": ""}, {"GOSUMDB": "on"}, "on"),
        ({}, {"GOSUMDB": "on"}, "on"),
        ({}, {"GOSUMDB": ""}, None),
        ({}, {}, None),
    ],
)
def test_effective(environ: dict, settings: dict, expected: str | None) -> None:
    """The environment wins; empty is not set."""
    assert effective("GOSUMDB", environ, settings) == expected
