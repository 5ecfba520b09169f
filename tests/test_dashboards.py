"""What is in dashboards/: real Prometheus' tools say it is sound, and a real collector fills it."""

import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from collectors import Collector, call, post
from conftest import needs
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from prometheuses import Prometheus

from modpulse.agent.batch.batch import FIRST_BYTE, Batch, Leaf, Outcomes, ProxyWindow, encode
from modpulse.agent.batch.sketch import Sketch, bucket_of

FOLDER = Path(__file__).parents[1] / "dashboards"
RULES = sorted((FOLDER / "rules").glob("*.yml"))
CASES = sorted((FOLDER / "tests").glob("*.yml"))
BOARD = FOLDER / "grafana" / "modpulse.json"
DOCUMENT = FOLDER.parent / "docs" / "dashboards.md"
MS = 1_000_000
FAST = Sketch({bucket_of(30 * MS): 9}).to_bytes()
PHASES = ("resolve", "connect", "tls", "processing", "transfer", FIRST_BYTE)
OF_TARGETS = {"job", "instance", "le", "collector"}
"""Labels that Prometheus gives, and rules/blackbox.yml."""
EMPTY = {"modpulse_overflow_total": {"bound"}, "modpulse_unreadable_total": {"table"}}
"""Families that have no sample until something is wrong, and their labels."""


def rules() -> Iterator[dict[str, Any]]:
    """Each rule of each file."""
    for path in RULES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from group["rules"]


def board() -> Any:
    """The dashboard."""
    return json.loads(BOARD.read_text(encoding="utf-8"))


def shown() -> dict[str, str]:
    """Each query of the dashboard as Grafana sends it, by where it stands."""
    dashboard = board()
    queries = {
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
    }
    queries |= {each["name"]: each["expr"] for each in dashboard["annotations"]["list"]}
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
            assert found
            queries[f"${variable['name']}"] = f"count by ({found[2]}) ({found[1]})"
    assert len(queries) > 25
    for old, new in (("$collector", ".*"), ("$proxy", ".*"), ("$__rate_interval", "10s")):
        queries = {name: expr.replace(old, new) for name, expr in queries.items()}
    return queries


def run(*command: str | Path) -> str:
    """What a command says; it must end well."""
    needs(shutil.which(str(command[0])) is not None, "Debian's prometheus and its alertmanager")
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def window(proxy: str, failed: int) -> ProxyWindow:
    """What a fleet does in a moment, with everything that has a metric."""
    ok = 0 if failed else 9
    failures = {"tcp.refused": failed} if failed else {}
    leaf = Leaf(
        subject="CN=a",
        issuer="CN=b",
        not_before_s=1,
        not_after_s=int(time.time()) + 50 * 86_400,
        sha256="0" * 64,
    )
    return ProxyWindow(
        proxy=proxy,
        requests=failed or 30,
        misses=0 if failed else 2,
        failures=failures,
        body_bytes=4096,
        fallbacks=3,
        fallback_ns=40 * MS,
        sketches=dict.fromkeys(PHASES, FAST),
        certificate=leaf,
        handshakes=9,
        by_endpoint=(
            Outcomes(name="list", ok=ok, sketch=FAST),
            Outcomes(name="zip", ok=ok, failures=failures),
        ),
    )


class Fleet:
    """Agents that go on sending until told to end."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._send)
        self._thread.start()

    def _send(self) -> None:
        seq = 0
        while not self._ending.wait(0.3):
            end_ns = time.time_ns()
            batch = Batch(
                agent_id="build-1", run_id=b"run", seq=seq, labels={"site": "berlin"},
                agent_version="0.0.1", window_start_ns=end_ns - 300 * MS, window_end_ns=end_ns,
                proxies=(window("https://good.example", 0), window("https://sick.example", 25)),
            )  # fmt: skip
            post(self._collector, encode(batch))
            seq += 1

    def end(self) -> None:
        """Send no more."""
        self._ending.set()
        self._thread.join()


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """One with a fleet, a channel, an agent that is out of date, and an open incident."""
    folder = tmp_path_factory.mktemp("dashboards")
    channel = '[[channel]]\nname = "ops"\nurl = "http://127.0.0.1:9/"\n'
    made = Collector(folder, channel, window_seconds=0.3, down_for_seconds=0.5).start()
    fleet = Fleet(made)
    yield made
    fleet.end()
    made.end()


@pytest.fixture(scope="module")
def prometheus(
    collector: Collector, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """One that scrapes it, with all rules; these are evaluated each second."""
    needs(shutil.which("prometheus") is not None, "Debian's prometheus")
    folder = tmp_path_factory.mktemp("rules")
    for path in RULES:
        often = path.read_text().replace("interval: 30s", "interval: 1s").replace("[5m]", "[10s]")
        (folder / path.name).write_text(often)
    made = Prometheus(folder / "p", collector.port, rules=sorted(folder.glob("*.yml")))
    yield made
    made.end()


def test_prometheus_takes_the_configuration() -> None:
    """promtool has nothing to say against the scrape job and any rule, and finds each file."""
    run("promtool", "check", "config", "--syntax-only", FOLDER / "prometheus.yml")
    run("promtool", "check", "rules", *RULES)

    job = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    assert job["rule_files"] == ["rules/*.yml"]
    assert [each["job_name"] for each in job["scrape_configs"]] == ["modpulse"]


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_rules_do_what_their_cases_say(case: Path) -> None:
    """promtool plays series to them: what is to fire fires, and what is not stays quiet."""
    run("promtool", "test", "rules", case)


def test_each_rule_has_a_case() -> None:
    """No rule is only written: each is in a case, and each alert once stays quiet."""
    cases = "".join(case.read_text() for case in CASES)
    named = {rule.get("alert") or rule["record"] for rule in rules()}

    assert len(named) > 15
    assert {name for name in named if name not in cases} == set()
    assert "expr: ALERTS\n" in cases


def test_alertmanager_takes_the_routes() -> None:
    """amtool has nothing to say against them, and alerts of each severity reach who should."""
    run("amtool", "check-config", FOLDER / "alertmanager.yml")
    reached = {
        severity: run(
            "amtool", "config", "routes", "test", f"--config.file={FOLDER / 'alertmanager.yml'}",
            "alertname=ModpulseIncident", f"severity={severity}",
        ).split()
        for severity in ("P0", "P1", "P2")
    }  # fmt: skip

    assert reached == {"P0": ["pager"], "P1": ["chat"], "P2": ["mail"]}


def lost(given: Any, kept: Any, where: str = "") -> Iterator[str]:
    """What Grafana's own types do not know of a document."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            if key in kept:
                yield from lost(value, kept[key], f"{where}/{key}")
            else:
                yield f"{where}/{key}"
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for number, (one, other) in enumerate(zip(given, kept, strict=True)):
            yield from lost(one, other, f"{where}/{number}")
    elif given != kept:
        yield f"{where}: {given!r} is {kept!r}"


def test_the_dashboard_is_grafanas() -> None:
    """Types that Grafana makes from its schema read every key and value, and write the same."""
    register_default_plugins()
    given = board()
    kept = json.loads(JSONEncoder().encode(Dashboard.from_json(given)))
    # The schema leaves an annotation's query open: these keys are the data source's.
    of_prometheus = {"step", "titleFormat", "textFormat", "tagKeys"}

    unknown = {path.rpartition("/")[2] for path in lost(given, kept)}
    assert unknown == of_prometheus
    ids = [panel["id"] for panel in given["panels"]]
    assert len(ids) == len(set(ids))


def test_panels_do_not_overlap() -> None:
    """Each has its place on the grid of 24 columns."""
    taken: set[tuple[int, int]] = set()
    for panel in board()["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_grafana_finds_what_is_provisioned() -> None:
    """A data source that is Prometheus, and a folder to look into."""
    of = FOLDER / "grafana" / "provisioning"
    (source,) = yaml.safe_load((of / "datasources" / "modpulse.yml").read_text())["datasources"]
    (provider,) = yaml.safe_load((of / "dashboards" / "modpulse.yml").read_text())["providers"]

    assert (source["type"], provider["type"]) == ("prometheus", "file")
    assert provider["options"]["path"] in DOCUMENT.read_text(encoding="utf-8")


def exported(collector: Collector) -> dict[str, set[str]]:
    """Labels of each series that a collector exports, by its name."""
    body = call(collector, "GET", "/metrics").body.decode()
    found: dict[str, set[str]] = {name: set() for name in EMPTY} | dict(EMPTY)
    for name, labels in re.findall(r"^(\w+)(\{.*\})? \S+$", body, re.MULTILINE):
        found.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    return found


def test_every_name_is_exported(collector: Collector, prometheus: Prometheus) -> None:
    """Rules and dashboard ask for metrics and labels that there are, and for no other."""
    prometheus.found("modpulse_incident_since_timestamp_seconds")
    names = exported(collector)
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    labels = set().union(*names.values()) | OF_TARGETS
    for query in (*shown().values(), *(rule["expr"] for rule in rules())):
        plain = re.sub(r'"[^"]*"', '""', query)
        for metric, selector in re.findall(
            r"([a-z_:0-9]*(?:modpulse|probe)_[\w:]+)(\{[^}]*\})?", plain
        ):
            if metric in recorded:
                continue
            assert metric in names, query
            asked = set(re.findall(r"(\w+)\s*(?:=|!)", selector))
            assert asked <= names[metric] | OF_TARGETS, query
        for listed in re.findall(r"\b(?:by|without|on|group_left) \(([^)]*)\)", plain):
            assert set(listed.replace(" ", "").split(",")) - {""} <= labels, query


def test_every_query_parses(tmp_path: Path) -> None:
    """promtool reads each query of the dashboard."""
    group = [
        {"record": "x", "expr": query, "labels": {"n": str(n)}}
        for n, query in enumerate(shown().values())
    ]
    (tmp_path / "r.yml").write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": group}]}))

    assert f"{len(group)} rules found" in run("promtool", "check", "rules", tmp_path / "r.yml")


def test_every_query_has_data(prometheus: Prometheus) -> None:
    """Panel by panel, annotations and variables too: a real Prometheus has something to show."""
    for name, query in shown().items():
        assert prometheus.found(query), name


def test_every_rule_records(prometheus: Prometheus) -> None:
    """Each recording rule, blackbox's names too, has data; the sick proxy is an alert."""
    for rule in rules():
        if "record" in rule:
            assert prometheus.found(rule["record"]), rule["record"]
    (sick,) = prometheus.found('probe_success{proxy="https://sick.example"}')
    (alert,) = prometheus.found('ALERTS{alertname="ModpulseIncident", topic="proxy"}')

    assert sick["value"][1] == "0"
    assert sick["metric"]["instance"] == "https://sick.example"
    assert alert["metric"]["proxy"] == "https://sick.example"
    assert alert["metric"]["severity"] == "P0"
