"""What failed below a `go` is told by how each program ended, and by who started whom."""

import dataclasses

import pytest
import stories

from modpulse.agent.records.records import Program
from modpulse.agent.waterfall.programs import failed_below, starved, told
from modpulse.agent.waterfall.reasons import reasons

GO = stories.PID


def ended(pid, parent, name, ms, code=1, **fields):
    return Program(
        pid=pid, parent_pid=parent, exe=name and f"/usr/bin/{name}", start_at_ns=stories.T0,
        end_at_ns=stories.at(ms), exit_code=None if fields.get("signal") else code, **fields,
    )  # fmt: skip


def of(*programs, **fields):
    process = stories.process(exit_code=1)
    return stories.document(exit_code=1, processes=(process,), programs=programs, **fields)


@pytest.mark.parametrize(
    ("programs", "words"),
    [
        ((), ""),
        ((ended(1, GO, "compile", 5, 2),), "compile ended with exit code 2"),
        (
            (ended(3, 2, "cc1", 5, signal=9), ended(2, 1, "gcc", 6), ended(1, GO, "cgo", 7, 2)),
            "cc1 (below gcc, cgo) was killed by SIGKILL",
        ),
        ((ended(1, GO, "gcc", 5), ended(2, GO, "link", 6, 2)), "link ended with exit code 2"),
        ((ended(2, 1, "grep", 5), ended(3, GO, "link", 6)), "link ended with exit code 1"),
        ((ended(1, GO, None, 5, 253),), ""),
        ((ended(2, 1, None, 5), ended(1, GO, "sh", 6, 4)), "sh ended with exit code 4"),
        ((ended(2, 1, "cat", 5), ended(1, GO, None, 6, 4)), "cat ended with exit code 1"),
        ((ended(1, GO, "compile", 2000, 2),), ""),
        (
            tuple(ended(n, GO, "a.test", n, signal=9) for n in (1, 2)),
            "a.test was killed by SIGKILL (2 times)",
        ),
        (
            tuple(ended(n, GO, f"{n}.test", n, signal=6) for n in range(1, 6)),
            "1.test was killed by SIGABRT; 2.test was killed by SIGABRT; 3.test was killed by "
            "SIGABRT; 2 more failed",
        ),
    ],
    ids=[
        "nothing", "a compiler", "killed three below", "the last decides", "made good",
        "never executed", "a shell's own part", "below one that ran nothing", "after it",
        "alike", "many",
    ],
)  # fmt: skip
def test_who_failed_below(programs, words):
    """The deepest of what was killed, and of what failed last, is told with all above it."""
    document = of(*programs)

    assert told(failed_below(document.processes[0], document)) == words


def test_for_want_of_memory():
    """What the kernel killed is this machine's lack of memory, and nothing is unexplained."""
    document = of(ended(1, GO, "compile", 5, signal=9, for_memory=True))
    (reason,) = reasons(document)

    assert (reason.section, reason.cls) == ("machine", "local.memory")
    assert reason.words == "local.memory: the kernel killed compile for want of memory"


def test_without_a_go():
    """Below a command of which no `go` failed the same is told; of itself its exit code tells."""
    programs = (ended(2, 1, "cc1", 5, signal=9, for_memory=True), ended(1, 7, "make", 6, 2))
    document = dataclasses.replace(of(*programs), processes=())
    alone = dataclasses.replace(of(programs[1]), processes=())

    assert [made.words for made in starved([], document)] == [
        "local.memory: the kernel killed cc1 (below make) for want of memory"
    ]
    assert reasons(alone)[0].words.endswith("others are not watched")
