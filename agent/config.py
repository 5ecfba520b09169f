"""
The agent's configuration: one flat TOML file, each key overridable by the environment.

Knows every key, its default and its bounds; docs/configuration.md says what each is for.
Whether files that it names exist is for those who open them.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from .service import keys
from .service.errors import ConfigError
from .service.keys import number
from .service.loopback import is_loopback
from .service.settings import load_settings

ENV_PREFIX = "MODPULSE_AGENT_"
RELOADED = frozenset({
    "collector_url", "ca_file", "token_file", "tls_certificate", "tls_key", "labels",
    "window_seconds",
})  # fmt: skip
"""Keys that may change while an agent watches: no probe and no batch that waits hangs on them."""
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
MAX_LABEL_BYTES = 128
"""Of a label's value in UTF-8, as a batch takes it."""

_AGENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,62}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """What the operator can choose; field names are the keys."""

    agent_id: str = ""
    """Name of this machine; empty: a hash of /etc/machine-id."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Sent with each batch, such as site or pool."""
    window_seconds: float = number(10.0, 1, 60)
    """One batch covers so much. Below a second it would cost more than what is in it; the
    collector's gates count minutes."""
    collector_url: str = "http://127.0.0.1:6637"
    ca_file: str = ""
    """CA of the collector's certificate; empty: the system's."""
    token_file: str = ""
    """Its first line is the bearer token; empty: none is sent."""
    tls_certificate: str = ""
    """Client certificate, PEM."""
    tls_key: str = ""
    spool_dir: str = "/var/lib/modpulse-agent/spool"
    spool_max_bytes: int = number(64 << 20, 1 << 20, 1 << 40)
    """On disk, in whole blocks: about 16,000 batches, two days of 10 s windows. The largest batch
    has 1 MiB."""
    stalled_after_seconds: float = number(30.0, 1, 3600)
    """A request without an answer is reported as hanging after it."""
    module_key_file: str = ""
    """Names of modules are sent hashed with this key; empty: as they are."""
    go_paths: tuple[str, ...] = ()
    """`go` binaries in unusual places, to probe before they first run."""
    job_variables: tuple[str, ...] = JOB_VARIABLES
    """Environment variables of a `go` that say which CI job it belongs to."""
    ring_bytes: int = number(4 << 20, 1 << 12, 1 << 30)
    """Of the ring buffer between kernel and agent."""


def parse(text: str, environ: Mapping[str, str]) -> AgentConfig:
    """
    Read the TOML text and the environment's overrides, see `keys.parse`.

    Raises:
        ConfigError: not TOML, an unknown key, a wrong type or a value out of bounds.
    """
    config = keys.parse(AgentConfig, text, ENV_PREFIX, environ)
    check(config)
    return config


def load(path: Path | None, environ: Mapping[str, str]) -> AgentConfig:
    """
    Read the file; without a path the default one, which may be missing.

    Raises:
        ConfigError: as of `parse`, or the file cannot be read.
    """
    return load_settings(path, DEFAULT_PATH, ENV_PREFIX, environ, parse)


def reloaded(before: AgentConfig, after: AgentConfig) -> tuple[AgentConfig, tuple[str, ...]]:
    """Return what counts once a file was changed, and the keys whose change needs a restart."""
    changed = [key for key, value in keys.values_of(after).items() if getattr(before, key) != value]
    taken = {key: getattr(after, key) for key in changed if key in RELOADED}
    return replace(before, **taken), tuple(key for key in changed if key not in RELOADED)


def check(config: AgentConfig) -> None:
    """
    Check what is more than a number within its bounds, and what belongs together.

    Raises:
        ConfigError: a value out of bounds.
    """
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
        size = len(value.encode("utf-8", "surrogatepass"))
        if size > MAX_LABEL_BYTES:
            raise ConfigError(f"labels.{name}: {size} bytes, at most {MAX_LABEL_BYTES} are taken")


def _check_transport(config: AgentConfig) -> None:
    url = _split(config.collector_url)
    if bool(config.tls_certificate) != bool(config.tls_key):
        raise ConfigError("tls_certificate and tls_key belong together")
    if url.scheme == "https":
        return
    for key in ("ca_file", "tls_certificate"):
        if getattr(config, key):
            raise ConfigError(f"{key} needs a collector_url that begins with https://")
    if config.token_file and not is_loopback(url.hostname or ""):
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
        raise ConfigError(
            f"collector_url = {text!r}: expected http or https, a host and perhaps a port"
        )
    return url
