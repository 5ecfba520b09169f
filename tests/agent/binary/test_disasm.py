"""Where a Go function may be probed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.binary.disasm import (
    MAX_FUNCTION_BYTES,
    after_calls_amd64,
    entry_offset,
    return_offsets,
)
from modpulse.agent.binary.elf import Arch, BinaryError

GUARD = bytes.fromhex("493b6610")  # CMPQ SP, 16(R14)
GUARD_SMALL = bytes.fromhex("4c8d6424f8 4d3b6610")  # LEAQ -8(SP), R12; CMPQ R12, 16(R14)
GUARD_BIG = bytes.fromhex("4c8da42478ffffff 4d3b6610")
GUARD_HUGE = bytes.fromhex("4989e4 4981ec00000100 7210 4d3b6610 7608")
NEAR, FAR = bytes.fromhex("7610"), bytes.fromhex("0f8600010000")  # JLS
REST = bytes.fromhex("55 4889e5 5d c3")  # PUSHQ BP; MOVQ SP, BP; POPQ BP; RET


def words(*values: int) -> bytes:
    """arm64 instructions."""
    return b"".join(value.to_bytes(4, "little") for value in values)


LOAD, COMPARE, COMPARE_R17 = 0xF9400B90, 0xEB3063FF, 0xEB10023F
SUB, SUB_AGAIN, BRANCH_LS, RET, NOP = 0xD1004BF1, 0xD1000631, 0x54000109, 0xD65F03C0, 0xD503201F


@pytest.mark.parametrize(
    ("arch", "code", "offset"),
    [
        ("amd64", GUARD + NEAR + REST, 6),
        ("amd64", GUARD + FAR + REST, 10),
        ("amd64", GUARD_SMALL + NEAR + REST, 11),
        ("amd64", GUARD_SMALL + FAR + REST, 15),
        ("amd64", GUARD_BIG + NEAR + REST, 14),
        ("amd64", GUARD_BIG + FAR + REST, 18),
        ("amd64", REST, 0),
        ("arm64", words(LOAD, COMPARE, BRANCH_LS, NOP, RET), 12),
        ("arm64", words(LOAD, SUB, COMPARE_R17, BRANCH_LS, NOP, RET), 16),
        ("arm64", words(LOAD, SUB, SUB_AGAIN, COMPARE_R17, BRANCH_LS, NOP, RET), 20),
        ("arm64", words(NOP, RET), 0),
    ],
)
def test_the_entry_is_after_the_stack_check(arch: Arch, code: bytes, offset: int) -> None:
    """The first instruction that runs once per call is the one after the check, if there is one."""
    assert offset == entry_offset(arch, code)


@pytest.mark.parametrize(
    ("arch", "code"),
    [
        ("amd64", GUARD_HUGE + REST),
        ("amd64", GUARD + REST),
        ("amd64", b"\x90" + GUARD + NEAR + REST),
        ("arm64", words(NOP, LOAD, COMPARE, BRANCH_LS, NOP)),
        ("arm64", words(LOAD, COMPARE, NOP, NOP)),
        ("arm64", words(LOAD, NOP, COMPARE, BRANCH_LS, NOP)),
        ("arm64", words(LOAD, COMPARE)),
    ],
)
def test_an_unknown_stack_check_is_refused(arch: Arch, code: bytes) -> None:
    """A function that compares with the guard in another way is not probed."""
    with pytest.raises(BinaryError, match="a stack check of an unknown form"):
        entry_offset(arch, code)


@pytest.mark.parametrize(("arch", "code"), [("amd64", GUARD + NEAR), ("amd64", b"")])
def test_a_function_without_a_body_has_no_entry(arch: Arch, code: bytes) -> None:
    """What follows the last byte of a function is another function."""
    with pytest.raises(BinaryError, match="ends with its stack check"):
        entry_offset(arch, code)


def test_a_ret_byte_inside_an_instruction_is_no_return() -> None:
    """C3 is a return only where an instruction begins."""
    code = bytes.fromhex("b8c3c3c3c3 c3 488d05c3000000 c3 cccc")

    assert return_offsets("amd64", code) == (5, 13)


def test_a_ret_byte_that_ends_an_instruction_is_no_return() -> None:
    """The last C3 of a function may be the last byte of a longer instruction."""
    code = bytes.fromhex("c3 b8000000c3 cc")

    assert return_offsets("amd64", code) == (0,)


def test_arm64_returns_are_whole_words() -> None:
    """Every aligned return word counts, and none that straddles two words."""
    straddling = b"\x00\x00" + words(RET) + b"\x00\x00"

    assert return_offsets("arm64", words(NOP, RET, NOP, RET)) == (4, 12)
    with pytest.raises(BinaryError, match="without a return"):
        return_offsets("arm64", straddling)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (b"\x90\xcc", "without a return"),
        (b"", "without a return"),
        (b"\x06\xc3", "cannot be disassembled"),
        (b"\xf3\xc3", "a return of an unknown form"),
        (b"\xc3" * (MAX_FUNCTION_BYTES + 1), "a function of 65537 bytes"),
    ],
)
def test_code_that_is_not_understood_is_refused(code: bytes, reason: str) -> None:
    """Refuse, never guess."""
    with pytest.raises(BinaryError, match=reason):
        return_offsets("amd64", code)


CALLER, CALLEE = 0x401000, 0x401105
CALL = bytes.fromhex("e800010000")  # CALL CALLEE, at the beginning of CALLER
LONG_NOP = bytes.fromhex("0f1f440000")
STORE = bytes.fromhex("488d1500000000 4889542408 4889442410")  # LEAQ 0(IP), DX; MOVQ DX and AX
TEST_AX, JNE = bytes.fromhex("4885c0"), bytes.fromhex("7502")
RETURN = bytes.fromhex("4883c410 5d c3")  # ADDQ $16, SP; POPQ BP; RET
CLOSURE = bytes.fromhex("488b0a 488b442408 ffd1")  # MOVQ (DX), CX; MOVQ 8(SP), AX; CALL CX
METHOD = bytes.fromhex("488b4918 ffd1")  # MOVQ 24(CX), CX; CALL CX


@pytest.mark.parametrize(
    ("code", "callee", "offsets"),
    [
        (CALL + TEST_AX + JNE + b"\xcc\xcc", CALLEE, (8,)),
        (CALL + b"\x90" + TEST_AX + JNE + b"\xcc\xcc", CALLEE, (5,)),
        (CALL + LONG_NOP + TEST_AX + JNE + b"\xcc\xcc", CALLEE, (13,)),
        (CALL + STORE + bytes.fromhex("e900000000"), CALLEE, (22,)),
        (CALL + RETURN, CALLEE, (10,)),
        (CALL + JNE + bytes.fromhex("e8f9000000") + RETURN, CALLEE, (5, 17)),
        (METHOD + CLOSURE + JNE + b"\xcc\xcc", None, (16,)),
    ],
)
def test_where_a_caller_goes_on(code: bytes, callee: int | None, offsets: tuple[int, ...]) -> None:
    """After each call the first jump, one-byte nop or return; a long nop is not emulated."""
    assert after_calls_amd64(code, CALLER, callee, 2) == offsets


@pytest.mark.parametrize(
    ("code", "callee", "reason"),
    [
        (CALL + bytes.fromhex("31c0") + JNE + b"\xcc\xcc", CALLEE, "soon overwritten"),
        (CALL + bytes.fromhex("8b4424ff") + JNE + b"\xcc\xcc", CALLEE, "soon overwritten"),
        (CALL + bytes.fromhex("488b5c2408") + JNE + b"\xcc\xcc", CALLEE, "soon overwritten"),
        (CALL + CALL + RETURN, CALLEE, "soon overwritten"),
        (CALL, CALLEE, "soon overwritten"),
        (CALL + TEST_AX + JNE + bytes.fromhex("ebfc"), CALLEE, "not the only way"),
        (CALL + TEST_AX + JNE + bytes.fromhex("ebf9"), CALLEE, "not the only way"),
        (RETURN, CALLEE, "a caller with 0 calls"),
        (METHOD + RETURN, None, "a caller with 0 calls"),
        (CLOSURE + JNE + b"\xcc\xcc" + CLOSURE + RETURN, None, "a caller with 2 calls"),
        (CALL + b"\x06" + RETURN, CALLEE, "cannot be disassembled"),
        (b"", CALLEE, "cannot be disassembled"),
        (b"\xcc" * (MAX_FUNCTION_BYTES + 1), CALLEE, "a function of 65537 bytes"),
    ],
)
def test_a_caller_that_goes_on_otherwise_is_refused(
    code: bytes, callee: int | None, reason: str
) -> None:
    """Results must be in their registers, and nothing else may lead to where they are read."""
    with pytest.raises(BinaryError, match=reason):
        after_calls_amd64(code, CALLER, callee, 2)


def test_only_the_results_must_be_kept() -> None:
    """A register behind the last result may be written to."""
    code = CALL + bytes.fromhex("488b5c2408") + JNE + b"\xcc\xcc"  # MOVQ 8(SP), BX

    assert after_calls_amd64(code, CALLER, CALLEE, 1) == (10,)


@given(st.binary(max_size=60))
def test_any_code_gives_places_in_it_or_binary_error(code: bytes) -> None:
    """Every place is inside the caller, behind the call."""
    try:
        offsets = after_calls_amd64(CALL + code, CALLER, CALLEE, 2)
    except BinaryError:
        return

    assert all(len(CALL) <= offset < len(CALL + code) for offset in offsets)


@given(st.sampled_from(["amd64", "arm64"]), st.binary(max_size=200))
def test_any_code_gives_offsets_of_returns_or_binary_error(arch: Arch, code: bytes) -> None:
    """Every offset that is given is inside the code, on a return."""
    ret = b"\xc3" if arch == "amd64" else RET.to_bytes(4, "little")
    try:
        offsets = return_offsets(arch, code)
    except BinaryError:
        return

    assert all(code[at : at + len(ret)] == ret for at in offsets)


@given(st.sampled_from(["amd64", "arm64"]), st.binary(max_size=200))
def test_any_code_gives_an_entry_inside_it_or_binary_error(arch: Arch, code: bytes) -> None:
    """The entry is always an instruction of the function."""
    try:
        offset = entry_offset(arch, code)
    except BinaryError:
        return

    assert 0 <= offset < len(code)
