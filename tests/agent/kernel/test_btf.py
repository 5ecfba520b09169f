"""What a kernel says of its own types."""

import struct
from pathlib import Path

import pytest
from conftest import needs
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.kernel import btf
from modpulse.agent.kernel.btf import VMLINUX, Read, field_offset

NAMES = b"\0task\0state\0exit_code\0other\0"
STATE, EXIT_CODE = NAMES.index(b"state"), NAMES.index(b"exit_code")
TASK, OTHER = NAMES.index(b"task"), NAMES.index(b"other")
INT, POINTER, STRUCT, ENUM, FUNCTION = 1, 2, 4, 6, 13
BIT_FIELDS = 1 << 31


def of_kind(kind: int, name: int, members: list[tuple[int, ...]], flags: int = 0) -> bytes:
    info = flags | kind << 24 | len(members)
    rest = b"".join(struct.pack(f"<{len(member)}I", *member) for member in members)
    return struct.pack("<III", name, info, 8) + rest


def whole(*types: bytes, names: bytes = NAMES, magic: int = 0xEB9F) -> bytes:
    body = b"".join(types)
    sizes = (0, len(body), len(body), len(names))
    return struct.pack("<HBBIIIII", magic, 1, 0, 24, *sizes) + body + names


def reader(data: bytes) -> Read:
    return lambda at, length: data[at : at + length]


OTHERS = (
    struct.pack("<III", STATE, INT << 24, 4) + bytes(4),
    of_kind(POINTER, 0, []),
    of_kind(ENUM, OTHER, [(STATE, 0), (EXIT_CODE, 1)]),
    of_kind(FUNCTION, 0, [(STATE, 1)]),
    of_kind(STRUCT, OTHER, [(EXIT_CODE, 1, 64)]),
)


@pytest.mark.parametrize("flags", [0, BIT_FIELDS])
def test_where_a_field_lies(flags: int) -> None:
    """Behind types of other kinds, and in a struct of another name, it is not mistaken."""
    size = 3 << 24 if flags else 0
    task = of_kind(STRUCT, TASK, [(STATE, 1, 0), (EXIT_CODE, 1, size | 1164 * 8)], flags)
    forward = of_kind(STRUCT, TASK, [])

    assert field_offset(reader(whole(*OTHERS, forward, task)), "task", "exit_code") == 1164


@pytest.mark.parametrize(
    "data",
    [
        b"",
        whole(*OTHERS),
        whole(*OTHERS, magic=0x9FEB),
        whole(of_kind(STRUCT, TASK, [(STATE, 1, 0)])),
        whole(of_kind(STRUCT, TASK, [(EXIT_CODE, 1, 64)]), names=b"\0task\0"),
        whole(of_kind(STRUCT, TASK, [(EXIT_CODE, 1, 64)]))[:40],
    ],
    ids=["nothing", "no struct", "byte order", "no field", "no name", "cut"],
)
def test_what_is_not_told(data: bytes) -> None:
    """It is not guessed."""
    assert field_offset(reader(data), "task", "exit_code") is None


@given(st.binary(max_size=200), st.integers(0, 3))
def test_whatever_a_file_holds(data: bytes, cut: int) -> None:
    """It is read to a value or to none."""
    for described in (data, whole(data), whole(*OTHERS[cut:], data)):
        assert (field_offset(reader(described), "task", "exit_code") or 0) < 1 << 29


def test_this_kernel() -> None:
    """It tells, and little is read for that."""
    needs(Path(VMLINUX).exists(), "a kernel that describes its types")
    read: list[int] = []
    with open(VMLINUX, "rb", buffering=0) as file:

        def counted(at: int, length: int) -> bytes:
            file.seek(at)
            read.append(length)
            return file.read(length)

        found = field_offset(counted, "task_struct", "exit_code")
        assert found is not None
        assert 0 < found < 1 << 14
        assert field_offset(counted, "no such struct", "exit_code") is None
    assert sum(read) < 2 * btf.MAX_BTF_BYTES
