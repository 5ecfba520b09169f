"""
What the collector reads of the files that its configuration names, before it opens anything.

`modpulse collector` begins with it, and `--check-config` says all that is wrong with it.
"""

import ssl
from dataclasses import dataclass

from modpulse.agent.service.credentials import load_own, read_tokens, trust_clients
from modpulse.agent.service.errors import ConfigError, Faults

from ..access import file as access_file
from ..access.guard import Guard, in_the_clear
from ..channels.sender import check_channel
from ..config import Config

MIN_TOKEN_BYTES = 16


@dataclass(frozen=True, slots=True)
class Start:
    """What was read."""

    guard: Guard
    context: ssl.SSLContext | None
    """None without TLS."""


def read(config: Config) -> Start:
    """
    Read tokens, certificates and the files of channels; changes nothing.

    Raises:
        ConfigError: with every fault.
    """
    guard, context, faults = Guard((), is_open=False), None, Faults()
    with faults.noted():
        guard = make_guard(config)
    with faults.noted():
        context = tls_context(config)
    for channel in config.channel:
        with faults.noted():
            check_channel(channel)
    faults.end()
    return Start(guard, context)


def make_guard(config: Config) -> Guard:
    """
    Return who may do what.

    Raises:
        ConfigError: a file of it cannot be used.
    """
    if config.access_file:
        return Guard(access_file.load(config.access_file), is_open=False)
    tokens = load_tokens(config.token_file)
    return Guard(in_the_clear(tokens), is_open=not tokens and not config.tls_client_ca)


def load_tokens(path: str) -> tuple[bytes, ...]:
    """Read one token per line; lines that are empty or start with # are skipped."""
    if not path:
        return ()
    tokens = tuple(token.encode("ascii") for token in read_tokens(path))
    if min(map(len, tokens)) < MIN_TOKEN_BYTES:
        raise ConfigError(f"token_file = {path!r}: needs tokens of {MIN_TOKEN_BYTES} bytes or more")
    return tokens


def tls_context(config: Config) -> ssl.SSLContext | None:
    """Return the server's TLS settings; None without TLS."""
    if not config.tls:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    load_own(context, config.tls_certificate, config.tls_key)
    if config.tls_client_ca:
        trust_clients(context, config.tls_client_ca)
        # Optional: a caller with a token needs none.
        context.verify_mode = ssl.CERT_OPTIONAL
    return context
