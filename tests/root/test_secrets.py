"""Real `go` commands and servers that leak: no output of ours repeats what they wrote."""

import base64
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import has_bpf, needs
from lab import leaky_server
from lab.lab import Lab
from lab.leaky_server import ANSWERS, SECRET
from lab.netns import TESTS

from modpulse.agent.batch.batch import decode

pytestmark = [pytest.mark.root, pytest.mark.xdist_group("host")]

PROGRAM = Path(sys.executable).parent / "modpulse"
AGENT = "import sys; from modpulse.agent.commands.agent import main; sys.exit(main(None))"
HOST = "real-d.lab.test"
USER = f"user:a%2C%7C%40{SECRET}"
FORMS = (SECRET, base64.b64encode(f"user:a,|@{SECRET}".encode()).decode()[8:])
WAIT_S = 20.0

PROXIES = {
    **{f"https-{name}": (f"https://{HOST}/{name}", {}) for name in ANSWERS},
    **{f"http-{name}": (f"http://{HOST}/{name}", {}) for name in ANSWERS},
    "credentials-over-http": (f"http://{USER}@ok.lab.test", {}),
    "user-500": (f"https://{USER}@e500.lab.test", {}),
    "user-zip": (f"https://{USER}@not-a-zip.lab.test", {}),
    "user-chain": (f"https://{USER}@e500.lab.test|https://{USER}@e503.lab.test/x?y={SECRET}", {}),
    "user-raw-slash": (f"https://user:p/{SECRET}@e500.lab.test", {}),
    "user-raw-bar": (f"https://user:p|{SECRET}@e500.lab.test", {}),
    "user-raw-comma": (f"https://user:p,{SECRET}@e500.lab.test", {}),
    "http-proxy": ("https://ok.lab.test", {"HTTPS_PROXY": f"http://{USER}@{HOST}:3128"}),
    "sumdb": ("https://ok.lab.test", {"GOSUMDB": f"SUMDB https://{USER}@e500.lab.test"}),
}


@pytest.fixture(scope="module")
def leaky(running_lab: Lab) -> Iterator[Lab]:
    """The lab, with the server that leaks."""
    needs(os.geteuid() == 0 and has_bpf(), "root and the Debian package python3-bpfcc")
    server = running_lab.serve(
        [sys.executable, "-P", "-m", leaky_server.__name__,
         running_lab.address("real-d"), running_lab.certificate()],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
    )  # fmt: skip
    running_lab.wait_until_listening("real-d")
    yield running_lab
    server.kill()
    server.wait()


def options(lab: Lab, name: str) -> dict[str, object]:
    """What `lab.go` needs for a case."""
    goproxy, env = PROXIES[name]
    if "GOSUMDB" in env:
        env = {"GOSUMDB": env["GOSUMDB"].replace("SUMDB", lab.gosumdb())}
    return {"goproxy": goproxy, "env": env, "requires": ["m00"]}


@pytest.mark.parametrize("name", PROXIES)
def test_run(name: str, leaky: Lab, tmp_path: Path) -> None:
    """Terminal, JSON and trace of a command have none of the secrets that its URLs and servers
    hold, and still say what failed."""
    file, trace = tmp_path / "run.json", tmp_path / "run.pcapng"
    done = leaky.go(
        "mod", "download", **options(leaky, name),
        before=[PROGRAM, "run", "--json", file, "--trace", trace, "--",
                "sh", "-c", '"$@" >/dev/null 2>&1', "sh"],
    )  # fmt: skip
    written = {"terminal": done.stderr, "json": file.read_text()}
    written["trace"] = trace.read_bytes().decode("latin-1")

    assert done.returncode == 1
    for output, form in itertools.product(written, FORMS):
        assert form not in written[output], output
    asked = name != "credentials-over-http" and "raw" not in name
    assert ("lab.test" in done.stderr) or not asked


def test_arguments(leaky: Lab, tmp_path: Path) -> None:
    """Neither the command nor what it starts shows a password of its command line."""
    word = "hunter"
    file = tmp_path / "run.json"
    done = leaky.go(
        "build", f"-ldflags=-X main.key={word}", "-x", "./...", f"--pass={word}",
        **options(leaky, "user-500"),
        before=[PROGRAM, "run", "--json", file, "--", "env", f"MYSQL_PWD={word}", "sh", "-c",
                f': -p {word}; "$@" >/dev/null 2>&1', "sh"],
    )  # fmt: skip

    assert word not in done.stderr + file.read_text()
    document = json.loads(file.read_text())
    shown = ["build", "-ldflags=…", "-x", "./...", "…"]
    assert document["command"][:2] + document["command"][3:] == ["env", "…", *shown]
    assert shown in [process["argv"][1:] for process in document["processes"]]


def test_agent(leaky: Lab, tmp_path: Path) -> None:
    """What the daemon spools and logs has none of them either."""
    spool, log = tmp_path / "spool", tmp_path / "log"
    keys = {"AGENT_ID": "host-1", "SPOOL_DIR": str(spool), "WINDOW_SECONDS": "1"}
    keys["COLLECTOR_URL"] = "http://127.0.0.1:9"
    environ = os.environ | {f"MODPULSE_AGENT_{key}": value for key, value in keys.items()}
    with log.open("wb") as stderr:
        agent = subprocess.Popen([sys.executable, "-c", AGENT], env=environ, stderr=stderr)
    until = time.monotonic() + WAIT_S
    while b"agent.started" not in log.read_bytes() and time.monotonic() < until:
        time.sleep(0.05)
    codes = [leaky.go("mod", "download", **options(leaky, name)).returncode for name in PROXIES]
    time.sleep(1.5)
    agent.terminate()
    assert agent.wait(WAIT_S) == 0
    batches = [path.read_bytes() for path in spool.glob("*.batch")]
    failed = [p for batch in batches for p in decode(batch).proxies if p.failed]

    assert set(codes) == {1}
    assert len(failed) > 10
    for form in FORMS:
        assert form.encode() not in b"".join(batches) + log.read_bytes()
