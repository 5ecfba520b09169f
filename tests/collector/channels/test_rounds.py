"""Rules of a channel that is told how everything is, with a real collector and a Gatus of ours."""

import re
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from collectors import Collector, call
from outages import SICK, fail, quick, recover, until
from receivers import Receiver, receiving, reset

from modpulse.collector.channels.message import Answer, DeliveryError, Post
from modpulse.collector.channels.rounds import ABSENT_NS, Rounds

S = 1_000_000_000
POSTS = {"modpulse_a": Post("https://x/a", b""), "modpulse_b": Post("https://x/b", b"")}
OK, ABSENT, REFUSED = (
    Answer(200, None, b""),
    Answer(404, None, b"not found"),
    Answer(401, None, b""),
)
WAIT_S = 60


def test_a_round_is_due_when_a_state_changes_and_regularly() -> None:
    """And never before the channel is to be asked again."""
    rounds = Rounds()
    states = {"a": "healthy"}

    assert rounds.wait_ns(states, 60, 0, 5 * S) == 0  # type: ignore[arg-type]
    rounds.begin({}, 5 * S)
    rounds.states = states  # type: ignore[assignment]
    assert rounds.wait_ns(states, 60, 0, 6 * S) == 59 * S  # type: ignore[arg-type]
    assert rounds.wait_ns({"a": "down"}, 60, 0, 6 * S) == 0
    assert rounds.wait_ns({"a": "down"}, 60, 9 * S, 6 * S) == 3 * S
    assert rounds.wait_ns(states, 60, 0, 65 * S) == 0  # type: ignore[arg-type]


def test_what_is_not_known_there_is_left_alone_for_a_while() -> None:
    """One that answers 404 is asked again after ten minutes, and forgotten with its proxy."""
    rounds = Rounds()
    rounds.begin(POSTS, S)

    assert rounds.end([("modpulse_a", OK), ("modpulse_b", ABSENT)], 0) == (1, "")
    assert list(rounds.begin(POSTS, 2 * S)) == ["modpulse_a"]
    assert list(rounds.begin(POSTS, S + ABSENT_NS)) == ["modpulse_a", "modpulse_b"]
    rounds.end([("modpulse_a", OK), ("modpulse_b", ABSENT)], 0)
    rounds.begin({}, 3 * S)
    assert rounds.absent == {}


def test_nothing_known_there_is_trouble_for_as_long_as_it_lasts() -> None:
    """A wrong address, or nothing configured, is no channel that works."""
    rounds = Rounds()
    rounds.begin(POSTS, S)
    with pytest.raises(DeliveryError, match="it knows no endpoint modpulse_a"):
        rounds.end([("modpulse_a", ABSENT), ("modpulse_b", ABSENT)], 0)
    with pytest.raises(DeliveryError, match="it knows no endpoint modpulse_a"):
        rounds.begin(POSTS, 2 * S)


def test_what_some_refuse_is_said() -> None:
    """Others are told all the same; where none takes it the channel does not work."""
    rounds = Rounds()
    rounds.begin(POSTS, S)

    assert rounds.end([("modpulse_a", OK), ("modpulse_b", REFUSED)], 3) == (
        1, "modpulse_b: answered 401; no time was left for 3",
    )  # fmt: skip
    with pytest.raises(DeliveryError, match="modpulse_b: answered 401"):
        rounds.end([("modpulse_b", REFUSED)], 0)


def told(receiver: Receiver) -> list[tuple[str, str]]:
    """Key and success of each request that came, of which one alone counts."""
    found = []
    for path, headers, _ in receiver.got:
        assert headers["authorization"] == "Bearer t0ken"
        parts = urlsplit(path)
        (name,) = re.findall("/api/v1/endpoints/([^/]+)/external", parts.path)
        found.append((name, parse_qs(parts.query)["success"][0]))
    return found


def seen(receiver: Receiver, wanted: tuple[str, str]) -> None:
    """Wait until it was told."""
    end = time.monotonic() + WAIT_S
    while wanted not in told(receiver):
        assert time.monotonic() < end, told(receiver)
        time.sleep(0.05)


def collector(folder: Path, url: str) -> Collector:
    """One with a channel to Gatus and another."""
    (folder / "token").write_text("t0ken\n")
    root = url.removesuffix("/hook")
    gatus = f'name = "status"\nkind = "gatus"\nurl = "{root}"\nsecret_file = "{folder / "token"}"\n'
    return quick(folder, f"[[channel]]\n{gatus}", channel_dead_for_seconds=0.2)


def test_each_change_is_told_at_once_and_no_notice(tmp_path: Path) -> None:
    """A receiver that is no Gatus, but answers as one, hears of both proxies and of each turn."""
    with receiving() as receiver:
        made = collector(tmp_path, receiver.url).start()
        try:
            fail(made)
            seen(receiver, ("modpulse_sick-example", "false"))
            seen(receiver, ("modpulse_good-example", "true"))
            until(made, lambda found: found["incidents"])
            recover(made)
            seen(receiver, ("modpulse_sick-example", "true"))
            shown = until(made, lambda found: found["channels"][0]["delivered"] > 2)
        finally:
            made.end()

    (channel,) = shown["channels"]
    assert (channel["waiting"], channel["dead_since"], channel["severities"]) == (0, None, [])
    assert shown["incidents"][0]["proxies"] == [SICK]
    assert all(path.startswith("/api/v1/endpoints/modpulse_") for path, _, _ in receiver.got)


def test_a_dead_gatus_shows_and_nothing_piles_up(tmp_path: Path) -> None:
    """It is trouble of the channel, an incident of its own; it hears of now when it comes back."""
    with receiving(*[reset] * 4) as receiver:
        made = collector(tmp_path, receiver.url).start()
        try:
            fail(made)
            shown = until(
                made, lambda found: any(i["topic"] == "channel" for i in found["incidents"])
            )
            (channel,) = shown["channels"]
            metrics = call(made, "GET", "/metrics").body.decode()
            seen(receiver, ("modpulse_good-example", "true"))
            after = until(made, lambda found: found["channels"][0]["dead_since"] is None)
        finally:
            made.end()

    assert (channel["waiting"], channel["delivered"]) == (0, 0)
    assert channel["error"]
    assert 'modpulse_channel_dead{channel="status"} 1' in metrics
    assert after["channels"][0]["error"] is None
