"""
The clear-text beginning of SOCKS5, up to where the tunnel stands. RFC 1928 and RFC 1929.

Knows nothing of packets. A user's name and password are passed over, never kept.
"""

from dataclasses import dataclass

from .reader import Reader, WireError

VERSION = 5
REFUSES_LOGIN = 0xFF
"""The server takes none of the ways to log in that it was offered (RFC 1928 section 3); also where
it refused the name and password."""

_PASSWORD = 2
_ADDRESS_BYTES = {1: 4, 4: 16}
_NAME = 3


@dataclass(frozen=True, slots=True)
class SocksReply:
    """What the server made of it."""

    code: int
    """0 where the tunnel stands, else why not: 1 to 8 of RFC 1928 section 6, or REFUSES_LOGIN."""


def looks_like_socks(data: bytes | bytearray) -> bool:
    """Say whether a client's stream begins with the greeting of SOCKS5."""
    return data[:1] == bytes([VERSION])


def parse_reply(data: bytes | bytearray) -> tuple[SocksReply, int] | None:
    """
    Read what a server says before what goes through the tunnel.

    Returns:
        Its reply and how many bytes that took; None while it is incomplete.

    Raises:
        WireError: no SOCKS5.
    """
    reader = Reader(bytes(data))
    if data and reader.u8() != VERSION:
        raise WireError("no SOCKS5")
    if len(data) < 2:
        return None
    method = reader.u8()
    login_bytes = 2 * (method == _PASSWORD)
    if method == REFUSES_LOGIN or (login_bytes and data[3:4] not in (b"", b"\0")):
        return SocksReply(REFUSES_LOGIN), 2 + login_bytes
    if reader.remaining < login_bytes + 2:
        return None
    reader.take(login_bytes)
    if reader.u8() != VERSION:
        raise WireError("no reply of SOCKS5", reader.offset)
    code = reader.u8()
    if not code and not _skip_address(reader):
        return None
    return SocksReply(code), reader.offset


def asked_bytes(data: bytes | bytearray, has_login: bool) -> int | None:
    """
    Return how much a client says before what goes through the tunnel; None while incomplete.

    Args:
        data: Its stream from the start.
        has_login: The server asked for name and password.

    Raises:
        WireError: no SOCKS5.
    """
    reader = Reader(bytes(data))
    lengths = 1 + 2 * has_login
    for index in range(lengths):
        if index < 2 and reader.remaining:
            reader.u8()  # version
        if not reader.remaining or reader.remaining <= (size := bytes(data)[reader.offset]):
            return None
        reader.take(1 + size)
    if reader.remaining < 3:
        return None
    if reader.u8() != VERSION:
        raise WireError("no request of SOCKS5", reader.offset)
    reader.u8()
    return reader.offset if _skip_address(reader) else None


def has_login(data: bytes | bytearray) -> bool:
    """Say whether a server's stream begins by asking for name and password."""
    return data[1:2] == bytes([_PASSWORD])


def _skip_address(reader: Reader) -> bool:
    """Pass over reserved byte, address and port; False while they are incomplete."""
    if reader.remaining < 3:
        return False
    kind, first = reader.take(3)[1:]
    size = first if kind == _NAME else _ADDRESS_BYTES.get(kind, 0) - 1
    if size < 0:
        raise WireError(f"address of type {kind}", reader.offset)
    if reader.remaining < size + 2:
        return False
    reader.take(size + 2)
    return True
