"""Rules of the collector's configuration."""

import re
from pathlib import Path

import pytest

from modpulse.collector.config import Config, defaults, load, parse
from modpulse.collector.errors import ConfigError

DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_empty_is_the_defaults() -> None:
    """Nothing configured is a working collector on loopback."""

    assert parse("", {}) == Config()


def test_environment_overrides_the_file() -> None:
    """MODPULSE_COLLECTOR_<KEY> wins over the file, in the key's type."""
    config = parse(
        'window_s = 5\nslow_ms = 100\nlisten = "127.0.0.1:1"',
        {
            "MODPULSE_COLLECTOR_WINDOW_S": "2.5",
            "MODPULSE_COLLECTOR_ENTER_WINDOWS": "1",
            "HOME": "/",
        },
    )

    assert (config.window_s, config.rules.slow_ms, config.port) == (2.5, 100.0, 1)
    assert config.rules.enter_windows == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("windows_s = 1", "unknown key 'windows_s'"),
        ("window_s = ", "not valid TOML"),
        ('window_s = "soon"', "window_s = 'soon': expected float"),
        ("window_s = true", "expected float"),
        ("window_s = nan", "window_s = nan"),
        ("window_s = 0", "must be above 0"),
        ("outage_failures = 2.5", "outage_failures = 2.5: expected int"),
        ("slo_success = 1", "slo_success = 1.0: must be between 0 and 1"),
        ("suspect_share = 2", "must be from 0 to 1"),
        ("listen = 1", "listen = 1: expected text"),
        ('listen = "127.0.0.1"', "expected address:port"),
        ('listen = "127.0.0.1:70000"', "expected address:port"),
        ('listen = "localhost:1"', "expected an IP address"),
        ('listen = "0.0.0.0:6637"', "beyond loopback needs"),
        ('listen = "[::]:6637"\ntoken_file = "t"', "beyond loopback needs"),
        ('tls_key = "k"', "belong together"),
        ('tls_client_ca = "c"', "tls_client_ca needs"),
        ("success_zero = 0.96", "must be below success_one"),
        ("certificate_soon_days = 31", "must not be above"),
        ("weight_success = 0", "always known"),
        ("[gates]\nslow_ms = 1", "unknown key 'gates'"),
    ],
)
def test_mistakes_are_named(text: str, words: str) -> None:
    """Each mistake is one message with key, value and what was expected."""
    with pytest.raises(ConfigError, match=re.escape(words)):
        parse(text, {})


def test_beyond_loopback_with_tls_and_tokens() -> None:
    """Any other bind is fine with TLS and a token file."""
    text = 'listen = "[::]:6637"\ntls_certificate = "c"\ntls_key = "k"\ntoken_file = "t"'

    assert parse(text, {}).host == "::"


def test_missing_file(tmp_path: Path) -> None:
    """A file that was named must be there."""
    with pytest.raises(ConfigError, match=r"no\.toml"):
        load(tmp_path / "no.toml", {})


def test_every_key_is_documented() -> None:
    """docs/configuration.md has a row for every key with its default, and no other."""
    section = DOCUMENT.read_text().split("## Collector", 1)[1].split("\n## ", 1)[0]
    documented = dict(re.findall(r"^\| `(\w+)` \| `([^`]*)` \|", section, re.MULTILINE))
    expected = {
        key: f'"{value}"' if isinstance(value, str) else f"{value}"
        for key, value in defaults().items()
    }

    assert documented == expected
