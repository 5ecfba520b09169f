"""Where in a `go` binary to probe."""

import re
import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lab.parts import ask_go, build_environment, machine_go

from modpulse.agent.binary.elf import BinaryError, parse_elf
from modpulse.agent.binary.gotypes import read_fields
from modpulse.agent.binary.offsets import MINORS
from modpulse.agent.binary.pclntab import find_functions, find_pclntab
from modpulse.agent.binary.plan import READ_LEAF, READ_OPERATION, plan
from modpulse.agent.binary.probes import PROBES
from modpulse.agent.events.sites import Site

EVENTS = Path(__file__).parents[3] / "bpf" / "events.h"
EMULATED = re.compile(rb"[\x50-\x57\x70-\x7f\x90\xe9\xeb]|\x0f[\x80-\x8f]")
"""A push, jump or nop at a breakpoint costs half a microsecond, any other instruction many."""
STEPPED = {Site.DIAL_DONE, Site.READ_REMOTE_FAILED}
"""Once a connection, or once a request for the checksum database."""
ENTRIES = {site for site, probe in PROBES.items() if probe.at == "entry"}


def changed(image: bytes, offset: int, data: bytes) -> bytes:
    """The image with some bytes replaced."""
    return image[:offset] + data + image[offset + len(data) :]


def test_sites_have_the_numbers_of_the_kernel_side() -> None:
    """bpf/events.h and Site agree in names and numbers."""
    numbers = re.findall(r"^\tSITE_(\w+) = (\d+),$", EVENTS.read_text(), re.MULTILINE)

    assert {site.name: site.value for site in Site} == {name: int(n) for name, n in numbers}


def test_every_site_has_a_probe_and_says_what_is_lost_without_it() -> None:
    """`modpulse check` prints one sentence per missing site."""
    assert set(Site) == set(PROBES)
    assert all(re.fullmatch(r"[A-Z].*\.", probe.lost) for probe in PROBES.values())


@pytest.mark.releases
@pytest.mark.parametrize("minor", MINORS)
def test_every_release_can_be_probed(release: Callable[[int], Path], minor: int) -> None:
    """All sites are found in all releases, but for the functions that came later."""
    image = release(minor).read_bytes()
    lacking = {site for site, probe in PROBES.items() if probe.since > minor}

    found = plan(image)

    counts = Counter(point.site for point in found.points)
    assert lacking == set(found.missing)
    assert set(Site) - lacking == set(counts)
    assert {counts[site] for site in ENTRIES - lacking} == {1}
    assert found.layout_index == MINORS.index(minor)
    assert len({point.offset for point in found.points}) == len(found.points)
    stepped = {point.site for point in found.points if not EMULATED.match(image, point.offset)}
    assert stepped <= (STEPPED if minor > 20 else STEPPED | ENTRIES)


@pytest.mark.releases
@pytest.mark.parametrize("minor", MINORS)
def test_the_callers_are_all_callers(release: Callable[[int], Path], minor: int) -> None:
    """No release calls a function from elsewhere, where its return would not be seen."""
    image = release(minor).read_bytes()
    elf = parse_elf(image)
    probes = [probe for probe in PROBES.values() if probe.callers and not probe.by_closure]
    names = {name for probe in probes for name in (*probe.symbols, *probe.callers)}
    functions = find_functions(elf, find_pclntab(elf), names)
    calls = defaultdict(set)
    (text,) = (segment for segment in elf.segments if segment.executable)
    code = image[text.offset : text.offset + text.size]
    for match in re.finditer(rb"\xe8(?=(....))", code, re.DOTALL):
        address = text.address + match.start()
        calls[address + 5 + int.from_bytes(match[1], "little", signed=True)].add(address)

    for probe in probes:
        (callee,) = (functions[name] for name in probe.symbols if name in functions)
        callers = [functions[name] for name in probe.callers if name in functions]
        found = calls[callee.address]
        assert found
        assert found == {
            call for call in found for by in callers if 0 <= call - by.address < by.size
        }


@pytest.mark.releases
def test_a_release_for_arm64_can_be_probed(arm64_go: Path) -> None:
    """Returns are return words, and entries follow the branch of the stack check."""
    image = arm64_go.read_bytes()

    found = plan(image)

    def word(offset: int) -> int:
        return int.from_bytes(image[offset : offset + 4], "little")

    assert (found.arch, found.missing) == ("arm64", {})
    assert set(Site) == {point.site for point in found.points}
    for point in found.points:
        if point.site in ENTRIES:
            assert word(point.offset - 4) & 0xFF00001F == 0x54000009
        else:
            assert word(point.offset) == 0xD65F03C0


@pytest.mark.releases
def test_another_disassembler_agrees(go_path: Path, go_image: bytes) -> None:
    """By `go tool objdump` every point is behind a stack check, at a return, or behind a call."""
    elf = parse_elf(go_image)
    after: dict[int, str] = {}
    behind: dict[int, str] = {}
    returns: dict[int, str] = {}
    for function, listing in objdump(go_path).items():
        called = ""
        for address, code, text in listing:
            offset = elf.offset(address)
            after[offset + len(code) // 2] = text.split()[0]
            behind[offset] = called
            if text.startswith("RET"):
                returns[offset] = function
            if text.startswith("CALL"):
                called = text.split()[1].removesuffix("(SB)")

    found = plan(go_image)

    for point in found.points:
        probe = PROBES[point.site]
        if probe.at == "entry":
            assert after[point.offset] == "JBE"
        elif probe.by_closure:
            assert behind[point.offset] in ("CX", "SI")
        elif returns.get(point.offset) in probe.symbols:
            expected = {at for at, name in returns.items() if name in probe.symbols}
            assert expected == {each.offset for each in found.points if each.site is point.site}
        else:
            assert behind[point.offset] in probe.symbols


def objdump(binary: Path) -> dict[str, list[tuple[int, str, str]]]:
    """Function -> (address, code in hex, instruction), of all that is probed or calls it."""
    names = {name for probe in PROBES.values() for name in (*probe.symbols, *probe.callers)}
    pattern = f"^({'|'.join(map(re.escape, names))})$"
    output = ask_go("tool", "objdump", "-s", pattern, str(binary))
    return {
        text.partition("(SB)")[0]: [
            (int(address, 16), code, instruction)
            for address, code, instruction in re.findall(
                r"\t0x(\w+)\t+([0-9a-f]+)\t+(.+?)\s*$", text, re.MULTILINE
            )
        ]
        for text in output.split("TEXT ")[1:]
    }


def test_a_plan_tells_what_the_reader_of_events_needs(go_image: bytes) -> None:
    """Version, wrapped errors by type, and names of types."""
    found = plan(go_image)
    by_name = {name: address for address, name in found.type_names.items()}

    assert found.version.startswith("go1.")
    assert (found.arch, found.pie, found.missing) == ("amd64", False, {})
    assert found.wrapped[by_name["*url.Error"]] == 32
    assert found.wrapped[by_name["*net.OpError"]] == 64 | READ_OPERATION
    assert found.wrapped[by_name["x509.HostnameError"]] == 8 | READ_LEAF
    assert found.type_name(by_name["*net.DNSError"]) == "*net.DNSError"
    assert found.type_name(0) is None


def test_constant_strings_can_be_read_back_from_the_file(go_image: bytes) -> None:
    """An address of constant data leads to its bytes; one of a variable or the heap does not."""
    found = plan(go_image)
    text = b"http: server gave HTTP response to HTTPS client"
    address = parse_elf(go_image).address(go_image.index(text))
    offset = found.file_offset(address, len(text))
    variables = next(segment for segment in found.segments if segment.writable)

    assert offset is not None
    assert go_image[offset : offset + len(text)] == text
    assert found.file_offset(variables.address, 1) is None
    assert found.file_offset(0xC000010000, 1) is None


def test_an_unknown_release_is_left_alone(go_image: bytes) -> None:
    """Without a layout nothing is probed, and every site says why."""
    at = parse_elf(go_image).sections[".go.buildinfo"].offset + 33
    minor = plan(go_image).version[len("go1.") :][:2]
    found = plan(changed(go_image, at, b"go1.9" + minor[1:].encode()))

    assert (found.layout_index, found.layout, found.points) == (None, None, ())
    assert set(Site) == set(found.missing)
    assert set(found.missing.values()) == {f"release {found.version} is not known"}


def test_a_release_that_is_not_what_it_says_is_left_alone(go_image: bytes) -> None:
    """A vendor's patch that moves a field is seen in the binary's own types: nothing is probed."""
    elf = parse_elf(go_image)
    found = plan(go_image)
    assert found.layout is not None
    error = next(at for at, name in found.type_names.items() if name == "*net.DNSError")
    struct = elf.pointer(error + 48)
    fields = list(read_fields(elf, error))
    at = elf.pointer(struct + 56) + 24 * fields.index("IsTimeout") + 16
    moved = (found.layout.dns_error_is_timeout + 8).to_bytes(8, "little")

    found = plan(changed(go_image, elf.offset(at), moved))

    assert (found.layout_index, found.points) == (None, ())
    assert set(found.missing.values()) == {"net.DNSError.IsTimeout is not where its release has it"}


def test_only_the_go_command_is_probed(tmp_path: Path) -> None:
    """Another program made by Go has the same functions, and is not ours to watch."""
    source = tmp_path / "main.go"
    source.write_text("package main\n\nfunc main() {}\n")
    subprocess.run(
        [machine_go(), "build", "-o", "program", str(source)],
        env=build_environment(),
        cwd=tmp_path,
        check=True,
    )

    with pytest.raises(BinaryError, match="built from command-line-arguments, not the go command"):
        plan((tmp_path / "program").read_bytes())


@pytest.mark.parametrize(
    ("at", "code", "reason"),
    [
        (0, b"\x90" * 4, None),
        (4, b"\x90\x90", "a stack check of an unknown form"),
    ],
)
def test_a_function_that_begins_otherwise_is_missing(
    go_image: bytes, at: int, code: bytes, reason: str | None
) -> None:
    """A changed prologue is refused, unless there is no stack check at all."""
    original = plan(go_image)
    after = next(point.offset for point in original.points if point.site is Site.ERROR_SAID)

    found = plan(changed(go_image, after - 6 + at, code))

    assert reason == found.missing.get(Site.ERROR_SAID)
    assert (reason is None) == (Site.ERROR_SAID in {point.site for point in found.points})


def test_a_function_that_cannot_be_disassembled_is_missing(go_image: bytes) -> None:
    """One unreadable instruction costs the returns of its function, nothing else."""
    original = plan(go_image)
    first = next(point.offset for point in original.points if point.site is Site.WEB_GET)
    dial = next(point.offset for point in original.points if point.site is Site.DIAL_START)

    found = plan(changed(changed(go_image, dial, b"\x06" * 4), first, b"\x06" * 4))

    assert found.missing == {Site.DIAL_DONE: "code that cannot be disassembled"}


def test_a_caller_that_cannot_be_disassembled_costs_nothing_but_time(go_image: bytes) -> None:
    """Then the returns of the function itself are probed."""
    original = plan(go_image)
    (behind,) = (point.offset for point in original.points if point.site is Site.ROUND_TRIP_DONE)

    found = plan(changed(go_image, behind, b"\x06"))

    returns = [point.offset for point in found.points if point.site is Site.ROUND_TRIP_DONE]
    assert found.missing == {}
    assert len(returns) > 1
    assert {go_image[offset] for offset in returns} == {0xC3}


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_corrupted_binary_gives_a_plan_or_binary_error(
    go_image: bytes, data: st.DataObject
) -> None:
    """Any word of the tables that are read may be wrong, and the file may be cut anywhere."""
    elf = parse_elf(go_image)
    table = find_pclntab(elf)
    places = [
        (0, 64 + 56 * 10),
        (elf.sections[".go.buildinfo"].offset, 64),
        (elf.offset(table.address), 72),
        (elf.offset(table.functions), table.function_count * 8),
        (elf.offset(table.module), 568),
        (elf.offset(elf.pointer(table.module + 296)), 1 << 20),
        (len(go_image) - 64 * 40, 64 * 39),
    ]
    start, size = data.draw(st.sampled_from(places))
    at = start + data.draw(st.integers(0, size - 8))
    word = data.draw(st.one_of(st.binary(min_size=1, max_size=8), st.just(b"\xff" * 8)))
    cut = data.draw(st.one_of(st.none(), st.integers(0, len(go_image))))

    with suppress(BinaryError):
        plan(changed(go_image, at, word)[:cut])
