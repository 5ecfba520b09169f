"""Rules of the world: what agents ship when something happens to them, as real batches."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from fleets import FLEET, A, B, script
from hypothesis import given, settings
from hypothesis import strategies as st

from modpulse.agent.batch.batch import Batch, Outcomes, ProxyWindow, decode
from modpulse.agent.batch.sketch import Sketch
from modpulse.agent.service.units import NS
from modpulse.collector.intake import ingest
from modpulse.collector.simulate.script import Script
from modpulse.collector.simulate.world import Post, World

MINUTES_10 = "begin_minutes = 10\nend_minutes = 20"


def posts(made: Script, step_s: int = 10) -> list[Post]:
    """Everything that is shipped, asked for in steps."""
    world = World(made)
    end_s = round(made.end_s)
    return [p for at_s in range(step_s, end_s + 1, step_s) for p in world.posts(at_s * NS)]


def batches(made: Script, begin: float = 0, end: float = 30) -> list[Batch]:
    """Those that arrive from one minute to another."""
    return [decode(p.body) for p in posts(made) if begin <= p.at_ns / NS / 60 < end]


def windows(made: Script, proxy: str = A, begin: float = 11, end: float = 20) -> list[ProxyWindow]:
    """What they say of one proxy."""
    return [w for batch in batches(made, begin, end) for w in batch.proxies if w.proxy == proxy]


def total(found: list[ProxyWindow], name: str) -> Counter[str]:
    """The sum of a table of counts."""
    return sum((Counter(getattr(window, name)) for window in found), Counter[str]())


def test_the_same_script_the_same_bytes() -> None:
    """However often it is played, and in whatever steps it is asked for; another seed, others."""
    made = script('kind = "fail"\nfailure = "http.5xx"\nshare = 0.3')
    bodies = {post.at_ns: post.body for post in posts(made)}

    assert {post.at_ns: post.body for post in posts(made, step_s=30)} == bodies
    assert {post.at_ns: post.body for post in posts(replace(made, seed=2))} != bodies


def test_what_happens_changes_no_luck() -> None:
    """Until it happens, and for hosts that it does not hit, all is as if it did not."""
    usual = posts(script(""))
    sick = posts(script(f'kind = "fail"\nfailure = "http.5xx"\nsite = "fra"\n{MINUTES_10}'))
    pairs = list(zip(usual, sick, strict=True))
    differ = [decode(one.body) for one, other in pairs if one.body != other.body]

    assert {batch.agent_id for batch in differ} == {"fra-1", "fra-2"}
    assert all(one.body == other.body for one, other in pairs if one.at_ns < 600 * NS)


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 2**63 - 1),
    st.sampled_from(["|", ","]),
    st.floats(0, 1),
    st.sampled_from(["http.5xx", "tcp.timeout", "dns.nxdomain", "tls.expired", "checksum.gosum"]),
)
def test_the_collector_takes_it(seed: int, fallback: str, share: float, failure: str) -> None:
    """Each batch is one that the real ingest reads, whatever happens; counts add up."""
    fleet = FLEET.replace(f'name = "{A}"', f'name = "{A}"\nfallback = "{fallback}"')
    fleet = fleet.replace("hours = 0.5", f"hours = 0.1\nseed = {seed}")
    made = script(f'kind = "fail"\nfailure = "{failure}"\nshare = {share}', fleet=fleet)
    for post in posts(made):
        arrival = ingest.read(post.body, None, ingest.Clocks(post.at_ns + post.wall_ns))
        for seen in arrival.sightings:
            assert seen.counts.requests >= len(seen.failed_at_ns)
            assert all(at_ns <= arrival.arrived_ns for at_ns in seen.failed_at_ns)


def test_ordinary_days() -> None:
    """Each agent ships each window, in order; the second entry is asked for what is missed."""
    found = batches(script(""))
    first, second = windows(script("")), windows(script(""), B)

    assert Counter(b.agent_id for b in found) == dict.fromkeys(
        ("ams-1", "ams-2", "ams-3", "fra-1", "fra-2"), 179
    )
    assert [b.seq for b in found if b.agent_id == "ams-1"] == list(range(179))
    assert total(first, "failures") == {}
    misses = sum(window.misses for window in first)
    assert 0.01 < misses / sum(window.requests for window in first) < 0.1
    assert sum(window.requests for window in second) == pytest.approx(misses, abs=3)
    assert {address for window in first for address in window.addresses} == {
        "192.0.2.1",
        "192.0.2.2",
    }


def test_heartbeats() -> None:
    """An idle agent ships as often as the script says; one that saw something in each window."""
    made = replace(script(""), builds_per_hour=0)

    assert len(batches(made)) == 5 * 179
    assert len(batches(replace(made, heartbeat_seconds=60))) in range(5 * 29, 5 * 36)


@pytest.mark.parametrize(
    ("target", "only"),
    [
        ('host = "ams-2"', "ams-2"), ('site = "fra"', "fra"), ('resolver = "198.51.100.53"', "fra"),
        (f'proxy = "{A}"', ""),
    ],
)  # fmt: skip
def test_whom_it_hits(target: str, only: str) -> None:
    """Whom it names, and nobody else."""
    made = script(f'kind = "fail"\nfailure = "tcp.refused"\n{target}\n{MINUTES_10}')
    hit = {b.agent_id for b in batches(made, 11, 20) for w in b.proxies if w.failures}
    every = {b.agent_id for b in batches(made)}

    assert hit == {agent_id for agent_id in every if agent_id.startswith(only)}
    if "proxy" in target:
        assert total(windows(made, B), "failures") == {}
    assert total(windows(made, begin=0, end=10), "failures") == {}
    assert total(windows(made, begin=21, end=30), "failures") == {}


def test_pools() -> None:
    """Each host in turn is of one, as its label says, and what hits a pool hits no other."""
    fleet = FLEET.replace("count = 3", 'count = 3\npools = ["ci", "dev"]')
    made = script(f'kind = "fail"\nfailure = "auth.401"\npool = "ci"\n{MINUTES_10}', fleet=fleet)
    found = batches(made)
    hit = {b.agent_id for b in found for w in b.proxies if w.failures}

    assert {b.agent_id: b.labels.get("pool") for b in found} == {
        "ams-1": "ci", "ams-2": "dev", "ams-3": "ci", "fra-1": None, "fra-2": None,
    }  # fmt: skip
    assert hit == {"ams-1", "ams-3"}


def test_what_it_hits() -> None:
    """One address, one endpoint, one module."""
    address = windows(
        script(f'kind = "fail"\nfailure = "http.5xx"\naddress = "192.0.2.2"\n{MINUTES_10}')
    )
    zips = windows(script(f'kind = "fail"\nfailure = "http.5xx"\nendpoint = "zip"\n{MINUTES_10}'))
    changed = windows(
        script(f'kind = "changed_zip"\nmodule = "mod.example/m7"\nproxy = "{A}"'), begin=0
    )
    requests = sum(window.requests for window in address)

    assert 0.3 < total(address, "failures")["http.5xx"] / requests < 0.7
    assert {a.endpoint for w in zips for a in w.asked if a.outcome == "http.5xx"} == {"zip"}
    sums = {(a.module, a.h1) for w in changed for a in w.asked if a.outcome == "checksum.gosum"}
    assert len(sums) == 1
    assert sums.isdisjoint(
        {(a.module, a.h1) for w in changed for a in w.asked if a.outcome == "ok"}
    )


def test_latencies() -> None:
    """Slow answers and lookups are so many times slower; a drift is halfway there in its middle."""
    usual, slow = windows(script("")), windows(script('kind = "slow"\nfactor = 10'))
    names = windows(script('kind = "slow_dns"\nfactor = 10'))
    drift = script('kind = "drift"\nfactor = 21')

    def median(found: list[ProxyWindow], phase: str) -> float:
        sketch = Sketch()
        for window in found:
            sketch.merge(Sketch.from_bytes(window.sketches.get(phase, b"")))
        return sketch.quantile(0.5) or 0

    assert median(slow, "first_byte_small") / median(usual, "first_byte_small") == pytest.approx(
        10, 0.05
    )
    assert median(names, "resolve") / median(usual, "resolve") == pytest.approx(10, 0.05)
    assert median(names, "first_byte_small") == median(usual, "first_byte_small")
    middle = median(windows(drift, begin=13, end=17), "first_byte_small")
    assert middle / median(usual, "first_byte_small") == pytest.approx(11, 0.2)


def test_certificates() -> None:
    """One that has ended fails each handshake; a new one is shown with its days."""
    expired = windows(script(f'kind = "certificate"\ndays = -1\n{MINUTES_10}\nproxy = "{A}"'))
    soon = windows(script('kind = "certificate"\ndays = 5'))

    assert set(total(expired, "failures")) == {"tls.expired"}
    assert sum(w.handshakes for w in expired) == total(expired, "bad_certificates").total() > 50
    assert {w.certificate.not_after_s - 1_767_571_200 for w in soon if w.certificate} == {
        9 * 3600 + 5 * 86_400
    }


def test_suspect_misses() -> None:
    """What it has it answers with 404; what it never had stays an ordinary miss."""
    found = windows(script(f'kind = "suspect"\nproxy = "{A}"\n{MINUTES_10}'))
    usual = windows(script(""))

    assert sum(window.misses for window in found) == sum(window.misses for window in usual)
    assert sum(w.suspect_misses + w.misses for w in found) == sum(w.requests for w in found)


def test_what_happens_to_agents() -> None:
    """Gone, cut off, lossy, with a clock that is set, busy, begun anew."""
    silent = batches(script(f'kind = "silent"\nsite = "fra"\n{MINUTES_10}'), 11, 20)
    cut = posts(script(f'kind = "cut"\nsite = "fra"\n{MINUTES_10}'))
    lossy = batches(script('kind = "lossy"\nshare = 0.5'))
    skew = batches(script(f'kind = "skew"\nseconds = 3600\nhost = "ams-1"\n{MINUTES_10}'))
    busy = batches(script('kind = "busy"\nfactor = 10\nhost = "ams-1"'))
    again = batches(script('kind = "agent_restart"\nbegin_minutes = 10'))

    assert {b.agent_id for b in silent} == {"ams-1", "ams-2", "ams-3"}
    held = [decode(post.body).agent_id for post in cut if post.held_until_ns]
    assert Counter(held) == {"fra-1": 60, "fra-2": 60}
    assert {post.held_until_ns for post in cut} == {0, 1200 * NS}
    assert 0.4 < sum(b.lost > 0 for b in lossy) / len(lossy) < 0.6
    ends = [b.window_end_ns for b in skew if b.agent_id == "ams-1"]
    steps = {round((after - before) / NS) for before, after in pairwise(ends)}
    assert steps == {10, 3610, -3590}
    requests = Counter[str]()
    for batch in busy:
        requests[batch.agent_id] += sum(window.requests for window in batch.proxies)
    assert requests["ams-1"] > 5 * requests["ams-2"]
    assert len({b.run_id for b in again}) == 10
    assert Counter(b.seq for b in again)[0] == 10


def test_a_comma_stops_the_build() -> None:
    """After a failure `|` goes on to the next entry; `,` ends the build, which asks for less."""
    fail = f'kind = "fail"\nfailure = "http.5xx"\nproxy = "{A}"\n{MINUTES_10}'
    pipe = script(fail)
    comma = script(fail, fleet=FLEET.replace(f'name = "{A}"', f'name = "{A}"\nfallback = ","'))

    assert sum(w.fallbacks for w in windows(pipe)) == sum(w.requests for w in windows(pipe))
    assert windows(comma, B) == []
    assert sum(w.requests for w in windows(comma)) < 0.5 * sum(w.requests for w in windows(pipe))


def test_troubles_of_a_host() -> None:
    """Now and then a host's own network goes: then all that it asks fails."""
    made = replace(script(""), hours=6, heartbeat_seconds=600, trouble_per_day=40.0)
    found = [window for batch in batches(made, 0, 360) for window in batch.proxies]
    failed = total(found, "failures")

    assert set(failed) == {"dns.timeout"}
    assert 0.01 < failed.total() / sum(window.requests for window in found) < 0.08


def summed(rows: tuple[Outcomes, ...]) -> Counter[str]:
    """Outcomes over all rows."""
    found = Counter[str]()
    for row in rows:
        found += Counter(ok=row.ok, miss=row.misses, suspect=row.suspect_misses) + Counter(
            row.failures
        )
    return found


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 2**63 - 1),
    st.sampled_from(["|", ","]),
    st.floats(0, 1),
    st.sampled_from(["http.5xx", "tcp.timeout", "dns.nxdomain", "tls.expired", "checksum.gosum"]),
)
def test_shares_add_up(seed: int, fallback: str, share: float, failure: str) -> None:
    """By endpoint it is all requests, by address those that got one, by resolver no more than all;
    a sketch has each answer, or each lookup that was answered."""
    fleet = FLEET.replace(f'name = "{A}"', f'name = "{A}"\nfallback = "{fallback}"')
    fleet = fleet.replace("hours = 0.5", f"hours = 0.1\nseed = {seed}")
    made = script(f'kind = "fail"\nfailure = "{failure}"\nshare = {share}', fleet=fleet)
    for window in (window for batch in batches(made) for window in batch.proxies):
        every = Counter(ok=window.ok, miss=window.misses, suspect=window.suspect_misses) + Counter(
            window.failures
        )
        nameless = Counter({cls: n for cls, n in window.failures.items() if cls[:4] == "dns."})

        assert summed(window.by_endpoint) == every
        assert {row.name: summed((row,)).total() for row in window.by_endpoint} == window.endpoints
        assert summed(window.by_address) == every - nameless
        assert {row.name for row in window.by_address} <= {"192.0.2.1", "192.0.2.2", "192.0.2.10"}
        assert summed(window.by_resolver) <= every
        assert {row.name for row in window.by_resolver} <= {"192.0.2.53", "198.51.100.53"}
        for row in (*window.by_endpoint, *window.by_address):
            assert Sketch.from_bytes(row.sketch).count == row.ok
        assert b"".join(row.sketch for row in window.by_resolver) == window.sketches.get(
            "resolve", b""
        )


def test_commands() -> None:
    """Each build ends once; one that is stopped is a failure of the entry that stopped it."""
    fail = f'kind = "fail"\nfailure = "http.5xx"\nproxy = "{A}"\n{MINUTES_10}'
    comma = FLEET.replace(f'name = "{A}"', f'name = "{A}"\nfallback = ","')
    usual, pipe, stopped = batches(script("")), batches(script(fail)), script(fail, fleet=comma)
    sick = batches(stopped, 11, 20)

    assert sum(b.commands for b in usual) == pytest.approx(5 * 30, rel=0.2)
    assert sum(b.commands_failed for b in (*usual, *pipe)) == 0
    assert {c.entries for b in usual for c in b.chains} == {f"{A}|{B}"}
    assert {c.entries for b in sick for c in b.chains} == {f"{A},{B}"}
    assert all(b.commands == sum(c.commands for c in b.chains) for b in (*usual, *sick))
    assert sum(b.commands_failed for b in sick) > 20
    assert sum(b.commands_failed for b in sick) == sum(w.commands_stopped for w in windows(stopped))
    assert {b.commands_failed for b in batches(stopped, 0, 9.5)} == {0}


def test_what_failures_cost() -> None:
    """The time of a failure is that of a fallback, or of one that nobody was asked after."""
    fail = f'kind = "fail"\nfailure = "tcp.timeout"\nproxy = "{A}"\n{MINUTES_10}'
    comma = FLEET.replace(f'name = "{A}"', f'name = "{A}"\nfallback = ","')

    assert {w.failed_ns for w in windows(script(fail), begin=12)} == {0}
    for window in windows(script(fail, fleet=comma), begin=12):
        assert window.failed_ns == 30 * NS * sum(window.failures.values())


def test_who_is_older_tells_less() -> None:
    """Hosts of schema 1 have nothing that schema 2 appended; others say what runs them."""
    old = FLEET.replace("count = 2", "count = 2\nschema = 1\nagent_version = '0.0.9'")
    found = batches(script("", fleet=old))
    first = [b for b in found if b.schema == 1]

    assert {b.agent_id for b in first} == {"fra-1", "fra-2"}
    assert {(b.agent_version, b.kernel, b.links, b.commands) for b in first} == {
        ("0.0.9", "", "", 0)
    }
    assert {(w.by_endpoint, w.by_address, w.by_resolver) for b in first for w in b.proxies} == {
        ((), (), ())
    }
    assert {(b.agent_version, b.kernel, b.links) for b in found if b.schema == 2} == {
        ("0.1.0", "6.12.0", "uprobe-multi")
    }
