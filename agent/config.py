"""
The agent's configuration: one flat TOML file, each key overridable by the environment.

Knows every key, its default and its bounds; docs/configuration.md says what each is for.
Whether files that it names exist is for those who open them.
"""

import dataclasses
import ipaddress
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

ENV_PREFIX = "MODPULSE_AGENT_"
DEFAULT_PATH = Path("/etc/modpulse/agent.toml")
JOB_VARIABLES = (
    "GITHUB_REPOSITORY", "GITHUB_WORKFLOW", "GITHUB_JOB", "GITHUB_RUN_ID",
    "CI_PROJECT_PATH", "CI_PIPELINE_ID", "CI_JOB_NAME", "CI_JOB_ID",
    "JOB_NAME", "BUILD_NUMBER",
    "BUILDKITE_PIPELINE_SLUG", "BUILDKITE_BUILD_NUMBER",
    "CIRCLE_PROJECT_REPONAME", "CIRCLE_JOB", "CIRCLE_BUILD_NUM",
    "BUILD_DEFINITIONNAME", "BUILD_BUILDID",
    "DRONE_REPO", "DRONE_BUILD_NUMBER",
    "TEAMCITY_BUILDCONF_NAME",
)  # fmt: skip
"""
Which job it was, of GitHub and Gitea, GitLab, Jenkins, Buildkite, CircleCI, Azure Pipelines,
Drone and TeamCity; no variable that holds a secret.
"""

MAX_ITEMS = 64
"""Of one list or table."""
MAX_LABELS = 16
MAX_LABEL_CHARS = 128
"""Of a label's value."""

_AGENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,62}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


class ConfigError(ValueError):
    """The configuration cannot be used; one line for who wrote it."""


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """What the operator can choose; field names are the keys."""

    agent_id: str = ""
    """Name of this machine; empty: a hash of /etc/machine-id."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Sent with each batch, such as site or pool."""
    window_seconds: float = 10.0
    """One batch covers so much."""
    collector_url: str = "http://127.0.0.1:6637"
    ca_file: str = ""
    """CA of the collector's certificate; empty: the system's."""
    token_file: str = ""
    """Its first line is the bearer token; empty: none is sent."""
    tls_certificate: str = ""
    """Client certificate, PEM."""
    tls_key: str = ""
    spool_dir: str = "/var/lib/modpulse-agent/spool"
    spool_max_bytes: int = 64 << 20
    """On disk, in whole blocks: about 16,000 batches, two days of 10 s windows."""
    stalled_after_seconds: float = 30.0
    """A request without an answer is reported as hanging after it."""
    module_key_file: str = ""
    """Names of modules are sent hashed with this key; empty: as they are."""
    go_paths: tuple[str, ...] = ()
    """`go` binaries in unusual places, to probe before they first run."""
    job_variables: tuple[str, ...] = JOB_VARIABLES
    """Environment variables of a `go` that say which CI job it belongs to."""
    ring_bytes: int = 4 << 20
    """Of the ring buffer between kernel and agent."""


def defaults() -> dict[str, Any]:
    """Return every key with its default."""
    plain = AgentConfig()
    return {key.name: getattr(plain, key.name) for key in dataclasses.fields(AgentConfig)}


def parse(text: str, environ: Mapping[str, str]) -> AgentConfig:
    """
    Read the TOML text and the environment's overrides.

    Args:
        text: Of the file.
        environ: `MODPULSE_AGENT_<KEY>` wins; lists are written `a,b`, tables `name=value,…`.

    Raises:
        ConfigError: not TOML, an unknown key, a wrong type or a value out of bounds.
    """
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"not valid TOML: {error}") from None
    known = defaults()
    given = {
        name.removeprefix(ENV_PREFIX).lower(): value
        for name, value in environ.items()
        if name.startswith(ENV_PREFIX)
    }
    unknown = sorted((set(values) | set(given)) - set(known))
    if unknown:
        raise ConfigError(f"unknown key {unknown[0]!r}")
    values |= {key: _from_text(key, value, known[key]) for key, value in given.items()}
    config = AgentConfig(**{key: _typed(key, value, known[key]) for key, value in values.items()})
    _check(config)
    return config


def load(path: Path | None, environ: Mapping[str, str]) -> AgentConfig:
    """
    Read the file; without a path the default one, which may be missing.

    Raises:
        ConfigError: as of `parse`, or the file cannot be read.
    """
    source = path or DEFAULT_PATH
    try:
        return parse(source.read_text("utf-8") if path or source.exists() else "", environ)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{source}: {error}") from None


def _from_text(key: str, text: str, default: Any) -> Any:
    """Read a value as the environment writes it."""
    items = [item.strip() for item in text.split(",") if item.strip()]
    if isinstance(default, tuple):
        return items
    if isinstance(default, dict):
        pairs = [item.partition("=") for item in items]
        if not all(equals for _, equals, _ in pairs):
            raise ConfigError(f"{key} = {text!r}: expected name=value,name=value")
        return {name.strip(): value.strip() for name, _, value in pairs}
    if isinstance(default, int | float):
        try:
            return type(default)(text)
        except ValueError:
            raise ConfigError(f"{key} = {text!r}: expected a number") from None
    return text


def _typed(key: str, value: Any, default: Any) -> Any:
    """Return the value in the default's type."""
    if isinstance(default, tuple) and isinstance(value, list):
        return tuple(_text(key, item) for item in value)
    if isinstance(default, dict) and isinstance(value, dict):
        return {name: _text(f"{key}.{name}", item) for name, item in value.items()}
    if isinstance(default, str):
        return _text(key, value)
    if type(value) is int and abs(value) >> 63:
        raise ConfigError(f"{key}: a number of more than 64 bits")
    if type(value) is type(default) or (type(value) is int and isinstance(default, float)):
        return value
    kinds = {tuple: "a list of texts", dict: "a table of texts", int: "a whole number"}
    raise ConfigError(f"{key} = {value!r}: expected {kinds.get(type(default), 'a number')}")


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{key} = {value!r}: expected text")
    if not value.isprintable():
        raise ConfigError(f"{key} = {value!r}: must be printable text of one line")
    return value


RANGES: Mapping[str, tuple[float, float]] = {
    # Below a second a batch costs more than what is in it; the collector's gates count minutes.
    "window_seconds": (1, 60),
    "stalled_after_seconds": (1, 3600),
    # The largest batch has 1 MiB.
    "spool_max_bytes": (1 << 20, 1 << 40),
    "ring_bytes": (1 << 12, 1 << 30),
}
"""Key -> the least and the most, both allowed."""


def _check(config: AgentConfig) -> None:
    for key, (least, most) in RANGES.items():
        value = getattr(config, key)
        if not least <= value <= most:
            raise ConfigError(f"{key} = {value}: must be from {least} to {most}")
    if config.ring_bytes & (config.ring_bytes - 1):
        raise ConfigError(f"ring_bytes = {config.ring_bytes}: must be a power of two")
    if config.agent_id and not _AGENT_ID.fullmatch(config.agent_id):
        raise ConfigError(
            f"agent_id = {config.agent_id!r}: expected letters, digits and . _ : - (at most 128)"
        )
    if not config.spool_dir.startswith("/"):
        raise ConfigError(f"spool_dir = {config.spool_dir!r}: must be an absolute path")
    _check_labels(config.labels)
    _check_each("go_paths", config.go_paths, lambda path: path.startswith("/"), "absolute paths")
    _check_each(
        "job_variables",
        config.job_variables,
        lambda name: _VARIABLE.fullmatch(name) is not None,
        "names of environment variables",
    )
    _check_transport(config)


def _check_each(
    key: str, items: tuple[str, ...], is_good: Callable[[str], bool], expected: str
) -> None:
    if len(items) > MAX_ITEMS:
        raise ConfigError(f"{key}: {len(items)} entries, at most {MAX_ITEMS} are taken")
    for item in items:
        if not is_good(item):
            raise ConfigError(f"{key}: {item!r}: expected {expected}")


def _check_labels(labels: Mapping[str, str]) -> None:
    if len(labels) > MAX_LABELS:
        raise ConfigError(f"labels: {len(labels)} entries, at most {MAX_LABELS} are taken")
    for name, value in labels.items():
        if not _LABEL.fullmatch(name):
            raise ConfigError(f"labels: {name!r}: expected letters, digits and _ (at most 63)")
        if len(value) > MAX_LABEL_CHARS:
            raise ConfigError(f"labels.{name}: longer than {MAX_LABEL_CHARS} characters")


def _check_transport(config: AgentConfig) -> None:
    url = _split(config.collector_url)
    if bool(config.tls_certificate) != bool(config.tls_key):
        raise ConfigError("tls_certificate and tls_key belong together")
    if url.scheme == "https":
        return
    for key in ("ca_file", "tls_certificate"):
        if getattr(config, key):
            raise ConfigError(f"{key} needs a collector_url that begins with https://")
    if config.token_file and not _is_loopback(url.hostname or ""):
        raise ConfigError(
            f"collector_url = {config.collector_url!r}: the token would travel in the clear; "
            "beyond loopback it needs https://"
        )


def _split(text: str) -> SplitResult:
    if "@" in text:
        # Without the value: it may hold a password.
        raise ConfigError("collector_url: must not name a user; see token_file")
    try:
        url = urlsplit(text)
        is_good = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        is_good = False
    if not is_good or not text.isascii() or re.search(r"[\s?#]", text):
        raise ConfigError(f"collector_url = {text!r}: expected http(s)://host[:port]")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
