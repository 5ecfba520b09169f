"""Rules of what becomes of a batch's bytes."""

import contextlib
import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.batch.batch import Batch, Exemplar, Happening, Leaf, ProxyWindow, encode
from modpulse.agent.batch.sketch import Sketch
from modpulse.collector.errors import RejectedError
from modpulse.collector.intake.ingest import Clocks, bucket_estimate_ms, read, reread

S = 1_000_000_000
END_NS = 1_800_000_000 * S


def sketch(*values_ms: int) -> bytes:
    """Return durations as a sketch's bytes."""
    made = Sketch()
    for value_ms in values_ms:
        made.add(value_ms * 1_000_000)
    return made.to_bytes()


WINDOW = ProxyWindow(
    proxy="https://proxy.example",
    requests=20,
    misses=3,
    suspect_misses=2,
    failures={"tls.expired": 4, "http.5xx": 1},
    body_bytes=1000,
    sketches={"first_byte_small": sketch(50, 50, 80), "tls": sketch(7)},
    certificate=Leaf(
        subject="CN=proxy", issuer="CN=ca", not_before_s=5, not_after_s=9, sha256="0" * 64
    ),
    handshakes=6,
    bad_certificates={"tls.expired": 4},
    resolvers=("10.0.0.53:53",),
    happenings=(
        Happening(at_ns=END_NS - 4 * S, outcome="http.5xx"),
        Happening(at_ns=END_NS - 3 * S, outcome="ok"),
        Happening(at_ns=END_NS - 2 * S, outcome="tls.expired"),
        Happening(at_ns=END_NS - 1 * S, outcome="suspect"),
    ),
)
BATCH = Batch(
    agent_id="build-1",
    run_id=b"run",
    seq=7,
    window_start_ns=END_NS - 10 * S,
    window_end_ns=END_NS,
    lost=3,
    proxies=(WINDOW,),
)
NOW = Clocks(END_NS + S)


def test_every_field_that_counts() -> None:
    """Counts, sketches, certificate, order of outcomes and resolvers arrive unchanged."""
    arrival = read(encode(BATCH), None, NOW)
    seen = arrival.sightings[0]
    counts = seen.counts

    assert (arrival.agent_id, arrival.run_id, arrival.seq) == ("build-1", b"run", 7)
    assert (arrival.end_ns, arrival.arrived_ns, arrival.lost) == (END_NS, END_NS + S, 3)
    assert (counts.ok, counts.misses, counts.suspects, counts.failed) == (10, 3, 2, 5)
    assert (counts.handshakes, counts.bad_certificates) == (6, {"tls.expired": 4})
    assert (counts.windows, counts.lossy) == (1, 1)
    assert seen.certificate is not None
    assert (seen.certificate.not_before_s, seen.certificate.not_after_s) == (5, 9)
    assert (seen.served_at_ns, seen.failed_at_ns) == (
        END_NS - 3 * S,
        (END_NS - 4 * S, END_NS - 2 * S),
    )
    assert seen.resolvers == {"10.0.0.53:53"}
    assert seen.sketches == WINDOW.sketches


def test_buckets_stand_for_milliseconds() -> None:
    """A sketch's bucket is read back within the sketch's error."""
    (bucket,) = Sketch.from_bytes(sketch(2500)).buckets

    assert bucket_estimate_ms(bucket) == pytest.approx(2500, rel=0.0109)


@pytest.mark.parametrize(
    ("sent_ns", "expected_end_ns"),
    [
        (None, END_NS),
        (END_NS + S, END_NS),  # both clocks agree
        (END_NS - S, END_NS),  # 2 s is the way, not the clock
        (END_NS + S - 3600 * S, END_NS + S),  # an hour slow: corrected, never after arrival
        (END_NS + S + 3600 * S, END_NS - 3600 * S),  # an hour fast: what it says is old
    ],
)
def test_clock_skew(sent_ns: int | None, expected_end_ns: int) -> None:
    """The difference between Date and arrival is added to the agent's times."""
    arrival = read(encode(BATCH), None, Clocks(END_NS + S, sent_ns))

    assert arrival.end_ns == expected_end_ns


def test_future_windows_end_on_arrival() -> None:
    """Without Date, a window that ends after it arrived ends as it arrived."""

    assert read(encode(BATCH), None, Clocks(END_NS - 50 * S)).end_ns == END_NS - 50 * S


def test_replayed_as_it_came() -> None:
    """A batch from the log is the arrival that it was."""
    body = encode(BATCH)
    first = read(body, None, Clocks(END_NS + 9 * S, END_NS - 100 * S))

    assert reread(body, first.arrived_ns, first.skew_ns) == first


def test_certificate_of_another_agent() -> None:
    """A certificate may ship for the names in it only."""
    body = encode(BATCH)

    assert read(body, frozenset({"build-1", "x"}), NOW).agent_id == "build-1"
    with pytest.raises(RejectedError, match="of x, the batch of build-1") as caught:
        read(body, frozenset({"x"}), NOW)
    assert caught.value.status == 403


def test_poison_within_a_batch() -> None:
    """What the codec lets pass and the store could not hold is poison."""
    with pytest.raises(RejectedError, match="seq") as caught:
        read(encode(dataclasses.replace(BATCH, seq=1 << 60)), None, NOW)

    assert caught.value.status == 400


@given(st.binary(max_size=300))
def test_any_bytes(body: bytes) -> None:
    """Whatever comes, it is a batch or rejected."""
    with contextlib.suppress(RejectedError):
        read(body, None, NOW)


@given(st.integers(0, 400), st.binary(min_size=1, max_size=3))
def test_damaged_batches(at: int, damage: bytes) -> None:
    """A batch with some bytes changed is a batch or rejected."""
    body = bytearray(encode(BATCH))
    body[at : at + len(damage)] = damage
    with contextlib.suppress(RejectedError):
        read(bytes(body), None, NOW)


def worst(module: str | None, outcome: str) -> Exemplar:
    """One of the worst requests."""
    return Exemplar(
        at_ns=END_NS, endpoint="mod", module=module, version=None, outcome=outcome, final="stopped",
        status=None, elapsed_ns=1, phases={}, evidence=None, host=None, address=None,
    )  # fmt: skip


def modules_of(*exemplars: Exemplar, **changed: object) -> dict[str, tuple[int, int]]:
    """Failures and suspect misses of each module, of the window with these."""
    window = dataclasses.replace(WINDOW, exemplars=exemplars, **({"modules": 9} | changed))  # type: ignore[arg-type]
    (seen,) = read(encode(dataclasses.replace(BATCH, proxies=(window,))), None, NOW).sightings
    return {part.name: (part.counts.failed, part.counts.suspects) for part in seen.by_module}


def test_failures_by_module_are_a_sample_made_whole() -> None:
    """Of seven that failed four are known: each stands for its share, and never for less."""
    known = [worst("m1", "http.5xx"), *[worst("m2", "suspect")] * 2, worst(None, "http.5xx")]

    assert modules_of(*known, worst("m3", "ok")) == {"m1": (1, 0), "m2": (0, 3)}


def test_where_nothing_failed_no_module_did() -> None:
    """Nor where there is but one module: it cannot be told from its proxy."""
    slow = worst("m1", "ok")

    assert modules_of(slow, failures={}, suspect_misses=0, bad_certificates={}) == {}
    assert modules_of(worst("m1", "http.5xx"), modules=1) == {}
    assert modules_of() == {}
