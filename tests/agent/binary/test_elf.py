"""The reader of ELF images."""

import struct
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modpulse.agent.binary.elf import (
    MAX_READ_BYTES,
    MAX_SECTIONS,
    MAX_SEGMENTS,
    BinaryError,
    Section,
    Segment,
    parse_elf,
)

BASE = 0x400000
NAMES = b"\0.text\0.bss\0.shstrtab\0.rela\0"


def header(
    *,
    ident: bytes = b"\x7fELF\x02\x01\x01",
    kind: int = 2,
    machine: int = 62,
    phoff: int = 64,
    shoff: int = 0,
    phentsize: int = 56,
    phnum: int = 1,
    shentsize: int = 64,
    shnum: int = 0,
    shstrndx: int = 0,
) -> bytes:
    """An ELF header; by default of an amd64 executable with one segment and no sections."""
    return struct.pack(
        "<16sHHIQQQIHHHHHH",
        ident,
        kind,
        machine,
        1,
        BASE,
        phoff,
        shoff,
        0,
        64,
        phentsize,
        phnum,
        shentsize,
        shnum,
        shstrndx,
    )


def segment(*, kind: int = 1, flags: int = 6, offset: int = 0, address: int = BASE, size: int):
    """A program header; by default a writable PT_LOAD of the file's beginning."""
    return struct.pack("<IIQQQQQQ", kind, flags, offset, address, address, size, size, 4096)


def section(name: str, *, kind: int = 1, address: int = 0, offset: int = 0, size: int = 0):
    """A section header whose name is in NAMES."""
    return struct.pack(
        "<IIQQQQIIQQ", NAMES.index(name.encode()), kind, 0, address, offset, size, 0, 0, 0, 0
    )


def image(data: bytes = b"", **changes: int | bytes) -> bytes:
    """A whole image: header, one segment over all of it, `data` at offset 120."""
    total = 64 + 56 + len(data)
    return header(**changes) + segment(size=total) + data  # type: ignore[arg-type]


def image_with_sections(kind: int = 2, addend: int = 0) -> bytes:
    """An image with .text, .bss, .rela and the table of names."""
    at = 120
    data = NAMES.ljust(32, b"\0") + struct.pack("<QQQ", BASE + 8, 8, addend)
    sections = [
        section("\0"),
        section(".text", address=BASE + at, offset=at, size=4),
        section(".bss", kind=8, address=BASE + 0x1000, offset=at, size=1 << 40),
        section(".shstrtab", kind=3, offset=at, size=32),
        section(".rela", kind=4, address=BASE + at + 32, offset=at + 32, size=24),
    ]
    return image(
        data + b"".join(sections), kind=kind, shoff=at + len(data), shnum=len(sections), shstrndx=3
    )


def test_a_minimal_image_has_its_segment() -> None:
    """The header and one PT_LOAD are enough."""
    elf = parse_elf(image(b"data"))

    assert (Segment(BASE, 0, 124, writable=True, executable=False),) == elf.segments
    assert (elf.arch, elf.pie, dict(elf.sections)) == ("amd64", False, {})


def test_addresses_and_offsets_are_translated_both_ways() -> None:
    """An address is its segment's address plus the way into the segment."""
    elf = parse_elf(image(b"datadata"))

    assert elf.offset(BASE + 120, 8) == 120
    assert elf.address(120) == BASE + 120
    assert elf.read(BASE + 120, 4) == b"data"
    assert elf.u64(BASE + 120) == int.from_bytes(b"datadata", "little")


def test_sections_are_found_by_name_and_bss_takes_no_room() -> None:
    """A section of type NOBITS has no bytes in the file, whatever size its header names."""
    elf = parse_elf(image_with_sections())

    assert elf.sections[".text"] == Section(BASE + 120, 120, 4)
    assert elf.sections[".bss"].size == 0


def test_relative_relocations_fill_in_pointers_of_a_pie_only() -> None:
    """In a position independent image a pointer is the addend of its relocation."""
    fixed = parse_elf(image_with_sections(kind=2, addend=0x1234))
    moved = parse_elf(image_with_sections(kind=3, addend=0x1234))

    assert (fixed.pie, fixed.pointer(BASE + 8)) == (False, fixed.u64(BASE + 8))
    assert (moved.pie, moved.pointer(BASE + 8)) == (True, 0x1234)


def test_bytes_are_found_in_writable_segments_only() -> None:
    """A search leaves code and constants alone."""
    writable = parse_elf(image(b"needle needle"))
    constant = parse_elf(header() + segment(size=133, flags=4) + b"needle needle")

    assert list(writable.occurrences(b"needle")) == [BASE + 120, BASE + 127]
    assert list(constant.occurrences(b"needle")) == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a 64-bit little-endian ELF file"),
        (b"#!/bin/sh\nexec go1.26\n", "not a 64-bit little-endian ELF file"),
        (image(ident=b"\x7fELF\x01\x01\x01"), "not a 64-bit little-endian ELF file"),
        (image(ident=b"\x7fELF\x02\x02\x01"), "not a 64-bit little-endian ELF file"),
        (image()[:40], "the file ends inside a header at 0x0"),
        (image(machine=243), "machine 243 is neither amd64 nor arm64"),
        (image(kind=1), "ELF type 1 is not an executable"),
        (image(phentsize=32), "1 program headers of 32 bytes"),
        (image(phnum=MAX_SEGMENTS + 1), "33 program headers of 56 bytes"),
        (image(phoff=1 << 63), "the file ends inside a header at 0x8000000000000000"),
        (image(shnum=MAX_SECTIONS + 1), "257 section headers of 64 bytes"),
        (image(shnum=1, shstrndx=1), "1 section headers of 64 bytes"),
        (image(shnum=1, shoff=1 << 40), "the file ends inside a header at 0x10000000000"),
        (header() + segment(size=121), "a segment ends beyond the file"),
    ],
)
def test_a_broken_header_is_named(data: bytes, reason: str) -> None:
    """Whatever is wrong with a header is said in one phrase."""
    with pytest.raises(BinaryError) as caught:
        parse_elf(data)

    assert reason == caught.value.reason


@pytest.mark.parametrize(
    ("address", "length"),
    [(BASE - 1, 1), (BASE, 125), (BASE + 124, 1), (0, 1), (-1, 1), (BASE, MAX_READ_BYTES + 1)],
)
def test_a_read_outside_of_the_segments_is_refused(address: int, length: int) -> None:
    """No address gives bytes that are not mapped from the file, and no read is unbounded."""
    elf = parse_elf(image(b"data"))

    with pytest.raises(BinaryError):
        elf.read(address, length)


@given(st.binary(max_size=512))
def test_any_bytes_give_an_image_or_binary_error(data: bytes) -> None:
    """Nothing but BinaryError escapes."""
    with suppress(BinaryError):
        parse_elf(b"\x7fELF\x02\x01\x01" + data)


@settings(max_examples=300)
@given(st.data())
def test_a_corrupted_image_gives_an_image_or_binary_error(data: st.DataObject) -> None:
    """Any 8 bytes may be changed and any tail cut off."""
    whole = image_with_sections(kind=data.draw(st.sampled_from([2, 3])))
    at = data.draw(st.integers(0, len(whole) - 8))
    changed = whole[:at] + data.draw(st.binary(min_size=8, max_size=8)) + whole[at + 8 :]
    length = data.draw(st.integers(0, len(changed)))
    address = data.draw(st.integers(0, 1 << 64))
    with suppress(BinaryError):
        parse_elf(changed[:length]).pointer(address)


def test_every_truncation_is_refused() -> None:
    """An image that is cut anywhere is refused, for its segment ends beyond the file."""
    whole = image(b"data")

    for length in range(len(whole)):
        with pytest.raises(BinaryError):
            parse_elf(whole[:length])
