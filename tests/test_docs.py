"""What the documents say is there is there, and what is there they say."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from modpulse.agent import cli
from modpulse.agent.machine.check import CAPABILITIES
from modpulse.agent.records.failures import CLASSES
from modpulse.collector.cli import parser as collector_parser
from modpulse.collector.server import limits

TOP = Path(__file__).resolve().parents[1]
README, CHINESE = TOP / "README.md", TOP / "README.zh-CN.md"
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "systemd/*.md", "tests/*/README.md")
    for path in TOP.glob(pattern)
)
OUTSIDE = {"go.dev", "github.com", "goproxy.cn", "www.tcpdump.org", "127.0.0.1", "localhost"}
"""Hosts of URLs in documents, beside names that exist nowhere."""
NOWHERE = (".test", ".example", ".corp")
MACHINE = re.compile(r"(?<![\w.])/(?:work|root|home/\w)[/\w]*|\.pyenv|/opt/(?!modpulse)")
"""Paths that are somebody's machine, not everybody's."""


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def headings(path: Path) -> list[int]:
    """Levels of the headings, outside of code."""
    prose = re.sub(r"^```.*?^```", "", text_of(path), flags=re.MULTILINE | re.DOTALL)
    return [len(marks) for marks in re.findall(r"^(#+) ", prose, re.MULTILINE)]


def targets() -> dict[str, str]:
    """What `make help` lists."""
    return dict(re.findall(r"^([a-z]+):.*## (.+)$", text_of(TOP / "Makefile"), re.MULTILINE))


def help_of(program: str, *command: str) -> str:
    """What a program prints for --help."""
    code = f"import sys; from modpulse.{program}.cli import main; sys.exit(main(sys.argv[1:]))"
    argv = [sys.executable, "-P", "-c", code, *command, "--help"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


COLLECTOR = (
    "serve",
    "status",
    "top",
    "incidents",
    "agents",
    "history",
    "compare",
    "backup",
    "simulate",
)


@pytest.mark.parametrize(
    ("program", "command"),
    [
        *(("agent", name) for name in ("run", "replay", "agent", "check")),
        *(("collector", name) for name in COLLECTOR),
        *(("collector", name) for name in ("audit", "incidents note")),
        *(("collector", command) for command in ("token new", "token list", "token revoke")),
        *(("collector", command) for command in ("maintenance add", "maintenance end")),
    ],
)
def test_each_flag_is_documented(program, command):
    """Every option of every command is in a document."""
    flags = set(re.findall(r"--[a-z-]+", help_of(program, *command.split()))) - {"--help"}
    written = "".join(text_of(path) for path in (TOP / "docs").glob("*.md"))

    assert {flag for flag in flags if f"{flag}" not in written} == set()


def test_each_command_is_in_the_readme():
    """The README names every command of `modpulse`, in both languages."""
    commands = set(re.findall(r"^    ([a-z]+)(?: |$)", help_of("agent"), re.MULTILINE))

    assert len(commands) >= 6
    for path in (README, CHINESE):
        assert {name for name in commands if f"`modpulse {name}" not in text_of(path)} == set()


def test_commands_of_documents_are_in_the_makefile():
    """Every `make TARGET` that a document shows exists, and `make help` lists every target."""
    listed = targets()
    for path in DOCUMENTS:
        shown = re.findall(
            r"(?:^|`|&& |=1 )make ([a-z ]+?)(?= *(?:#|`|$| [A-Z]))", text_of(path), re.M
        )
        assert {word for words in shown for word in words.split()} - set(listed) == set(), path
    (phony,) = re.findall(r"^\.PHONY: (.+)$", text_of(TOP / "Makefile"), re.MULTILINE)

    assert set(phony.split()) == set(listed)


def test_chinese_says_the_same():
    """Both READMEs have the same sections, code, tables, list items and links."""
    english, chinese = text_of(README), text_of(CHINESE)

    assert headings(README) == headings(CHINESE)
    for pattern in (
        r"^```(?:\n\$.*?)^```",
        r"^\| `[A-Z_]+` ",
        r"^\d+\. ",
        r"^\* ",
        r"\]\((?!README)[^)]+\)",
    ):
        found = [re.findall(pattern, text, re.M | re.DOTALL) for text in (english, chinese)]
        assert found[0] == found[1]


def test_the_waterfall_is_in_the_first_screen():
    """What it does is seen before anything is explained."""
    first = text_of(README).splitlines()[:50]

    assert any(line.startswith("go mod download · exit 0 · ") for line in first)
    assert any("█" in line for line in first)


@pytest.mark.parametrize("path", [README, CHINESE], ids=lambda path: path.name)
def test_each_privilege_has_its_reason(path):
    """The README says what each capability is for."""
    found = re.findall(r"^\| `(CAP_\w+)` \| .+ \|$", text_of(path), re.MULTILINE)

    assert sorted(found) == sorted(CAPABILITIES)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(TOP)))
def test_links_lead_somewhere(path):
    """Every link within the checkout has a file at its end, and its heading."""
    for link in re.findall(r"\]\(([^)\s]+)\)", text_of(path)):
        if urlsplit(link).scheme:
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file) if file else path
        assert target.exists(), link
        if anchor:
            titles = re.findall(r"^#+ (.+)$", text_of(target), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
            assert anchor in slugs, link


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(TOP)))
def test_no_document_is_of_one_machine(path):
    """No path of somebody's machine, and no host that is not everybody's."""
    text = text_of(path)
    hosts = {urlsplit(url).hostname or "" for url in re.findall(r"https?://[\w.-]+", text)}

    assert MACHINE.findall(text) == []
    # Of the lab are names with a dot at their end, and addresses of its own network.
    lab = {host for host in hosts if host.startswith("10.44.") or host.endswith(".lab.test.")}
    strangers = {host for host in hosts - lab if "." in host and not host.endswith(NOWHERE)}
    assert strangers - OUTSIDE == set()


def test_each_library_has_its_reason():
    """ARCHITECTURE.md has a row for every library that is required."""
    (block,) = re.findall(
        r"^install_requires =\n((?:    .*\n)+)", text_of(TOP / "setup.cfg"), re.MULTILINE
    )
    rows = re.findall(r"^\| ([\w, ]+) \| .+ \| .+ \|$", text_of(TOP / "ARCHITECTURE.md"), re.M)
    named = {name.strip() for row in rows for name in row.split(",")}

    assert {line.split()[0] for line in block.splitlines()} - named == set()


def test_each_failure_class_is_documented():
    """docs/records.md names every class."""
    written = text_of(TOP / "docs" / "records.md")

    assert [name for name in CLASSES if name not in written] == []


def test_every_document_is_linked():
    """Who starts at the README finds every document."""
    linked = text_of(README)

    assert [path.name for path in (TOP / "docs").glob("*.md") if path.name not in linked] == []


def test_each_state_of_a_connection_is_documented():
    """docs/limits.md has every state, every counter of the door and every number."""
    (section,) = re.findall(
        r"^## A connection to the collector\n(.+?)^## ",
        text_of(TOP / "docs" / "limits.md"),
        re.M | re.S,
    )
    room = TOP / "collector" / "server"
    sources = "".join(
        text_of(room / f"{name}.py") for name in ("connection", "conversation", "door")
    )
    counted = re.findall(r'(?:count|refuse|_give_up)\(\s*"(\w+)"', sources)
    counted += [state.value for state in limits.State if state is not limits.State.CLOSED]

    assert len(counted) > 15
    assert {name for name in counted if f"`{name}`" not in section} == set()
    for number in (
        f"{limits.MAX_HEAD_BYTES >> 10} KiB, {limits.MAX_HEADERS} headers",
        f"{limits.MAX_MUTE_BYTES >> 10} KiB more than {limits.TLS_SHARE} for each byte",
        f"{limits.MAX_CHUNKS:,} chunks and one more for {limits.CHUNK_BYTES} bytes",
        f"answers of more than {limits.UNREAD_BYTES >> 10} KiB",
        f"{limits.FRAMING_BYTES >> 10} KiB for chunks and trailers",
        f"| {limits.ANSWER_S:g} s |",
        f"| {limits.IDLE_S:g} s |",
        f"| {limits.STREAM_S:g} s, {limits.MAX_STREAMS} at once |",
        f"{limits.LINGER_S:g} s, at most `r`",
    ):
        assert number in section


def test_the_parsers_are_those_of_the_programs():
    """`modpulse` hands over the commands of modpulse-collector, but what is for its host alone."""
    handed = set(cli._COLLECTOR_COMMANDS.values())

    assert handed | {"backup"} == set(
        re.findall(r"\{(.+?)\}", collector_parser().format_usage())[0].split(",")
    )


def test_files_that_sources_speak_of_are_there() -> None:
    """A docstring or a comment that names a file of ours names one that there is."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=TOP, capture_output=True, text=True, check=True
    ).stdout.split()
    names = {Path(name).name for name in listed}
    of_go = {"abi-internal.md"}
    missing = {
        (name, found)
        for name in listed
        if name.startswith(("agent/", "collector/", "bpf/"))
        for found in re.findall(r"[\w-]+\.(?:py|md|bpf\.[hc])\b", text_of(TOP / name))
        if found not in names | of_go
    }

    assert missing == set()
