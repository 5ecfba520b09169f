"""
Tokens, certificates and keys that operators name, for agent and collector alike.

Each mistake is one line with key, path and what is wrong; nothing waits for a terminal.
"""

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from .errors import ConfigError, FileError
from .regular import read_regular

MAX_TOKEN_FILE_BYTES = 1 << 20
"""Of the tokens of a fleet."""
MAX_TOKEN_BYTES = 8 << 10
"""Half of the head that carries it."""
MAX_PEM_BYTES = 4 << 20
"""Of a file of certificates; those of a distribution have 230 kB."""

_TOKEN = re.compile(rb"[\x21-\x7e]+")
_CERTIFICATE, _KEY = b"-----BEGIN CERTIFICATE-----", b"PRIVATE KEY-----"


class _EncryptedError(Exception):
    """Whom OpenSSL asks for a password."""


def read_tokens(path: str) -> list[str]:
    """
    Return the tokens of `token_file`, one per line, without empty lines and comments; at least one.

    Raises:
        ConfigError: it cannot be read, has none, or one that no header can carry.
    """
    return list(_tokens("token_file", path))


def first_token(path: str) -> str:
    """
    Return the first of them; what follows is not looked at.

    Raises:
        ConfigError: as of `read_tokens`.
    """
    return first_secret("token_file", path)


def first_secret(name: str, path: str) -> str:
    """
    Return the first line of a secret's file that is neither empty nor a comment.

    Args:
        name: Of the key, for messages.
        path: Of the file.

    Raises:
        ConfigError: as of `read_tokens`.
    """
    return next(_tokens(name, path))


def _tokens(name: str, path: str) -> Iterator[str]:
    """Yield each; one at least, or it is an error."""
    lines = _read(name, path, MAX_TOKEN_FILE_BYTES).splitlines()
    if all(not line.strip() or line.strip().startswith(b"#") for line in lines):
        raise ConfigError(f"{name} = {path!r}: no token in it")
    for number, line in enumerate(map(bytes.strip, lines), 1):
        if not line or line.startswith(b"#"):
            continue
        if not _TOKEN.fullmatch(line):
            words = f"line {number} is not one word of printable ASCII"
            raise ConfigError(f"{name} = {path!r}: {words}")
        if len(line) > MAX_TOKEN_BYTES:
            words = f"line {number} has more than {MAX_TOKEN_BYTES} bytes"
            raise ConfigError(f"{name} = {path!r}: {words}")
        yield line.decode("ascii")


def client_context(ca_file: str) -> ssl.SSLContext:
    """
    Return what trusts the certificates of `ca_file` alone; without one those of the system.

    Raises:
        ConfigError: it cannot be used.
    """
    if not ca_file:
        return ssl.create_default_context()
    with _authorities("ca_file", ca_file):
        return ssl.create_default_context(cafile=ca_file)


def trust_clients(context: ssl.SSLContext, tls_client_ca: str) -> None:
    """
    Let a server's context know clients by the certificates of `tls_client_ca`.

    Raises:
        ConfigError: it cannot be used.
    """
    with _authorities("tls_client_ca", tls_client_ca):
        context.load_verify_locations(tls_client_ca)


@contextmanager
def _authorities(name: str, path: str) -> Iterator[None]:
    if _CERTIFICATE not in _read(name, path, MAX_PEM_BYTES):
        raise ConfigError(f"{name} = {path!r}: no certificate in it (PEM)")
    try:
        yield
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"{name} = {path!r}: {_why(error)}") from None


def load_own(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """
    Show a certificate, of `tls_certificate` and `tls_key`.

    Raises:
        ConfigError: they cannot be used, or not together.
    """
    for name, path, mark, what in (
        ("tls_certificate", certificate, _CERTIFICATE, "certificate"),
        ("tls_key", key, _KEY, "private key"),
    ):
        if mark not in _read(name, path, MAX_PEM_BYTES):
            raise ConfigError(f"{name} = {path!r}: no {what} in it (PEM)")
    try:
        context.load_cert_chain(certificate, key, password=_refuse)
    except _EncryptedError:
        raise ConfigError(f"tls_key = {key!r}: is encrypted, and nobody is asked") from None
    except (OSError, ssl.SSLError) as error:
        files = f"tls_certificate = {certificate!r}, tls_key = {key!r}"
        raise ConfigError(f"{files}: {_why(error)}") from None


def _refuse() -> str:
    raise _EncryptedError


def _read(name: str, path: str, max_bytes: int) -> bytes:
    try:
        return read_regular(path, max_bytes)
    except FileError as error:
        raise ConfigError(f"{name} = {path!r}: {error}") from None


def _why(error: OSError) -> str:
    reason = getattr(error, "reason", None) or error.strerror or "damaged"
    return str(reason).replace("_", " ").lower()
