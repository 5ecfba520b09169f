"""How `go` settles a setting."""

import re

import pytest

from modpulse.agent.machine.goenv import effective, module_cache, parse_settings, unusable


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


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"GOPATH": "relative"}, "GOPATH "),
        ({"GOPATH": "/go:~/go"}, "GOPATH "),
        ({"GOPATH": "/go::/other"}, None),
        ({"GOOS": "macos"}, "GOOS "),
        ({"GOARCH": "x86_64"}, "GOARCH "),
        ({"GOOS": "windows", "GOARCH": "s390x"}, "GOOS and GOARCH .* windows/s390x"),
        ({"GOARCH": "wasm"}, "GOOS and GOARCH .* linux/wasm"),
        ({"GOOS": "js", "GOARCH": "wasm"}, None),
        ({"GOOS": "darwin"}, None),
        ({}, None),
    ],
)
def test_what_ends_go_at_once(environ: dict, words: str | None) -> None:
    """A value that go cannot use is named, without it where it may be anything."""
    found = unusable(environ, {})

    assert (found is None) is (words is None)
    assert words is None or re.match(words, found or "")


def test_what_is_set_for_good() -> None:
    """The file of `go env -w` counts as the environment does."""
    assert unusable({}, {"GOOS": "nonsense"}) == unusable({"GOOS": "nonsense"}, {})


@pytest.mark.parametrize(
    ("environ", "settings", "expected"),
    [
        ({"GOMODCACHE": "/m", "GOPATH": "/p", "HOME": "/h"}, {}, "/m"),
        ({"HOME": "/h"}, {"GOMODCACHE": "/s"}, "/s"),
        ({"GOPATH": "/p:/q", "HOME": "/h"}, {}, "/p/pkg/mod"),
        ({"HOME": "/h"}, {}, "/h/go/pkg/mod"),
        ({}, {}, None),
    ],
)
def test_module_cache(environ: dict, settings: dict, expected: str | None) -> None:
    """The environment, the user's file, GOPATH, and at last the home folder."""
    assert module_cache(environ, settings) == expected
