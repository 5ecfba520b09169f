"""
The system calls bpf(2) and perf_event_open(2): links and map elements, nothing of what they mean.

Sources: include/uapi/linux/bpf.h (union bpf_attr), include/uapi/linux/perf_event.h.
"""

import ctypes
import os
import platform
import struct
from collections.abc import Sequence

_CALLS = {"x86_64": (321, 298), "aarch64": (280, 241)}
_MAP_LOOKUP, _MAP_UPDATE, _MAP_DELETE, _MAP_NEXT_KEY, _LINK_CREATE = 1, 2, 3, 4, 28
_PERF_EVENT, _UPROBE_MULTI = 41, 48
_PERF_TYPE_TRACEPOINT = 2
_PERF_FLAG_FD_CLOEXEC = 8
_PERF_ATTR_BYTES = 112

_libc = ctypes.CDLL(None, use_errno=True)


def _syscall(name: str, index: int, *arguments: object) -> int:
    numbers = _CALLS.get(platform.machine())
    if numbers is None:
        raise OSError(f"{name}: not known on {platform.machine()}")
    result: int = _libc.syscall(ctypes.c_long(numbers[index]), *arguments)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")
    return result


def _bpf(command: int, attributes: bytes) -> int:
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    return _syscall("bpf", 0, ctypes.c_int(command), buffer, ctypes.c_uint(len(attributes)))


def link_cgroup(program: int, cgroup: int, attach_type: int) -> int:
    """Attach to a cgroup; return the link's descriptor, whose end is the attachment's end."""
    return _bpf(_LINK_CREATE, struct.pack("<IIII", program, cgroup, attach_type, 0))


def link_tracepoint(program: int, tracepoint_id: int) -> int:
    """Attach to a tracepoint on all CPUs; return the link."""
    event = _perf_event_open(_PERF_TYPE_TRACEPOINT, tracepoint_id, 0, 0)
    return _link_perf_event(program, event, 0)


def link_uprobe(program: int, uprobe_type: int, path: bytes, offset: int, cookie: int) -> int:
    """Attach to one instruction of a file, in all processes; return the link."""
    name = ctypes.create_string_buffer(path)
    event = _perf_event_open(uprobe_type, 0, ctypes.addressof(name), offset)
    return _link_perf_event(program, event, cookie)


def link_uprobes(program: int, path: bytes, offsets: Sequence[int], cookies: Sequence[int]) -> int:
    """Attach to many instructions of a file by one link (Linux 6.6 and later)."""
    name = ctypes.create_string_buffer(path)
    at = (ctypes.c_ulonglong * len(offsets))(*offsets)
    with_cookies = (ctypes.c_ulonglong * len(cookies))(*cookies)
    attributes = struct.pack(
        "<IIIIQQQQIIII",
        program, 0, _UPROBE_MULTI, 0,
        ctypes.addressof(name), ctypes.addressof(at), 0, ctypes.addressof(with_cookies),
        len(offsets), 0, 0, 0,
    )  # fmt: skip
    return _bpf(_LINK_CREATE, attributes)


def _link_perf_event(program: int, event: int, cookie: int) -> int:
    try:
        return _bpf(_LINK_CREATE, struct.pack("<IIIIQ", program, event, _PERF_EVENT, 0, cookie))
    finally:
        # The link holds the event by itself.
        os.close(event)


def _perf_event_open(kind: int, config: int, config1: int, config2: int) -> int:
    attributes = struct.pack("<IIQ", kind, _PERF_ATTR_BYTES, config).ljust(56, b"\0")
    attributes += struct.pack("<QQ", config1, config2)
    buffer = ctypes.create_string_buffer(attributes.ljust(_PERF_ATTR_BYTES, b"\0"))
    every_process, first_cpu, no_group = ctypes.c_int(-1), ctypes.c_int(0), ctypes.c_int(-1)
    flags = ctypes.c_ulong(_PERF_FLAG_FD_CLOEXEC)
    return _syscall("perf_event_open", 1, buffer, every_process, first_cpu, no_group, flags)


def map_update(table: int, key: bytes, value: bytes) -> None:
    """Set one element."""
    held = (
        ctypes.create_string_buffer(key, len(key)),
        ctypes.create_string_buffer(value, len(value)),
    )
    _bpf(_MAP_UPDATE, _element(table, held[0], held[1]))


def map_lookup(table: int, key: bytes, value_bytes: int) -> bytes:
    """Read one element; of a per-CPU map the values of all possible CPUs, 8 bytes aligned."""
    name = ctypes.create_string_buffer(key, len(key))
    value = ctypes.create_string_buffer(value_bytes)
    _bpf(_MAP_LOOKUP, _element(table, name, value))
    return value.raw


def map_delete(table: int, key: bytes) -> None:
    """Remove one element."""
    name = ctypes.create_string_buffer(key, len(key))
    _bpf(_MAP_DELETE, struct.pack("<IIQQQ", table, 0, ctypes.addressof(name), 0, 0))


def map_keys(table: int, key_bytes: int, limit: int) -> list[bytes]:
    """
    Return the keys that a hash map has, at most `limit`.

    It begins anew when the key that it has come to is deleted: then some are there twice.
    """
    keys: list[bytes] = []
    following = ctypes.create_string_buffer(key_bytes)
    at: ctypes.Array[ctypes.c_char] | None = None
    while len(keys) < limit:
        try:
            address = 0 if at is None else ctypes.addressof(at)
            attributes = struct.pack("<IIQQQ", table, 0, address, ctypes.addressof(following), 0)
            _bpf(_MAP_NEXT_KEY, attributes)
        except FileNotFoundError:
            break
        keys.append(following.raw)
        at = ctypes.create_string_buffer(following.raw, key_bytes)
    return keys


def _element(
    table: int, key: ctypes.Array[ctypes.c_char], value: ctypes.Array[ctypes.c_char]
) -> bytes:
    return struct.pack("<IIQQQ", table, 0, ctypes.addressof(key), ctypes.addressof(value), 0)
