"""The document of a capture file."""

import json
import os
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import dns.message
import jsonschema
import pytest
from builders import udp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modpulse.agent.cli import main
from modpulse.agent.commands.replay import replay
from modpulse.agent.source.capture import CaptureError

AT_S, AT_NS = 1_790_000_000, 123_456_789
RAW_IP = 101


def capture(path: Path, *packets: bytes) -> Path:
    """A pcap file with nanoseconds, one packet per millisecond."""
    blocks = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, RAW_IP)]
    for number, data in enumerate(packets):
        at_ns = AT_NS + number * 1_000_000
        blocks.append(struct.pack("<IIII", AT_S, at_ns, len(data), len(data)) + data)
    path.write_bytes(b"".join(blocks))
    return path


def test_a_lookup(tmp_path: Path) -> None:
    """Packets make lookups, on the capture's own clock, and no process."""
    question = dns.message.make_query("a.test.", "A", id=7)
    reply = dns.message.make_response(question).to_wire()
    path = capture(tmp_path / "dns.pcap", udp(question.to_wire()), udp(reply, outgoing=False))

    document = replay(path)

    (lookup,) = document.lookups
    assert (lookup.host, lookup.at_ns, lookup.lookup_ns) == (
        "a.test", AT_S * 1_000_000_000 + AT_NS, 1_000_000,
    )  # fmt: skip
    assert document.processes == ()
    assert (document.clock, document.exit_code, document.command) == ("realtime", None, ())
    assert document.started_at == "2026-09-21T14:13:20.123456789Z"
    assert document.started_at_ns == AT_S * 1_000_000_000 + AT_NS


def test_an_empty_capture(tmp_path: Path) -> None:
    """Nothing happened, at no time in particular."""
    document = replay(capture(tmp_path / "empty.pcap"))

    assert (document.lookups, document.started_at) == ((), "1970-01-01T00:00:00.000000000Z")


RESOLUTIONS = (None, 0, 6, 9, 19, 20, 63, 127, 128, 130, 191, 192, 255)
"""Values of if_tsresol: powers of ten, and with the highest bit of two."""
TIMES = (0, 1, 10**6, 1 << 32, 1_790_000_000 << 20, (1 << 62) + 1, 1 << 63, (1 << 64) - 1)
SCHEMA = jsonschema.Draft202012Validator(
    json.loads((Path(__file__).parents[2] / "records.schema.json").read_text())
)


def dated(resolution: int | None, order: str, times: Sequence[int]) -> bytes:
    """A pcapng file of a question and its answer, over and over, at these times."""

    def block(kind: int, body: bytes) -> bytes:
        size = struct.pack(f"{order}I", len(body) + 12)
        return struct.pack(f"{order}I", kind) + size + body + size

    option = b"" if resolution is None else struct.pack(f"{order}HHB3x", 9, 1, resolution)
    question = dns.message.make_query("a.test.", "A", id=7)
    answer = dns.message.make_response(question).to_wire()
    file = block(0x0A0D0D0A, struct.pack(f"{order}IHHqI", 0x1A2B3C4D, 1, 0, -1, 0))
    file += block(1, struct.pack(f"{order}HHI", RAW_IP, 0, 0) + option + bytes(4))
    for number, at in enumerate(times):
        data = udp(question.to_wire()) if number % 2 == 0 else udp(answer, outgoing=False)
        head = struct.pack(f"{order}5I", 0, at >> 32, at & 0xFFFFFFFF, len(data), len(data))
        file += block(6, head + data + bytes(-len(data) % 4))
    return file


def run_replay(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Replay it in both ways: a document that its schema knows and a picture, or one line."""
    code = main(["replay", "--json", "-", str(path)])
    shown = capsys.readouterr()
    assert (code, shown.out == "") in ((0, False), (1, True))
    if code == 0:
        SCHEMA.validate(json.loads(shown.out))
    else:
        assert shown.err.startswith("modpulse: ")
        assert len(shown.err.splitlines()) == 1
    assert main(["replay", str(path)]) == code
    assert capsys.readouterr().err


@pytest.mark.parametrize("resolution", RESOLUTIONS)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from(TIMES) | st.integers(0, (1 << 64) - 1), max_size=6),
    st.sampled_from("<>"),
)
def test_absurd_times(
    resolution: int | None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    times: list[int],
    order: str,
) -> None:
    """Times of any size, in any order and unit, make a document, a picture and no traceback."""
    path = tmp_path / "dated.pcapng"
    path.write_bytes(dated(resolution, order, times))
    run_replay(path, capsys)


def test_times_that_go_back(tmp_path: Path) -> None:
    """A packet from before its predecessor counts as of its predecessor's time, and is counted."""
    path = tmp_path / "back.pcapng"
    path.write_bytes(dated(9, "<", (2_000_000_000, 1_000_000_000, 3_000_000_000, 1 << 63)))
    document = replay(path)

    assert [lookup.lookup_ns for lookup in document.lookups if lookup.lookup_ns is not None] == [0]
    assert document.losses["out_of_order"] == 1
    assert document.losses["untimed"] == 1


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(RESOLUTIONS),
    st.integers(0, 600),
    st.binary(max_size=8),
    st.integers(0, 600),
)
def test_damaged_files(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    resolution: int | None,
    at: int,
    junk: bytes,
    end: int,
) -> None:
    """A file with wrong bytes in it, cut anywhere, ends in a document or in one line."""
    whole = dated(resolution, "<", TIMES)
    path = tmp_path / "damaged.pcapng"
    path.write_bytes((whole[:at] + junk + whole[at + len(junk) :])[: len(whole) - end])
    run_replay(path, capsys)


def test_cut_at_each_length(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever is missing from the end."""
    whole = dated(9, "<", (1, 2, 3))
    path = tmp_path / "cut.pcapng"
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        run_replay(path, capsys)


def test_a_block_that_says_it_is_huge(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a file that has what it says, but more than any block has, nothing more is read."""
    whole = bytearray(dated(9, "<", (1, 2)))
    at = whole.index(struct.pack("<I", 6), 40)
    whole[at + 4 : at + 8] = struct.pack("<I", 0xFFFFFFF0)
    path = tmp_path / "sparse.pcapng"
    path.write_bytes(whole)
    os.truncate(path, 5 << 30)
    run_replay(path, capsys)


def test_what_is_no_file_to_read_or_to_write(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A place that cannot be read from or written to is said in one line."""
    good = capture(tmp_path / "good.pcap")
    odd = tmp_path / "two\nlines"
    for words in (
        ["/dev/zero"], [str(tmp_path)], [str(tmp_path / "none")], [str(odd)],
        ["--json", str(tmp_path), str(good)], ["--json", "/dev/full", str(good)],
        ["--json", str(odd / "x"), str(good)],
    ):  # fmt: skip
        assert main(["replay", *words]) == 1
        said = capsys.readouterr().err
        assert said.startswith("modpulse: ")
        assert len(said.splitlines()) == 1


def test_stdout_that_takes_nothing(tmp_path: Path) -> None:
    """A full disk or a closed pipe behind stdout ends in one line, too."""
    good = capture(tmp_path / "good.pcap")
    words = [sys.executable, "-m", "modpulse.agent.cli", "replay", "--json", "-", str(good)]
    reader, closed = os.pipe()
    os.close(reader)
    with open("/dev/full", "wb") as full, open(closed, "wb") as pipe:
        for stdout in (full, pipe):
            done = subprocess.run(words, stdout=stdout, stderr=subprocess.PIPE, check=False)
            assert done.returncode == 1
            assert len(done.stderr.splitlines()) == 1


def test_no_capture(tmp_path: Path) -> None:
    """Another file is refused."""
    path = tmp_path / "text"
    path.write_text("hello")

    with pytest.raises(CaptureError, match="neither pcap nor pcapng"):
        replay(path)
