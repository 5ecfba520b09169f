"""Rules of the agent's configuration: one bad file per way to be wrong."""

import dataclasses
import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.commands.startup import check_sendable
from modpulse.agent.config import (
    ENV_PREFIX,
    JOB_VARIABLES,
    AgentConfig,
    ConfigError,
    check,
    load,
    parse,
)
from modpulse.agent.service import keys

FILES = Path(__file__).parent.parent / "config"
DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"
NO_URL = "expected http or https, a host and perhaps a port"
BAD = {
    "agent-id": "agent_id = 'build 7': expected letters, digits and . _ : - (at most 128)",
    "bool": "spool_max_bytes = True: expected a whole number",
    "ca-without-tls": "ca_file needs a collector_url that begins with https://",
    "certificate-without-key": "tls_certificate and tls_key belong together",
    "fraction": "ring_bytes = 4096.5: expected a whole number",
    "label-name": "labels: 'a-b': expected letters, digits and _ (at most 63)",
    "label-value": "labels.site = 1: expected text",
    "labels-list": "labels = ['site']: expected a table of texts",
    "not-a-number": "window_seconds = nan: must be from 1 to 60",
    "odd-ring": "ring_bytes = 5000: must be a power of two",
    "paths-text": "go_paths = '/opt/go': expected a list of texts",
    "relative-go": "go_paths: 'go': expected absolute paths",
    "relative-spool": "spool_dir = 'spool': must be an absolute path",
    "small-spool": "spool_max_bytes = 4096: must be from 1048576 to 1099511627776",
    "syntax": "not valid TOML: Invalid value (at line 1, column 17)",
    "text-for-number": "window_seconds = '10': expected a number",
    "token-in-the-clear": (
        "collector_url = 'http://collector.corp.example:6637': the token would travel in the "
        "clear; beyond loopback it needs https://"
    ),
    "too-short-window": "window_seconds = 0.2: must be from 1 to 60",
    "two-lines": "spool_dir = '/a\\nb': must be printable text of one line",
    "unknown-key": "unknown key 'windows_seconds'",
    "url-password": "collector_url: must not name a user; see token_file",
    "url-port": f"collector_url = 'http://collector:99999': {NO_URL}",
    "url-query": f"collector_url = 'https://collector/?a=b': {NO_URL}",
    "url-scheme": f"collector_url = 'ftp://collector': {NO_URL}",
    "variable": "job_variables: 'CI JOB': expected names of environment variables",
}


def test_nothing_is_needed() -> None:
    """An empty file gives the defaults, and these pass their own checks."""

    assert AgentConfig() == parse("", {})


def test_every_key() -> None:
    """The file with every key is read, and each differs from its default."""
    config = load(FILES / "good-agent.toml", {})

    assert [
        key for key, value in keys.defaults(AgentConfig).items() if getattr(config, key) == value
    ] == []
    assert config.labels == {"site": "fra1", "pool": "arm"}
    assert config.window_seconds == 5.0


def test_each_bad_file_is_listed() -> None:
    """There is no bad file without its message."""

    assert sorted(BAD) == sorted(p.stem[10:] for p in FILES.glob("bad-agent-*.toml"))


@pytest.mark.parametrize("reason", sorted(BAD))
def test_bad_files(reason: str) -> None:
    """The message names the file, the key, the value and what was expected."""
    path = FILES / f"bad-agent-{reason}.toml"
    with pytest.raises(ConfigError) as caught:
        load(path, {})

    assert str(caught.value) == f"{path}: {BAD[reason]}"


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("collector_url", "http://[::1]:1", "http://[::1]:1"),
        ("window_seconds", "2.5", 2.5),
        ("ring_bytes", "8192", 8192),
        ("labels", "site=fra1, note = a=b", {"site": "fra1", "note": "a=b"}),
        ("go_paths", "/a/go,/b/go", ("/a/go", "/b/go")),
        ("job_variables", "", ()),
    ],
)
def test_the_environment_wins(key: str, text: str, expected: object) -> None:
    """MODPULSE_AGENT_<KEY> overrides the file; lists and tables are written with commas."""
    file = 'collector_url = "https://c"\nwindow_seconds = 7'
    config = parse(file, {f"MODPULSE_AGENT_{key.upper()}": text, "MODPULSE_OTHER": "x"})

    assert expected == getattr(config, key)


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"MODPULSE_AGENT_RING_BYTES": "1k"}, "ring_bytes = '1k': expected a number"),
        ({"MODPULSE_AGENT_RING_BYTES": "9" * 5000}, "expected a number"),
        ({"MODPULSE_AGENT_WINDOW_SECONDS": "\u0663\u0660"}, "expected a number"),
        (
            {"MODPULSE_AGENT_SPOOL_MAX_BYTES": "9" * 20},
            "spool_max_bytes = 9999999999",
        ),
        ({"MODPULSE_AGENT_LABELS": "site"}, "labels = 'site': expected name=value,name=value"),
        ({"MODPULSE_AGENT_WINDOW_SECONDS": "inf"}, "window_seconds = inf: must be"),
        ({"MODPULSE_AGENT_GO_PATHS": ",".join(["/go"] * 65)}, "go_paths: 65 entries"),
    ],
)
def test_a_bad_environment(environ: dict[str, str], message: str) -> None:
    """What the environment says is checked as the file is."""
    with pytest.raises(ConfigError) as caught:
        parse("", environ)

    assert message in str(caught.value)


def test_a_variable_that_is_no_key() -> None:
    """Others set some that begin like ours: Kubernetes, for a service of that name. They are told,
    and end nothing."""
    environ = {"MODPULSE_AGENT_PORT": "tcp://10.0.0.7:6637", "MODPULSE_AGENT_WINDOW_SECONDS": "7"}

    assert parse("", environ).window_seconds == 7
    assert keys.unknown_variables(AgentConfig, ENV_PREFIX, environ) == ["MODPULSE_AGENT_PORT"]


def test_a_number_beyond_all_bounds() -> None:
    """A number too long to be printed is refused without being printed."""
    with pytest.raises(ConfigError, match="ring_bytes = …: must be from 4096"):
        parse(f"ring_bytes = 0x{'F' * 5000}", {})


def test_the_default_file_may_be_missing(tmp_path: Path) -> None:
    """A file that was asked for must be there; the default one need not."""

    assert load(None, {}) == AgentConfig()
    with pytest.raises(ConfigError):
        load(tmp_path / "absent.toml", {})


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    """A file that is not UTF-8 is a configuration error too."""
    path = tmp_path / "a.toml"
    path.write_bytes(b"agent_id = '\xff'")
    with pytest.raises(ConfigError):
        load(path, {})


@pytest.mark.parametrize("kind", ["pipe", "device", "directory", "large", "loop"])
def test_what_is_no_file(tmp_path: Path, kind: str) -> None:
    """A path to something else than a file of a fitting size ends in one line, at once."""
    path = tmp_path / "agent.toml"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path = Path("/dev/zero")
    elif kind == "directory":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path)
    else:
        with path.open("wb") as file:
            file.truncate(1 << 40)
    with pytest.raises(ConfigError) as caught:
        load(path, {})

    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@given(st.text(), st.dictionaries(st.sampled_from(["site", "pool", "a" * 63, "é"]), st.text()))
def test_whatever_passes_can_be_sent(agent_id: str, labels: dict[str, str]) -> None:
    """What the configuration lets through is taken by the batch."""
    try:
        config = parse("", {"MODPULSE_AGENT_AGENT_ID": agent_id}) if agent_id else AgentConfig()
        config = dataclasses.replace(config, agent_id=config.agent_id or "a", labels=labels)
        check(config)
    except ConfigError:
        return
    check_sendable(config)


def test_no_secret_is_a_job_variable() -> None:
    """None of the variables that are read by default holds a credential."""
    secret = ("TOKEN", "PASSWORD", "SECRET", "KEY", "AUTH")

    assert [name for name in JOB_VARIABLES if any(word in name for word in secret)] == []


@given(st.text(), st.dictionaries(st.sampled_from(sorted(keys.defaults(AgentConfig))), st.text()))
def test_only_config_errors(text: str, values: dict[str, str]) -> None:
    """Whatever file and environment hold, the only error is ConfigError."""
    environ = {f"MODPULSE_AGENT_{key.upper()}": value for key, value in values.items()}
    try:
        parse(text, environ)
    except ConfigError:
        return


def test_every_key_is_documented() -> None:
    """docs/configuration.md has a row for every key with its default, and no other."""
    section = DOCUMENT.read_text("utf-8").split("## Agent", 1)[1].split("\n## ", 1)[0]
    documented = dict(re.findall(r"^\| `(\w+)` \| `([^`]*)` \|", section, re.MULTILINE))
    expected = {key: json.dumps(value) for key, value in keys.defaults(AgentConfig).items()}

    assert expected == documented


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({f"l{number}": "" for number in range(17)}, "labels: 17 entries, at most 16 are taken"),
        ({"site": "x" * 129}, "labels.site: 129 bytes, at most 128 are taken"),
        ({"site": "é" * 65}, "labels.site: 130 bytes, at most 128 are taken"),
        ({"site": "界" * 43}, "labels.site: 129 bytes, at most 128 are taken"),
    ],
)
def test_labels_are_bounded(labels: dict[str, str], message: str) -> None:
    """They are sent with every batch."""
    text = "".join(f'labels.{name} = "{value}"\n' for name, value in labels.items())
    with pytest.raises(ConfigError) as caught:
        parse(text, {})

    assert message == str(caught.value)
