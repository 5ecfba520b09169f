"""
The collector's configuration: one flat TOML file, each key overridable by the environment.

Knows every key, its default and its bounds; docs/configuration.md says what each is for.
"""

import dataclasses
import ipaddress
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import ConfigError
from .gates import Rules
from .score import Formula

ENV_PREFIX = "MODPULSE_COLLECTOR_"
DEFAULT_PATH = Path("/etc/modpulse/collector.toml")


@dataclass(frozen=True, slots=True)
class Config:
    """What the operator can choose; field names are the keys."""

    listen: str = "127.0.0.1:6637"
    """`address:port`; 6637 spells MODP on a telephone, and IANA has assigned it to nobody."""
    database: str = "/var/lib/modpulse-collector/collector.db"
    token_file: str = ""
    """Bearer tokens, one per line; empty: none is asked for (loopback only)."""
    tls_certificate: str = ""
    tls_key: str = ""
    tls_client_ca: str = ""
    """CA of agents' client certificates; empty: none is asked for."""
    window_s: float = 10.0
    """How often the gates are evaluated."""
    max_batch_bytes: int = 1 << 20
    read_timeout_s: float = 10.0
    """For the head and for the body of a request: slow clients are cut off."""
    max_connections: int = 12_000
    queue_batches: int = 2_000
    """Batches that may wait for the disk before agents are told to come again."""
    minute_retention_h: float = 24.0
    hour_retention_d: float = 90.0
    url: str = "http://127.0.0.1:6637"
    """Where `modpulse status` asks."""
    ca_file: str = ""
    """CA of the collector's certificate, for `modpulse status`; empty: the system's."""
    formula: Formula = field(default_factory=Formula)
    rules: Rules = field(default_factory=Rules)

    @property
    def host(self) -> str:
        """The address to bind."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port to bind; 0 lets the kernel choose."""
        return int(self.listen.rpartition(":")[2])

    @property
    def tls(self) -> bool:
        """Whether the API speaks TLS."""
        return bool(self.tls_certificate)


GROUPS: dict[str, type[Any]] = {"formula": Formula, "rules": Rules}
"""Fields of Config that are themselves flat sets of keys."""


def defaults() -> dict[str, Any]:
    """Return every key with its default."""
    own = {key.name: key.default for key in dataclasses.fields(Config) if key.name not in GROUPS}
    groups = (key for group in GROUPS.values() for key in dataclasses.fields(group))
    return own | {key.name: key.default for key in groups}


def parse(text: str, environment: Mapping[str, str]) -> Config:
    """
    Read the TOML text and the environment's overrides.

    Raises:
        ConfigError: not TOML, an unknown key, a wrong type or a value out of bounds.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"not valid TOML: {error}") from None
    known = defaults()
    values |= {
        name.removeprefix(ENV_PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(ENV_PREFIX)
    }
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ConfigError(f"unknown key {unknown[0]!r}")
    typed = {key: _typed(key, value, known[key]) for key, value in values.items()}
    groups = {
        name: group(**{key: typed.pop(key) for key in _names(group) if key in typed})
        for name, group in GROUPS.items()
    }
    config = Config(**typed, **groups)
    _check(config)
    return config


def load(path: Path | None, environment: Mapping[str, str]) -> Config:
    """
    Read the file; without a path the default one, which may be missing.

    Raises:
        ConfigError: as of `parse`, or the file cannot be read.
    """
    source = path or DEFAULT_PATH
    try:
        text = source.read_text(encoding="utf-8") if path or source.exists() else ""
        return parse(text, environment)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{source}: {error}") from None
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from None


def _names(group: type[Any]) -> list[str]:
    return [key.name for key in dataclasses.fields(group)]


def _typed(key: str, value: Any, default: Any) -> Any:
    """Return the value in the default's type; text comes from the environment."""
    kind = type(default)
    if kind is str:
        if isinstance(value, str):
            return value
    elif isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            number = kind(value)
        except (ValueError, OverflowError):
            number = None
        # int() would cut 2.5 down to 2 without a word.
        if number is not None and (isinstance(value, str) or number == value):
            return number
    raise ConfigError(f"{key} = {value!r}: expected {'text' if kind is str else kind.__name__}")


def _check(config: Config) -> None:
    host, colon, port = config.listen.rpartition(":")
    if not (colon and host and port.isdecimal() and int(port) < 65536):
        raise ConfigError(f"listen = {config.listen!r}: expected address:port")
    try:
        address = ipaddress.ip_address(config.host)
    except ValueError:
        raise ConfigError(f"listen = {config.listen!r}: expected an IP address") from None
    if not address.is_loopback and not (config.tls and config.token_file):
        raise ConfigError(
            f"listen = {config.listen!r}: an address beyond loopback needs "
            "tls_certificate, tls_key and token_file"
        )
    if bool(config.tls_certificate) != bool(config.tls_key):
        raise ConfigError("tls_certificate and tls_key belong together")
    if config.tls_client_ca and not config.tls:
        raise ConfigError("tls_client_ca needs tls_certificate and tls_key")
    _check_numbers(config)


SHARES = frozenset({"prior_success", "slo_success", "slo_confidence", "success_one"})
"""Keys that are ratios strictly between 0 and 1."""
FROM_ZERO = frozenset(
    {"weight_success", "weight_latency", "weight_certificate", "success_zero", "suspect_share"}
)
"""Keys that may be 0 but not above 1."""


def _check_numbers(config: Config) -> None:
    values: dict[str, Any] = {}
    for group in (config, config.formula, config.rules):
        values |= {key.name: getattr(group, key.name) for key in dataclasses.fields(group)}
    for key, value in values.items():
        if not isinstance(value, int | float):
            continue
        if key in SHARES:
            good, bound = 0 < value < 1, "between 0 and 1"
        elif key in FROM_ZERO:
            good, bound = 0 <= value <= 1, "from 0 to 1"
        else:
            good, bound = 0 < value < 1e12, "above 0"
        if not good:
            raise ConfigError(f"{key} = {value}: must be {bound}")
    formula = config.formula
    if formula.success_zero >= formula.success_one:
        raise ConfigError(f"success_zero = {formula.success_zero}: must be below success_one")
    if not formula.weight_success:
        raise ConfigError("weight_success = 0: S is the one part that is always known")
    if formula.certificate_soon_days > formula.certificate_good_days:
        raise ConfigError("certificate_soon_days: must not be above certificate_good_days")
