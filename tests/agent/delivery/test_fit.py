"""Rules of what is left out of a batch that is too large."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modpulse.agent.batch.batch import (
    MAX_ASKED,
    MAX_BATCH_BYTES,
    MAX_EXEMPLARS,
    MAX_PROXIES,
    MAX_TEXT_BYTES,
    Asked,
    Batch,
    BatchError,
    BatchSizeError,
    Exemplar,
    Outcomes,
    ProxyWindow,
    decode,
    encode,
)
from modpulse.agent.batch.sketch import MAX_SKETCH_BYTES
from modpulse.agent.delivery.fit import fit

LONG = "x" * MAX_TEXT_BYTES
PHASES = ("resolve", "connect", "tls", "verify", "processing", "transfer", "first_byte_small")


def window(number: int, asked: int, exemplars: int, sketch_bytes: int) -> ProxyWindow:
    one = Asked(module=LONG, version=None, endpoint="mod", outcome="ok", body_bytes=1, h1=None)
    worst = Exemplar(
        at_ns=0, endpoint="mod", module=LONG, version=LONG, outcome="ok", final="ok", status=200,
        elapsed_ns=1, phases={}, evidence=LONG, host=LONG, address=None,
    )  # fmt: skip
    return ProxyWindow(
        proxy=f"https://{number}.example", requests=number, asked=(one,) * asked,
        exemplars=(worst,) * exemplars, sketches=dict.fromkeys(PHASES, bytes(sketch_bytes)),
    )  # fmt: skip


def batch(*windows: ProxyWindow) -> Batch:
    return Batch(
        agent_id="a", run_id=b"r", seq=7, window_start_ns=0, window_end_ns=1, proxies=windows
    )


def test_what_fits_is_sent_whole():
    """Nothing is left out of a batch of a usual size."""
    usual = batch(*(window(number, 10, 5, 100) for number in range(4)))

    assert fit(usual) == encode(usual)


@pytest.mark.parametrize(
    ("asked", "exemplars", "sketch_bytes", "kept"),
    [
        (31, 0, 3000, (0, 0, MAX_PROXIES)),
        (31, MAX_EXEMPLARS, 1500, (0, MAX_EXEMPLARS, MAX_PROXIES)),
        (31, MAX_EXEMPLARS, 4000, (0, 0, MAX_PROXIES)),
        (31, MAX_EXEMPLARS, MAX_SKETCH_BYTES, (0, 0, MAX_PROXIES // 2)),
    ],
)
def test_what_is_left_out(asked, exemplars, sketch_bytes, kept):
    """First what was asked for, then examples, then the quietest proxies; each is counted."""
    full = batch(*(window(number, asked, exemplars, sketch_bytes) for number in range(MAX_PROXIES)))
    with pytest.raises(BatchSizeError):
        encode(full)
    data = fit(full)

    found = decode(data)
    assert len(data) <= MAX_BATCH_BYTES
    assert kept == (
        len(found.proxies[0].asked), len(found.proxies[0].exemplars), len(found.proxies)
    )  # fmt: skip
    assert {one.asked_dropped for one in found.proxies} == {asked}
    gone = range(MAX_PROXIES - kept[2])
    assert found.proxies_dropped == sum(max(number, 1) for number in gone)


def test_shares_are_left_out_first():
    """What requests have in common becomes one row, its sums as they were; all else stays."""
    rows = tuple(
        Outcomes(name=f"10.0.0.{n}", ok=n, misses=1, failures={"tcp.refused": 2},
                 sketch=bytes(MAX_SKETCH_BYTES))
        for n in range(8)
    )  # fmt: skip
    other = Outcomes(name="other", ok=28, misses=8, failures={"tcp.refused": 16})
    many = [
        dataclasses.replace(window(n, 2, 1, 100), by_endpoint=rows, by_address=rows)
        for n in range(MAX_PROXIES)
    ]
    found = decode(fit(batch(*many)))

    assert [one.by_endpoint for one in found.proxies] == [(other,)] * MAX_PROXIES
    assert [one.by_address for one in found.proxies] == [(other,)] * MAX_PROXIES
    assert [one.by_resolver for one in found.proxies] == [()] * MAX_PROXIES
    assert {len(one.asked) for one in found.proxies} == {2}


@settings(max_examples=25)
@given(
    st.integers(0, MAX_PROXIES),
    st.integers(0, MAX_ASKED // MAX_PROXIES),
    st.integers(0, MAX_EXEMPLARS),
    st.integers(0, MAX_SKETCH_BYTES),
)
def test_every_batch_fits(proxies, asked, exemplars, sketch_bytes):
    """Within the bounds of its fields there is no batch that cannot be sent."""
    full = batch(*(window(number, asked, exemplars, sketch_bytes) for number in range(proxies)))

    assert decode(fit(full)).seq == 7


def test_a_field_beyond_its_bounds():
    """Leaving out does not help against a wrong value: that is said."""
    with pytest.raises(BatchError, match="lost"):
        fit(dataclasses.replace(batch(window(0, 1, 1, 1)), lost=-1))
