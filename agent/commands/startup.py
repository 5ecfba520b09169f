"""
What the agent reads before it watches: its configuration, and the files that this names.

`modpulse agent` begins with it, and `--check-config` says all that is wrong with it.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ..batch.batch import Batch, BatchError, encode
from ..config import AgentConfig, load
from ..delivery.ship import Client
from ..service.errors import ConfigError, Faults, FileError
from ..service.regular import read_regular

MACHINE_ID = Path("/etc/machine-id")
_APPLICATION = b"modpulse agent_id"
MIN_KEY_BYTES, MAX_KEY_BYTES = 16, 64
MAX_KEY_FILE_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Start:
    """What was read."""

    config: AgentConfig
    """`agent_id` is set."""
    name_key: bytes | None
    """By which names are hashed; None: they are sent as they are."""


def read(path: str | None, environ: Mapping[str, str]) -> Start:
    """
    Read the configuration and what it names; changes nothing.

    Args:
        path: Of the file; None: the default one, which may be missing.
        environ: Of the process.

    Raises:
        ConfigError: with every fault.
    """
    config = load(Path(path) if path else None, environ)
    name_key, faults = None, Faults()
    with faults.noted():
        config = config if config.agent_id else replace(config, agent_id=machine_name(MACHINE_ID))
        check_sendable(config)
    with faults.noted():
        name_key = read_key(config.module_key_file) if config.module_key_file else None
    with faults.noted():
        Client(config).check()
    faults.end()
    return Start(config, name_key)


def machine_name(path: Path) -> str:
    """
    Return a name for this machine that does not disclose its id, which machine-id(5) asks for.

    Raises:
        ConfigError: there is no id to make it from.
    """
    try:
        machine_id = read_regular(path, MAX_KEY_FILE_BYTES).strip()
    except FileError as error:
        raise ConfigError(f"agent_id is not set, and {path}: {error}") from None
    if len(machine_id) != 32:
        raise ConfigError(f"agent_id is not set, and {path} holds no machine id")
    return hmac.digest(machine_id, _APPLICATION, "sha256")[:16].hex()


def check_sendable(config: AgentConfig) -> None:
    """
    Make an empty batch: what the operator chose is in each, and must fit.

    Raises:
        ConfigError: no batch could ever be sent.
    """
    nothing = Batch(
        agent_id=config.agent_id, run_id=b"0", seq=0, window_start_ns=0, window_end_ns=0,
        labels=config.labels,
    )  # fmt: skip
    try:
        encode(nothing)
    except BatchError as error:
        raise ConfigError(f"no batch can be made with it: {error}") from None


def read_key(path: str) -> bytes:
    """
    Return the key by which names are hashed; a longer file is hashed itself.

    Raises:
        ConfigError: it cannot be read or is too short.
    """
    try:
        key = read_regular(path, MAX_KEY_FILE_BYTES).strip()
    except FileError as error:
        raise ConfigError(f"module_key_file = {path!r}: {error}") from None
    if len(key) < MIN_KEY_BYTES:
        raise ConfigError(f"module_key_file = {path!r}: shorter than {MIN_KEY_BYTES} bytes")
    return key if len(key) <= MAX_KEY_BYTES else hashlib.blake2b(key).digest()
