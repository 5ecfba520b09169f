"""Rules of commands: how many ended, how many badly, and with which GOPROXY."""

import pytest
import stories
from windowed import CN, CORP, OFFSET, failing, fed, request

from modpulse.agent.batch.batch import MAX_CHAINS, Chain, ProxyWindow
from modpulse.agent.delivery.commands import Commands, chain_name
from modpulse.agent.records.records import ChainEntry, Process


def ended(exit_code: int | None = 0, ended_by: str | None = "exit", **fields) -> Process:
    """A command that is over."""
    return stories.process(exit_code=exit_code, ended_by=ended_by, **fields)


def chain(*entries: str) -> tuple[ChainEntry, ...]:
    """A GOPROXY whose entries fall through on any failure."""
    last = len(entries) - 1
    return tuple(ChainEntry(e, "|" if n < last else None) for n, e in enumerate(entries))


def stopped(*records) -> dict[str, int]:
    """At which proxies commands were stopped."""
    proxies: tuple[ProxyWindow, ...] = fed(*records).flush(OFFSET).proxies
    return {one.proxy: one.commands_stopped for one in proxies if one.commands_stopped}


@pytest.mark.parametrize(
    ("process", "expected"),
    [
        (ended(0), (1, 0)), (ended(1), (1, 1)), (ended(2, "crash"), (1, 1)),
        (ended(None, "signal"), (1, 1)), (ended(None, None), (0, 0)),
        (ended(1, role="git"), (0, 0)),
    ],
)  # fmt: skip
def test_what_counts(process: Process, expected: tuple[int, int]) -> None:
    """Each `go` that was seen to end; an error is a code that is not 0, a signal, a crash. One that
    becomes another toolchain goes on, and `git` is none."""
    commands = Commands()
    has_failed = commands.end(process)

    assert (commands.ended, commands.failed) == expected
    assert has_failed == bool(expected[1])


def test_a_window_has_its_own() -> None:
    """Commands are of the window in which they ended, idle proxies or not."""
    aggregator = fed(ended(0), ended(1))
    first, second = aggregator.flush(OFFSET), aggregator.flush(OFFSET)

    assert (first.commands, first.commands_failed, first.proxies) == (2, 1, ())
    assert (second.commands, second.commands_failed, second.chains) == (0, 0, ())


def test_chains() -> None:
    """The most frequent first, entries as they are sent, folders without their path; a command
    whose chain nobody learned is in none."""
    commands = Commands()
    corp, folder = chain(CORP, "direct"), chain("file:///srv/cache", "https://Proxy.Test/x", "off")
    for entries in (corp, folder, None, corp, ()):
        commands.end(ended(goproxy=entries))

    assert commands.ended == 5
    assert commands.chains() == (
        Chain(entries=f"{CORP}|direct", commands=2),
        Chain(entries="file:|https://proxy.test/x|off", commands=1),
    )
    assert chain_name(stories.process().goproxy or ()) == f"{CORP},{CN}|direct"


def test_chains_are_bounded() -> None:
    """Of more than there is room for those that came first are kept; one that is too long is not
    cut, for it would be another one. What is left out is counted."""
    commands = Commands()
    for number in range(MAX_CHAINS + 2):
        commands.end(ended(goproxy=chain(f"https://{number}.test")))
    commands.end(ended(goproxy=chain("https://0.test")))
    long = Commands()
    long.end(ended(goproxy=chain(*(f"https://{n}.test/{'x' * 400}" for n in range(6)))))

    assert len(commands.chains()) == MAX_CHAINS
    assert commands.chains()[0] == Chain(entries="https://0.test", commands=2)
    assert commands.chains_dropped == 2
    assert (long.chains(), long.chains_dropped, long.ended) == ((), 1, 1)


def test_who_stopped_a_command() -> None:
    """The proxy of its last request that failed and was followed by none: not of one that fell
    through, nor of an ordinary miss; and only where the command failed."""
    first = failing(1, start=1)
    second = failing(2, start=2, proxy=CN)

    assert stopped(first, ended(1)) == {CORP: 1}
    assert stopped(first, second, ended(1)) == {CN: 1}
    assert stopped(first, ended(0)) == {}
    assert stopped(failing(1, final="fell_through"), ended(1)) == {}
    assert stopped(request(1, status=404, final="stopped"), ended(1)) == {}
    assert stopped(request(1, status=404, final="stopped", suspect=True), ended(1)) == {CORP: 1}


def test_a_pid_that_is_used_again() -> None:
    """What stopped one command is not held against the next of its pid."""
    assert stopped(failing(1), ended(1), ended(1)) == {CORP: 1}
    assert stopped(failing(1), ended(None, None), ended(1)) == {}
