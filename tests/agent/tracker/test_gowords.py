"""What is Go's own of what a command tells its user."""

import struct

import pytest
from builders import go_error
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.events.events import GoError
from modpulse.agent.tracker.gowords import told_words

CONSTANT, MADE = 0xBFC195, 0xC000123456
"""Where a text lies: in the executable, and in memory that `go` took."""


def text_at(address: int, text: str) -> GoError:
    """An error that is a text."""
    leaf = struct.pack("<QQ", address, len(text))
    return go_error("*mvs.BuildListError", "*errors.errorString", leaf=leaf, text=text)


def errno(number: int) -> GoError:
    """An error of the kernel."""
    return go_error("*fs.PathError", "syscall.Errno", leaf=struct.pack("<Q", number))


@pytest.mark.parametrize(
    ("form", "error", "words"),
    [
        ("go: %v", errno(20), "not a directory"),
        ("go: %v", errno(111), "connection refused"),
        ("go: %v", errno(133), "errno 133"),
        ("go: %v", go_error("*net.DNSError", text="no such host"), "no such host"),
        ("go: %v", text_at(CONSTANT, "module lookup disabled"), "module lookup disabled"),
        ("go: %v", text_at(MADE, "invalid: people/alice"), None),
        ("go: %v", text_at(MADE, "EOF"), "EOF"),
        ("go: %s: %v", text_at(MADE, "alice"), None),
        ("-mod=%s not supported", go_error("?", text="bogus"), "-mod=… not supported"),
        ("download %s for %s/%s: toolchain not available", None,
         "download … for …/…: toolchain not available"),
        ("go: %v", None, None),
        ("%-5.2f%%", None, None),
    ],
)  # fmt: skip
def test_words(form: str, error: GoError | None, words: str | None) -> None:
    """Constants of `go` and of the kernel are said, what came at run time is not."""
    assert told_words(form, error) == words


@given(
    st.sampled_from(["%v", "go: %v", "go: %s: %v", "parsing %s"]),
    st.sampled_from(["*errors.errorString", "*fmt.wrapError", "*net.DNSError", "?", "*url.Error"]),
    st.binary(max_size=16) | st.just(struct.pack("<QQ", MADE, 6)),
)
def test_nothing_of_others(form: str, kind: str, leaf: bytes) -> None:
    """Whatever error it is, a text that may be another's is not repeated."""
    address = int.from_bytes(leaf[:8], "little")
    words = told_words(form, go_error(kind, leaf=leaf, text="hunter"))

    assert words is None or "hunter" not in words or address < 1 << 31
