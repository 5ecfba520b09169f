"""
Where a Go function may be probed: after its stack check, at each of its returns, and, which is
cheaper, where its callers go on with what it returned.

The kernel emulates jumps, one-byte nops and pushes at a breakpoint; any other instruction it
single-steps, with a debug exception (arch/x86/kernel/uprobes.c branch_setup_ops, push_setup_ops).
In a virtual machine that exception is an exit to the host and costs 30 times as much as the
breakpoint itself. On arm64 returns are emulated too (arch/arm64/kernel/probes/simulate-insn.c).

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

_Instruction = tuple[int, int, str, str]
"""Address, bytes, mnemonic and operands, as capstone prints them."""

# Results in registers, in the order of ABIInternal (cmd/compile/abi-internal.md), by every name.
_RESULTS_AMD64 = (
    ("rax", "eax", "ax", "al", "ah"),
    ("rbx", "ebx", "bx", "bl", "bh"),
    ("rcx", "ecx", "cx", "cl", "ch"),
    ("rdi", "edi", "di", "dil"),
    ("rsi", "esi", "si", "sil"),
)
_NO_WRITES = frozenset(("nop", "test", "cmp"))
_ONE_WRITE = frozenset(("mov", "lea", "add", "pop"))
"""These write to their first operand and nothing else."""
_CALL_DISTANCE = 8
"""A closure's address is loaded so few instructions before its call, with the arguments."""

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


def after_calls_amd64(
    code: bytes, address: int, callee: int | None, results: int
) -> tuple[int, ...]:
    """
    Return where a caller goes on after each call of a function.

    It is the first jump, one-byte nop or return after the call, if nothing has written to the
    registers with the results by then, and if there is no other way to get there.

    Args:
        code: The caller.
        address: Where it is.
        callee: Address of the function; None for the one closure that the caller calls.
        results: How many registers must be as the function left them; at most 5.

    Raises:
        BinaryError: the code cannot be read to its end, has no such call, or one that it goes on
            from in another way.
    """
    listing = _listing_amd64(code, address)
    targets = {
        int(operands, 16)
        for _, _, mnemonic, operands in listing
        if mnemonic.startswith("j") and operands.startswith("0x")
    }
    calls = [index for index in range(len(listing)) if _is_call(listing, index, callee)]
    if not calls or (callee is None and len(calls) > 1):
        raise BinaryError(f"a caller with {len(calls)} calls")
    kept = {name for names in _RESULTS_AMD64[:results] for name in names}
    return tuple(_goes_on(listing[index + 1 :], kept, targets) - address for index in calls)


def _listing_amd64(code: bytes, address: int) -> list[_Instruction]:
    if len(code) > MAX_FUNCTION_BYTES:
        raise BinaryError(f"a function of {len(code)} bytes")
    listing = list(_disassembler().disasm_lite(code, address))
    if not listing or listing[-1][0] + listing[-1][1] != address + len(code):
        raise BinaryError("code that cannot be disassembled")
    return listing


def _is_call(listing: list[_Instruction], index: int, callee: int | None) -> bool:
    _, _, mnemonic, operands = listing[index]
    if mnemonic != "call":
        return False
    if callee is not None:
        return operands == f"{callee:#x}"
    # A closure is called by the first word of what DX points to; a method by one of its itab.
    loads = (
        source
        for _, _, before, what in reversed(listing[max(index - _CALL_DISTANCE, 0) : index])
        for into, _, source in [what.partition(", ")]
        if before == "mov" and into == operands
    )
    return next(loads, None) == "qword ptr [rdx]"


def _goes_on(after: list[_Instruction], kept: set[str], targets: set[int]) -> int:
    for at, size, mnemonic, operands in after:
        if at in targets:
            raise BinaryError("a call that is not the only way to what follows it")
        if mnemonic == "ret" or (mnemonic == "nop" and size == 1):
            return at
        if mnemonic.startswith("j") and operands.startswith("0x"):
            return at
        written = operands.partition(", ")[0]
        if mnemonic not in _NO_WRITES and (mnemonic not in _ONE_WRITE or written in kept):
            break
    raise BinaryError("a call whose results are soon overwritten")


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
