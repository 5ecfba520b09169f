"""Rules of GET /metrics: what a real Prometheus, Debian's, makes of a real collector's."""

import http.client
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from collectors import Collector, post
from conftest import needs
from prometheuses import WAIT_S, Prometheus

from modpulse.agent.batch.batch import FIRST_BYTE, Batch, Outcomes, ProxyWindow, encode
from modpulse.agent.batch.sketch import Sketch, bucket_of
from modpulse.collector.alerts.incident import Incident, Member
from modpulse.collector.alerts.lifecycle import Key
from modpulse.collector.http.metrics import _about
from modpulse.collector.http.names import Names

PROXY = "https://proxy.example"
HOSTILE = 'berlin"} 1\nmodpulse_y{z="'
DOCUMENT = Path(__file__).parents[3] / "docs" / "metrics.md"
MS = 1_000_000
PROTOBUF = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
)
SLOW = Sketch({bucket_of(400 * MS): 10}).to_bytes()
FAST = Sketch({bucket_of(30 * MS): 90}).to_bytes()


def scrape(
    collector: Collector, accept: str = "text/plain", **headers: str
) -> tuple[int, str, bytes]:
    """Status, media type and body of GET /metrics."""
    with closing(http.client.HTTPConnection("127.0.0.1", collector.port, timeout=30)) as line:
        line.request("GET", "/metrics", headers={"Accept": accept, **headers})
        answer = line.getresponse()
        return answer.status, answer.headers["content-type"], answer.read()


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """One that took a hundred answers of one proxy, three failures and a name that means harm."""
    needs(shutil.which("prometheus") is not None, "Debian's prometheus")
    made = Collector(tmp_path_factory.mktemp("metrics"), window_seconds=0.2)
    made.start()
    window = ProxyWindow(
        proxy=PROXY,
        requests=105,
        misses=2,
        failures={"http.5xx": 3},
        body_bytes=4096,
        sketches={FIRST_BYTE: SLOW, "tls": FAST, "verify": FAST},
        by_endpoint=(Outcomes(name="list", ok=90, sketch=FAST), Outcomes(name="zip", ok=10)),
    )
    end_ns = time.time_ns()
    batch = Batch(
        agent_id="build-1", run_id=b"run", seq=0, labels={"site": HOSTILE}, proxies=(window,),
        window_start_ns=end_ns - 10**10, window_end_ns=end_ns,
    )  # fmt: skip
    assert post(made, encode(batch)).status == 202
    end = time.monotonic() + WAIT_S
    while b"modpulse_batches_total 1" not in scrape(made)[2]:
        assert time.monotonic() < end
        time.sleep(0.1)
    yield made
    made.end()


def test_promtool_has_nothing_to_say(collector: Collector) -> None:
    """All of it is as Prometheus wants names, units, help and types."""
    status, media_type, body = scrape(collector)
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=body, capture_output=True, check=False
    )

    assert (status, media_type) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert (done.stdout + done.stderr).decode() == ""


@pytest.mark.parametrize("native", [False, True])
def test_a_real_prometheus_reads_it(collector: Collector, tmp_path: Path, native: bool) -> None:
    """Counters, states and quantiles arrive; native histograms, where wanted, beside classic."""
    prometheus = Prometheus(tmp_path / "prometheus", collector.port, native)
    try:
        of = f'proxy="{PROXY}"'
        assert prometheus.value(f'modpulse_requests_total{{{of},outcome="ok"}}') == 100
        failed = f'modpulse_requests_total{{{of},outcome="failure",class="http.5xx"}}'
        assert prometheus.value(failed) == 3
        assert prometheus.value(f'modpulse_proxy_state{{{of},state="healthy"}}') in (0, 1)
        assert prometheus.value(f"sum(modpulse_proxy_state{{{of}}})") == 1
        assert prometheus.value("count(modpulse_proxy_score)") >= 1
        assert prometheus.value("min(up)") == 1
        name = "modpulse_first_byte_seconds"
        assert prometheus.value(f"{name}_count") == 10
        assert 0.25 < prometheus.value(f"histogram_quantile(0.5, {name}_bucket)") <= 0.5
        if native:
            name = "modpulse_first_byte_native_seconds"
            assert prometheus.value(f"histogram_count({name})") == 10
            middle = prometheus.value(f"histogram_quantile(0.5, {name})")
            assert middle == pytest.approx(0.4, rel=0.03)
    finally:
        prometheus.end()


def test_a_name_that_means_harm_is_a_label(collector: Collector) -> None:
    """Who names a site writes no lines of his own."""
    body = scrape(collector)[2].decode()

    assert not re.search(r"^modpulse_y", body, re.MULTILINE)
    assert f'modpulse_site_requests_total{{proxy="{PROXY}",site="berlin' in body


def test_verify_is_told_within_tls(collector: Collector) -> None:
    """Phases are blackbox_exporter's, which add up to a request."""
    body = scrape(collector)[2].decode()

    assert re.findall(r'phase_duration_seconds_count\{.*phase="(\w+)"\} (\d+)', body) == [
        ("tls", "90")
    ]


def test_protobuf_is_answered_to_who_asks(collector: Collector) -> None:
    """The media type says what it is."""
    status, media_type, body = scrape(collector, PROTOBUF)

    assert (status, media_type.split(";")[0]) == (200, "application/vnd.google.protobuf")
    assert b"modpulse_requests_total" in body


def test_only_who_may_read(tmp_path: Path) -> None:
    """Metrics want the role `read`."""
    (tmp_path / "token").write_text("secret-of-the-fleet\n")
    guarded = Collector(tmp_path, token_file=str(tmp_path / "token")).start()
    try:
        assert scrape(guarded)[0] == 401
        assert scrape(guarded, Authorization="Bearer secret-of-the-fleet")[0] == 200
    finally:
        guarded.end()


def test_every_family_is_documented(collector: Collector) -> None:
    """docs/metrics.md has each name, and no other."""
    told = set(re.findall(r"`(modpulse_\w+)`", DOCUMENT.read_text(encoding="utf-8")))
    shown = set(re.findall(r"^# TYPE (\w+)", scrape(collector)[2].decode(), re.MULTILINE))

    assert told == shown
    assert len(shown) > 30


def test_labels_of_an_incident_stay_while_it_is_open() -> None:
    """Each proxy of an incident has a series of its own that no other proxy's joining changes."""
    members = tuple(
        Member(key=Key("down", proxy), severity="P0", since_ns=1, fired_ns=2, ended_ns=ended_ns)
        for proxy, ended_ns in (("https://b", 3), ("https://a", None), ("", None))
    )
    told = [
        list(
            _about(
                Incident(
                    id=1, topic="proxy", cause="tcp", severities=("P0",), opened_ns=2,
                    joined_ns=2, members=members[:count],
                ),
                Names(()),
            )
        )
        for count in (1, 2, 3)
    ]  # fmt: skip

    assert [[labels["proxy"] for labels in each] for each in told] == [
        ["https://b"],
        ["https://a", "https://b"],
        ["", "https://a", "https://b"],
    ]
    assert told[0][0] == told[1][1] == told[2][2]
