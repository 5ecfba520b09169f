"""
Where a Go function may be probed: after its stack check, and at each of its returns.

A breakpoint in the middle of an instruction corrupts the process, so nothing here is a guess: what
does not look as it must is refused. The only module that imports capstone.
"""

import re
from functools import cache

import capstone

from .elf import Arch, BinaryError

MAX_FUNCTION_BYTES = 64 << 10
"""The longest function that is probed has about 8 kB."""

_RET_AMD64 = 0xC3
_LONGEST = 15
"""Bytes of the longest amd64 instruction."""
_RET_ARM64 = 0xD65F03C0

# cmd/internal/obj/x86/obj6.go stacksplit: compare the stack pointer, less a large frame, with
# g.stackguard0 (16(R14)), then jump to morestack, which starts the function again.
_STACK_CHECK_AMD64 = re.compile(
    rb"(?:\x49\x3b\x66\x10"
    rb"|\x4c\x8d\x64\x24.\x4d\x3b\x66\x10"
    rb"|\x4c\x8d\xa4\x24.{4}\x4d\x3b\x66\x10)"
    rb"(?:\x76.|\x0f\x86.{4})",
    re.DOTALL,
)
_GUARD_AMD64 = b"\x3b\x66\x10"
_PROLOGUE_BYTES = 64
"""A function that compares with the guard does so within its first few instructions."""

# cmd/internal/obj/arm64/obj7.go stacksplit.
_LOAD_GUARD_ARM64 = 0xF9400B90  # MOVD 16(g), R16
_SUB_ARM64 = ((0xFF8003FF, 0xD10003F1), (0xFF8003FF, 0xD1000231))  # SUB $n, RSP or R17, R17
_COMPARE_ARM64 = (0xEB3063FF, 0xEB10023F)  # CMP R16, RSP; CMP R16, R17
_BRANCH_LS_ARM64 = (0xFF00001F, 0x54000009)


def entry_offset(arch: Arch, code: bytes) -> int:
    """
    Return the offset of the first instruction after the stack check; 0 for a leaf without one.

    Probing offset 0 of a function with a check would count it twice when the stack grows.
    Argument registers are untouched there.

    Raises:
        BinaryError: the function begins in a way that is not known.
    """
    offset = _entry_arm64(code) if arch == "arm64" else _entry_amd64(code)
    if offset >= len(code):
        raise BinaryError("a function that ends with its stack check")
    return offset


def return_offsets(arch: Arch, code: bytes) -> tuple[int, ...]:
    """
    Return the offset of every return instruction.

    Raises:
        BinaryError: the code cannot be read to its end, or has no return.
    """
    if len(code) > MAX_FUNCTION_BYTES:
        raise BinaryError(f"a function of {len(code)} bytes")
    found = _returns_arm64(code) if arch == "arm64" else _returns_amd64(code)
    if not found:
        raise BinaryError("a function without a return")
    return found


def _entry_amd64(code: bytes) -> int:
    found = _STACK_CHECK_AMD64.match(code)
    if found:
        return found.end()
    if _GUARD_AMD64 in code[:_PROLOGUE_BYTES]:
        raise BinaryError("a stack check of an unknown form")
    return 0


def _entry_arm64(code: bytes) -> int:
    words = _words(code[:_PROLOGUE_BYTES])
    if _LOAD_GUARD_ARM64 not in words:
        return 0
    at = 1
    while at < len(words) and any(words[at] & mask == bits for mask, bits in _SUB_ARM64):
        at += 1
    mask, bits = _BRANCH_LS_ARM64
    if (
        words[0] != _LOAD_GUARD_ARM64
        or at + 2 >= len(words)
        or words[at] not in _COMPARE_ARM64
        or words[at + 1] & mask != bits
    ):
        raise BinaryError("a stack check of an unknown form")
    return 4 * (at + 2)


def _returns_arm64(code: bytes) -> tuple[int, ...]:
    return tuple(4 * at for at, word in enumerate(_words(code)) if word == _RET_ARM64)


def _returns_amd64(code: bytes) -> tuple[int, ...]:
    last = code.rfind(_RET_AMD64)
    found, reached = [], 0
    for at, size, mnemonic, _ in _disassembler().disasm_lite(code[: last + 1 + _LONGEST], 0):
        reached = at + size
        if mnemonic.endswith("ret"):
            if size != 1 or code[at] != _RET_AMD64:
                raise BinaryError("a return of an unknown form")
            found.append(at)
    if reached <= last:
        raise BinaryError("code that cannot be disassembled")
    return tuple(found)


@cache
def _disassembler() -> capstone.Cs:
    return capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)


def _words(code: bytes) -> list[int]:
    return [int.from_bytes(code[at : at + 4], "little") for at in range(0, len(code) - 3, 4)]
