"""What a person sees after the command: the rules of the waterfall, and its looks as goldens."""

import os
import re
from pathlib import Path

import pytest
import stories
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.records.losses import EVENTS
from modpulse.agent.screen import words
from modpulse.agent.screen.style import Style
from modpulse.agent.waterfall.waterfall import render

GOLDEN = Path(__file__).parents[2] / "golden"
LOOKS = [
    ("fall-through", 80), ("fall-through", 100), ("fall-through", 160),
    ("failures", 100), ("many", 100), ("replay", 80), ("hanging", 80), ("hostile", 100),
]  # fmt: skip


def lines(name: str, **style) -> list[str]:
    return render(stories.STORIES[name](), Style(**style)).splitlines()


@pytest.mark.parametrize(("name", "columns"), LOOKS)
def test_looks(name, columns):
    """The waterfall looks as it was approved; UPDATE_GOLDEN=1 approves anew."""
    actual = render(stories.STORIES[name](), Style(columns=columns))
    path = GOLDEN / f"waterfall-{name}-{columns}.txt"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_text(actual)

    assert path.read_text() == actual


@pytest.mark.parametrize("name", stories.STORIES)
@pytest.mark.parametrize("columns", [60, 80, 100, 160, 400])
@pytest.mark.parametrize("unicode", [True, False])
def test_no_line_is_wider_than_the_terminal(name, columns, unicode):
    """Only a command to copy may be wider than the terminal."""
    wide = [
        line
        for line in lines(name, columns=columns, unicode=unicode)
        if words.width(line) > columns and not re.match(r"^\s+\$ ", line)
    ]

    assert wide == []


@pytest.mark.parametrize("name", stories.STORIES)
def test_colour_adds_nothing_but_colour(name):
    """Taking the colours away gives the plain text, so that nothing is told by colour alone."""
    coloured = render(stories.STORIES[name](), Style(columns=100, colour=True))

    assert render(stories.STORIES[name](), Style(columns=100)) == re.sub(
        "\x1b\\[\\d+m", "", coloured
    )


@pytest.mark.parametrize("name", stories.STORIES)
def test_ascii_when_the_stream_is_not_unicode(name):
    """Where the encoding is not Unicode nothing but ASCII is printed."""
    assert render(stories.STORIES[name](), Style(unicode=False)).isascii()


def test_rows_are_in_time_order_with_fall_throughs_marked():
    """A 404 points to the next entry, and that entry's row is marked as its successor."""
    rows = [line.split("  ")[0] for line in lines("fall-through", columns=160)[3:9]]
    expected = [
        "goproxy.corp",
        "goproxy.corp",
        "↳ goproxy.cn",
        "goproxy.cn",
        "sumdb:sum.golang.org",
        "goproxy.corp",
    ]

    assert expected == rows
    assert " 404 ↴ " in lines("fall-through", columns=160)[4]


def test_setup_stands_on_the_request_that_paid_for_it():
    """Only the row that caused a connection shows resolve, connect and tls."""
    rows = lines("fall-through", columns=160)[3:9]
    painted = ["".join(dict.fromkeys(re.sub(r"[^░▒▓█▄·]", "", row))) for row in rows]

    assert painted == ["▓█", "█", "░▒▓█", "█▄", "·█", "█▄"]


def test_causes_stand_in_the_order_of_the_roots():
    """DNS, HTTPS, checksum, auth: the order in which a person rules them out."""
    found = re.findall(r"^(DNS|HTTPS|checksum|auth) ", "\n".join(lines("failures")), re.MULTILINE)

    assert found == ["DNS", "HTTPS", "checksum", "auth"]


def test_every_cause_says_class_evidence_and_command():
    """A cause is its class, the evidence in words, and the command for a reproduce."""
    text = "\n".join(lines("failures"))

    assert "tls.expired: certificate of goproxy.corp expired 3 h ago" in text
    assert "$ openssl s_client -connect 10.0.0.7:443 -servername goproxy.corp </dev/null" in text
    assert "$ dig @10.0.0.53 nowhere.corp" in text
    assert "&& go mod verify" in text
    assert "$ curl -v" in text


def test_time_lost_is_told_per_proxy():
    """A proxy that did not answer shows the time it cost."""
    line = next(line for line in reversed(lines("failures")) if line.startswith("slow.corp"))

    assert line.split() == ["slow.corp", "1", "0", "1", "-", "-", "30.0", "s"]


def test_hundreds_of_requests_stay_readable():
    """Many rows are folded, but no failed one and not the slowest."""
    text = lines("many")
    failed = [line for line in text if " 500 " in line and "✗" in line]
    slow = [line for line in text if re.search(r"(19|20)\d ms", line)]

    assert len(text) < 60
    assert len(failed) == 3
    assert len(slow) == 5


def test_a_fold_says_how_many_it_stands_for():
    """Shown and folded rows add up to all requests."""
    text = lines("many")
    folded = sum(int(match[1]) for line in text if (match := re.match(r"⋮ (\d+) more", line)))
    shown = sum(line.startswith("goproxy.corp") for line in text) - 1

    assert folded + shown == 300


def test_all_shows_every_row():
    """`--all` folds nothing."""
    text = lines("many", all_rows=True)

    assert sum(line.startswith("goproxy.corp") for line in text) - 1 == 300


def test_losses_are_said():
    """Lost events are named; counters that only account for events are not losses."""
    text = " ".join(line.strip() for line in lines("hanging"))

    assert "! 12 events lost, so" in text
    assert f"ring_full 10 ({EVENTS['ring_full']})" in text
    assert "submitted" not in text


def test_a_stalled_request_hangs_until_the_process_ended():
    """A request without an answer lasts until the command gave up."""
    assert any("stalled" in line and "7.97 s" in line for line in lines("hanging"))


def test_a_capture_shows_connections():
    """Without requests each connection, and each lookup without one, has its row."""
    rows = [line.split()[0] for line in lines("replay")[3:7]]

    assert rows == ["goproxy.corp", "goproxy.cn", "goproxy.cn", "nowhere.corp"]


def test_a_process_seen_by_packets_alone_is_said():
    """Where probes missed a process, its connections are shown and the reason is named."""
    document = stories.document(connections=(stories.connection(1, "goproxy.corp", 5, 2),))
    text = render(document, Style())

    assert "Process 4242 was seen by its packets alone" in text


def test_the_title_names_the_program_not_its_folder():
    """A command is known by its name; where it lies is in the process record."""
    document = stories.document(command=("/usr/local/go/bin/go", "mod", "download"))

    assert render(document, Style()).startswith("go mod download · exit 0 · ")


def test_nothing_asked_is_one_line():
    """A command that stayed off the network gets one line."""
    assert len(lines("idle")) == 1


@given(st.text(max_size=40), st.text(max_size=40), st.integers(1, 300))
def test_no_control_character_reaches_the_terminal(name, version, columns):
    """Whatever names the network sends, the terminal gets printable lines."""
    document = stories.document(
        command=("go", name),
        requests=(
            stories.request(
                1, f"https://{name}", "list", name, version, 1, (1, 2, 3), 500, final="stopped",
                failure=stories.failed("http.5xx", name, name, version),
            ),
        ),
        losses={name: 1},
    )  # fmt: skip

    assert all(line.isprintable() for line in render(document, Style(columns=columns)).split("\n"))
