"""Rules of the collector's configuration."""

import re
from pathlib import Path

import pytest

from modpulse.agent.batch.batch import MAX_BATCH_BYTES
from modpulse.agent.service import keys
from modpulse.agent.service.errors import ConfigError
from modpulse.collector.config import Config, load, parse

DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_empty_is_the_defaults() -> None:
    """Nothing configured is a working collector on loopback."""

    assert parse("", {}) == Config()


def test_environment_overrides_the_file() -> None:
    """MODPULSE_COLLECTOR_<KEY> wins over the file, in the key's type."""
    config = parse(
        'window_seconds = 5\nslow_seconds = 0.1\nlisten = "127.0.0.1:1"',
        {
            "MODPULSE_COLLECTOR_WINDOW_SECONDS": "2.5",
            "MODPULSE_COLLECTOR_ENTER_WINDOWS": "1",
            "HOME": "/",
        },
    )

    assert (config.window_seconds, config.rules.slow_seconds, config.port) == (2.5, 0.1, 1)
    assert config.rules.enter_windows == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("windows_s = 1", "unknown key 'windows_s'"),
        ("window_seconds = ", "not valid TOML"),
        ('window_seconds = "soon"', "window_seconds = 'soon': expected a number"),
        ("window_seconds = true", "expected a number"),
        ("window_seconds = nan", "window_seconds = nan"),
        ("window_seconds = 0", "window_seconds = 0: must be from 0.05 to 300"),
        ("outage_failures = 2.5", "outage_failures = 2.5: expected a whole number"),
        ("slo_success = 1", "slo_success = 1: must be from 0.01 to 0.999"),
        ("suspect_share = 1", "must be from 0 to 0.99"),
        ("max_connections = 7", "must be from 8 to 1000000"),
        ("listen = 1", "listen = 1: expected text"),
        ('listen = "127.0.0.1"', "expected address:port"),
        ('listen = "127.0.0.1:70000"', "expected address:port"),
        ('listen = "localhost:1"', "expected an IP address"),
        ('listen = "0.0.0.0:6637"', "beyond loopback needs"),
        ('listen = "[::]:6637"\ntoken_file = "t"', "beyond loopback needs"),
        ('tls_key = "k"', "belong together"),
        ('host_names = ["collector.corp:80"]', "'collector.corp:80': expected a name or an addr"),
        ('forwarded_user_from = ["proxy.corp"]', "'proxy.corp': expected an IP address or a net"),
        ('forwarded_user_from = ["10.1.0.1/24"]', "expected an IP address or a network"),
        ('tls_client_ca = "c"', "tls_client_ca needs"),
        ("success_zero = 0.96", "must be below success_one"),
        ("certificate_soon_days = 31", "must not be above"),
        ("weight_success = 0", "must be from 0.01 to 1"),
        ("latency_middle_seconds = 3", "must not be above latency_limit_seconds = 2.0"),
        ("recent_seconds = 601", "recent_seconds = 601: must be from 10 to 600"),
        ("hour_retention_days = 1\nminute_retention_hours = 25", "must not be longer than"),
        ("objective = 0.9", "all requests are 10 times: choose more than 0.931"),
        ("enter_windows = 361", "of window_seconds = 10.0 are more than 3600 s"),
        ("half_life_seconds = 0", "half_life_seconds = 0: must be from 1 to 86400"),
        ("slow_seconds = inf", "slow_seconds = inf: must be"),
        ("outage_failures = inf", "outage_failures = inf: expected a whole number"),
        ("outage_failures = 1" + "0" * 5000, "not valid TOML"),
        ("slow_seconds = 1" + "0" * 400, "slow_seconds = 1000"),
        ("slow_seconds = " + "[" * 5000, "not valid TOML"),
        ('database = "a\\u0000b"', "must be printable text"),
        ("slow_seconds = 2020-01-01", "expected a number"),
        ("[gates]\nslow_seconds = 1", "unknown key 'gates'"),
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
    rows = re.findall(r"^\| `(\w+)` \| `([^`]*)` \|([^|]*)\|", section, re.MULTILINE)
    documented = {key: default for key, default, _ in rows}
    bounds = {key: bound.strip() for key, _, bound in rows if bound.strip()}
    expected = {
        key: f'"{value}"' if isinstance(value, str) else f"{value}"
        for key, value in keys.defaults(Config).items()
    }

    assert documented == expected
    assert bounds == {
        key: f"{least:.15g} to {most:.15g}" for key, (least, most) in keys.bounds(Config).items()
    }


def test_no_batch_larger_than_any() -> None:
    """What the schema refuses cannot be allowed by a key."""
    assert parse(f"max_batch_bytes = {MAX_BATCH_BYTES}", {}).max_batch_bytes == MAX_BATCH_BYTES
    with pytest.raises(ConfigError, match="from 1024 to 1048576"):
        parse(f"max_batch_bytes = {MAX_BATCH_BYTES + 1}", {})
