"""
The collector's configuration: one TOML file; the environment wins over each key that is no table.

Knows every key, its default and its bounds; docs/configuration.md says what each is for.
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from modpulse.agent.batch.batch import MAX_BATCH_BYTES
from modpulse.agent.service import keys
from modpulse.agent.service.errors import ConfigError
from modpulse.agent.service.keys import choice, number, tables
from modpulse.agent.service.settings import load_settings

from .alerts.burn import never
from .alerts.maintenance import Window
from .alerts.rules import Alerting
from .channels.channel import Channel, check_names
from .health.evidence import HORIZON_S
from .health.gates import Rules
from .health.score import Formula

ENV_PREFIX = "MODPULSE_COLLECTOR_"
DEFAULT_PATH = Path("/etc/modpulse/collector.toml")
MAX_STEPS_S = 3600
"""Windows that a gate waits for, together: an hour late is no alarm."""
_HOST_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63}){0,31}\.?")
NOT_ABOVE = (
    ("certificate_soon_days", "certificate_good_days"),
    ("latency_middle_seconds", "latency_limit_seconds"),
)
"""Pairs of which the first must not be above the second."""


@dataclass(frozen=True, slots=True)
class Config:
    """What the operator can choose; field names are the keys."""

    listen: str = "127.0.0.1:6637"
    """`address:port`; 6637 spells MODP on a telephone, and IANA has assigned it to nobody."""
    health_listen: str = ""
    """`address:port` where /healthz and /readyz are answered whatever else happens, without TLS;
    empty: nowhere else."""
    database: str = "/var/lib/modpulse-collector/collector.db"
    token_file: str = ""
    """Its first line is what commands send. Where there is no `access_file` each line is a bearer
    token that may ship and read; empty too: none is asked for (loopback only)."""
    access_file: str = ""
    """Who may do what, by hashes of tokens and names of certificates; empty: as `token_file` has
    it."""
    tls_certificate: str = ""
    tls_key: str = ""
    tls_client_ca: str = ""
    """CA of agents' client certificates; empty: none is asked for."""
    window_seconds: float = number(10.0, 0.05, HORIZON_S / 2)
    """How often the gates are evaluated."""
    max_batch_bytes: int = number(MAX_BATCH_BYTES, 1024, MAX_BATCH_BYTES)
    read_timeout_seconds: float = number(10.0, 0.1, 600)
    """For the handshake, the head and the body of a request: slow clients are cut off."""
    max_connections: int = number(12_000, 8, 1_000_000)
    """Of strangers and those we know."""
    queue_batches: int = number(2_000, 1, 1_000_000)
    """Batches that may wait for the disk before agents are told to come again."""
    minute_retention_hours: float = number(24.0, 1, 24 * 366)
    hour_retention_days: float = number(90.0, 1, 3660)
    day_retention_days: float = number(730.0, 1, 3660)
    database_max_mib: int = number(4_096, 64, 16 << 20)
    """What is in the file, not its length; beyond it the history is kept for less long."""
    audit_retention_days: float = number(180.0, 1, 3660)
    public_summary: str = choice("off", "on")
    """Whether anybody may read GET /api/v1/public: counts, without names."""
    host_names: tuple[str, ...] = ()
    """Names by which the collector is asked, beside loopback's and the address of `listen`, where
    no token is needed."""
    forwarded_user_from: tuple[str, ...] = ()
    """Addresses or networks of reverse proxies whose `X-Forwarded-User` says who looks at a page;
    empty: nobody's."""
    collector_url: str = "http://127.0.0.1:6637"
    """Where `modpulse status` asks."""
    ca_file: str = ""
    """CA of the collector's certificate, for `modpulse status`; empty: the system's."""
    formula: Formula = field(default_factory=Formula)
    rules: Rules = field(default_factory=Rules)
    alerting: Alerting = field(default_factory=Alerting)
    channel: tuple[Channel, ...] = tables(Channel)
    maintenance: tuple[Window, ...] = tables(Window)

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


def parse(text: str, environ: Mapping[str, str]) -> Config:
    """
    Read the TOML text and the environment's overrides, see `keys.parse`.

    Raises:
        ConfigError: not TOML, an unknown key, a wrong type or a value out of bounds.
    """
    config = keys.parse(Config, text, ENV_PREFIX, environ)
    _check(config)
    return config


def load(path: Path | None, environ: Mapping[str, str]) -> Config:
    """
    Read the file; without a path the default one, which may be missing.

    Raises:
        ConfigError: as of `parse`, or the file cannot be read.
    """
    return load_settings(path, DEFAULT_PATH, ENV_PREFIX, environ, parse)


def _check(config: Config) -> None:
    host, colon, port = config.listen.rpartition(":")
    if not (colon and host and port.isdecimal() and int(port) < 65536):
        raise ConfigError(f"listen = {config.listen!r}: expected address:port")
    try:
        address = ipaddress.ip_address(config.host)
    except ValueError:
        raise ConfigError(f"listen = {config.listen!r}: expected an IP address") from None
    if not address.is_loopback and not (config.tls and (config.access_file or config.token_file)):
        raise ConfigError(
            f"listen = {config.listen!r}: an address beyond loopback needs "
            "tls_certificate, tls_key and access_file (or token_file)"
        )
    if config.health_listen:
        host, colon, port = config.health_listen.rpartition(":")
        if not (colon and port.isdecimal() and int(port) < 65536 and _is_address(host)):
            raise ConfigError(
                f"health_listen = {config.health_listen!r}: expected address:port, of an IP address"
            )
    if bool(config.tls_certificate) != bool(config.tls_key):
        raise ConfigError("tls_certificate and tls_key belong together")
    if config.tls_client_ca and not config.tls:
        raise ConfigError("tls_client_ca needs tls_certificate and tls_key")
    _check_hosts("host_names", config.host_names)
    _check_networks("forwarded_user_from", config.forwarded_user_from)
    for channel in config.channel:
        channel.check()
    for window in config.maintenance:
        window.check()
    check_names(config.channel)
    _check_together(config)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _check_hosts(key: str, names: Iterable[str]) -> None:
    for name in names:
        if not (_HOST_NAME.fullmatch(name) or _is_address(name)):
            raise ConfigError(f"{key} = {name!r}: expected a name or an address, without a port")


def _check_networks(key: str, networks: Iterable[str]) -> None:
    for network in networks:
        try:
            ipaddress.ip_network(network)
        except ValueError:
            raise ConfigError(
                f"{key} = {network!r}: expected an IP address or a network such as 10.1.0.0/24"
            ) from None


def _check_together(config: Config) -> None:
    """Refuse numbers beyond which a gate could never fire, or nothing add up."""
    values = keys.values_of(config)
    for key, other in NOT_ABOVE:
        if values[key] > values[other]:
            raise ConfigError(f"{key} = {values[key]}: must not be above {other} = {values[other]}")
    objective = config.alerting.objective
    pair = never(objective)
    if pair:
        raise ConfigError(
            f"objective = {objective}: an alert wants {pair.factor:g} times the failures that it "
            f"allows, and all requests are {1 / (1 - objective):.3g} times: "
            f"choose more than {1 - 1 / pair.factor:.3f}"
        )
    formula, rules = config.formula, config.rules
    if formula.success_zero >= formula.success_one:
        raise ConfigError(
            f"success_zero = {formula.success_zero}: must be below "
            f"success_one = {formula.success_one}"
        )
    if config.minute_retention_hours > 24 * config.hour_retention_days:
        raise ConfigError(
            f"minute_retention_hours = {config.minute_retention_hours}: must not be longer than "
            f"hour_retention_days = {config.hour_retention_days}"
        )
    if config.hour_retention_days > config.day_retention_days:
        raise ConfigError(
            f"hour_retention_days = {config.hour_retention_days}: must not be longer than "
            f"day_retention_days = {config.day_retention_days}"
        )
    for key in ("enter_windows", "leave_windows"):
        if getattr(rules, key) * config.window_seconds > MAX_STEPS_S:
            raise ConfigError(
                f"{key} = {values[key]}: of window_seconds = {config.window_seconds} are more than "
                f"{MAX_STEPS_S} s"
            )
