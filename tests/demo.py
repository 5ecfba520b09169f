"""
`make demo`: three proxies, real `go` commands, and what modpulse makes of them.

Runs the lab, a collector and an agent, and ends with exit code 0 only if the health table, the
notice of the failing proxy and the page are right.
With KEEP=1 in the environment it then goes on until Ctrl-C.
"""

import contextlib
import html
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

from lab.lab import Lab
from lab.parts import machine_go
from lab.processes import end, finish
from receivers import Receiver

MODPULSE = Path(sys.prefix) / "bin" / "modpulse"
WINDOW_S = 5
"""Half of the default, so that three windows in a row do not take half a minute."""
START_S = 60.0
"""For compiling the probes on a busy machine."""
TABLE_S = 60.0
"""For the last commands to show in the table."""
NOTICE_S = 30.0
"""For the notice of the proxy that is down."""
DOWN_FOR_S = 5
"""Before somebody is told; 30 by default."""
PAUSE_S = 4.0

HOSTS = {
    "good": "answers at once",
    "slow": "answers after 2.5 s",
    "failing": "answers 500, 502, 503 or 429",
}
EXPECTED = {
    "good": "healthy",
    "slow": "degraded by slow",
    "failing": "down by outage, http.5xx",
}
"""What the table must say: state, the gates behind it, top cause."""


@dataclass(frozen=True, slots=True)
class Step:
    """One `go` command of the demo."""

    chain: str
    """GOPROXY, in the lab's short names."""
    command: str
    exit_code: int
    why: str
    requires: tuple[str, ...] = ()


FEW = ("m00", "m01", "m02", "m03")
MANY = tuple(f"m{number:02}" for number in range(4, 12))

STEPS = (
    Step("good,slow", "mod download", 0, "The first entry has it: the second is not asked.", MANY),
    Step("failing,good", "mod download", 1, "After a 500 `,` does not go on: red build.", FEW),
    Step("failing|good", "mod download", 0, "`|` goes on after any failure: green build.", FEW),
    Step("slow,good", "mod download", 0, "Slow is not failed: nothing goes on.", FEW),
    Step("good,slow", "list -m -versions mod.lab.test/none", 1, "404 is a miss: `,` goes on."),
    Step("failing|good", "get mod.lab.test/deep/nested/pkg", 0, "Which part names the module?"),
    Step("slow|good", "mod download", 0, "`|` does not help against slow either.", FEW),
    Step("failing|good", "mod download", 0, "Each request tries the failing one again.", MANY),
)
NEAR = Step("failing|slow|good", "mod download", 0, "", ("m12", "m13"))


def main() -> int:
    """Run the demo; return 0 if the table is right."""
    if os.geteuid() != 0:
        print("make demo needs root: for eBPF and for network namespaces", file=sys.stderr)
        return 1
    # Whatever ends this process, what it started is taken down.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda code, _: sys.exit(128 + code))
    with contextlib.suppress(KeyboardInterrupt), contextlib.ExitStack() as stack:
        return run(stack, keep=bool(os.environ.get("KEEP")))
    return 130


def run(stack: contextlib.ExitStack, keep: bool) -> int:
    """Everything in its order; `stack` ends what was started."""
    print("Three module proxies, go commands that live with them, and what modpulse makes of it.")
    lab = stack.enter_context(Lab(go=machine_go()))
    say("The lab: a DNS server and three TLS proxies, in network namespaces of their own.")
    for name, what in HOSTS.items():
        print(f"    {name:8} https://{lab.host(name):17} {what}")
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="modpulse-demo-")))
    pager = Receiver()
    stack.callback(pager.end)
    url = start_services(stack, folder, lab, pager.url)

    say("Real go commands, for a minute and a half; none of them knows of modpulse.")
    wrong = [step for step in STEPS if not show(lab, step)]

    say("The developer who waits asks: modpulse run -- go mod download")
    look_closely(lab)
    say("Who runs the fleet asks: modpulse status")
    found = wait_for_table(lab, url)
    subprocess.run([MODPULSE, "status", "--url", url], check=False)
    print()
    for step in wrong:
        print(f"WRONG: go {step.command} with {step.chain} did not exit {step.exit_code}")
    for name, words in EXPECTED.items():
        if found[name] != words:
            print(f"WRONG: {name} is {found[name]}, expected {words}")
    told = wait_for_notice(pager, lab.url("failing"))
    say("Whoever is on duty is told; here by a webhook:")
    print(f"    {told.get('title', 'WRONG: nothing came')}\n    {told.get('body', '')}")
    say("Since when, and what it costs: modpulse incidents")
    subprocess.run([MODPULSE, "incidents", "--url", url], check=False)
    say(f"And in a browser, while it runs: {url}")
    headline = page_title(url)
    print(f"    {headline}")
    is_shown = lab.host("failing") in headline and "is down" in headline
    if not is_shown:
        print("WRONG: the page does not say what is down")
    is_right = found == EXPECTED and not wrong and bool(told) and is_shown
    if is_right:
        print("As it should be: good is healthy, slow is degraded, failing is down with its cause.")
    if keep:
        stay(lab, url, folder)
    print("\nTo open the page and look around: KEEP=1 make demo")
    return 0 if is_right else 1


def say(words: str) -> None:
    """Print what comes next."""
    is_bold = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    print(f"\n\x1b[1m{words}\x1b[0m\n" if is_bold else f"\n{words}\n", flush=True)


def start_services(stack: contextlib.ExitStack, folder: Path, lab: Lab, pager_url: str) -> str:
    """Start collector and agent; return the collector's URL."""
    collector = {
        "listen": "127.0.0.1:0",
        "database": str(folder / "collector.db"),
        "window_seconds": WINDOW_S,
        "down_for_seconds": DOWN_FOR_S,
    }
    channel = f'[[channel]]\nname = "pager"\nkind = "webhook"\nurl = "{pager_url}"\n'
    log = start(stack, folder, "collector", collector, channel)
    (url,) = (word[4:] for word in log.split() if word.startswith("url="))
    agent = {
        "agent_id": "demo",
        "collector_url": url,
        "spool_dir": str(folder / "spool"),
        "window_seconds": WINDOW_S,
        "go_paths": [str(lab.go_command)],
    }
    start(stack, folder, "agent", agent)
    say("The two services; on real machines one agent each, and one collector for all.")
    print(f"    modpulse collector  on {url}")
    print("    modpulse agent      sees every go process of this machine, touches none")
    return url


def start(
    stack: contextlib.ExitStack,
    folder: Path,
    command: str,
    keys: Mapping[str, object],
    tables: str = "",
) -> str:
    """Start `modpulse COMMAND` with this configuration; return its log once it is ready."""
    config, log = folder / f"{command}.toml", folder / f"{command}.log"
    # What TOML and JSON have in common is enough.
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())
    config.write_text(lines + tables)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("MODPULSE_")}
    with readiness(folder / f"{command}.ready") as ready, log.open("w") as output:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig=TERM", MODPULSE, command, "--config", config],
            env=inherited | {"NOTIFY_SOCKET": str(folder / f"{command}.ready")},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            text=True,
            start_new_session=True,  # Ctrl-C is for the demo
        )
        stack.callback(end, process)
        deadline = time.monotonic() + START_S
        while process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(TimeoutError):
                if b"READY=1" in ready.recv(4096):
                    return log.read_text()
    raise SystemExit(f"modpulse {command} did not start:\n{log.read_text()}")


@contextlib.contextmanager
def readiness(path: Path) -> Iterator[socket.socket]:
    """The socket at which a service says that it is ready, as to systemd (sd_notify(3))."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.settimeout(0.2)
        listening.bind(str(path))
        yield listening


def show(lab: Lab, step: Step) -> bool:
    """Run one `go` command and print a line of it; return whether it ended as it should."""
    print(f"    {step.why}")
    print(f"      GOPROXY={step.chain:13} go {step.command:36}", end=" ", flush=True)
    done, seconds = go(lab, step)
    print(f"exit {done.returncode}  {seconds:4.1f} s", flush=True)
    # Evidence of one moment is no evidence: the windows go on.
    time.sleep(PAUSE_S)
    return done.returncode == step.exit_code


def go(lab: Lab, step: Step) -> tuple["subprocess.CompletedProcess[str]", float]:
    """Run the step's command in an empty module cache; return how it ended and after how long."""
    started = time.monotonic()
    done = lab.go(*step.command.split(), goproxy=chain(lab, step), requires=step.requires)
    return done, time.monotonic() - started


def chain(lab: Lab, step: Step) -> str:
    """The step's GOPROXY with whole URLs."""
    value = step.chain
    for name in HOSTS:
        value = value.replace(name, lab.url(name))
    return value


def look_closely(lab: Lab) -> None:
    """Print the waterfall of one command."""
    folder = lab.workspace(NEAR.requires)
    of_terminal = {
        name: os.environ[name] for name in ("COLUMNS", "TERM", "NO_COLOR") if name in os.environ
    }
    print(f"    GOPROXY={chain(lab, NEAR)}\n", flush=True)
    process = lab.popen(
        [MODPULSE, "run", "--", lab.go_command.name, *NEAR.command.split()],
        cwd=folder / "src",
        env=lab.env(folder, chain(lab, NEAR), PYTHONUTF8="1", **of_terminal),
        stdin=subprocess.DEVNULL,
    )
    finish(process)
    shutil.rmtree(folder, ignore_errors=True)


def wait_for_table(lab: Lab, url: str) -> dict[str, str]:
    """Return what the collector says of each host, once it is as expected or TABLE_S are over."""
    deadline = time.monotonic() + TABLE_S
    while True:
        rows = read_table(url)
        found = {name: in_words(rows.get(lab.url(name))) for name in EXPECTED}
        if found == EXPECTED or time.monotonic() > deadline:
            return found
        time.sleep(1)


def wait_for_notice(pager: Receiver, proxy: str) -> dict[str, Any]:
    """Return the notice that a proxy is down; empty when none came within NOTICE_S."""
    deadline = time.monotonic() + NOTICE_S
    while time.monotonic() < deadline:
        for told in pager.bodies():
            if told["kind"] == "opened" and proxy in told["incident"]["proxies"]:
                return told
        time.sleep(0.2)
    return {}


def page_title(url: str) -> str:
    """Return the title of the page at the collector's address."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    asked = urllib.request.Request(url, headers={"Accept-Language": "en"})
    with opener.open(asked, timeout=10) as answer:
        page = answer.read().decode()
    return html.unescape(page.partition("<title>")[2].partition("</title>")[0])


def read_table(url: str) -> dict[str, Any]:
    """Ask the collector, as `modpulse status` does; return its rows by proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{url}/api/v1/proxies", timeout=10) as answer:
        return {proxy["proxy"]: proxy for proxy in json.load(answer)["proxies"]}


def in_words(row: Mapping[str, Any] | None) -> str:
    """State, gates and top cause of one row, as in EXPECTED."""
    if row is None:
        return "not seen"
    gates = " and ".join(
        gate["gate"] for gate in row["gates"] if gate["state"] == row["state"] != "unknown"
    )
    words = f"{row['state']} by {gates}" if gates else str(row["state"])
    return f"{words}, {row['top_cause']}" if row["top_cause"] else words


def stay(lab: Lab, url: str, folder: Path) -> None:
    """Go on with the commands, and say how to look, until Ctrl-C."""
    say("Still running, with a go command every few seconds; Ctrl-C ends it.")
    workspace = lab.workspace(NEAR.requires)
    environ = lab.env(workspace, chain(lab, NEAR), TERM=os.environ.get("TERM", "dumb"))
    words = [f"{name}={value}" for name, value in environ.items()]
    shell = folder / "shell"
    inside = lab.view().enter(workspace / "src")
    shell.write_text(f"#!/bin/sh\nexec {shlex.join([*inside, '-i', *words, 'bash', '--norc'])}\n")
    shell.chmod(0o755)
    modpulse = os.path.relpath(MODPULSE)
    for command, what in (
        (url, "the page, in a browser"),
        (f"{modpulse} top --url {url}", "the table, kept up to date"),
        (f"{modpulse} compare {lab.url('good')} {lab.url('slow')} --url {url}", "two of them"),
        (f"{modpulse} status --wide --url {url}", "the table with all columns"),
        (f"curl {url}/api/v1/proxies", "the same for programs"),
        (f"{folder}/shell", "a shell in the lab: there, as root, try"),
        (f"  {MODPULSE} run -- go mod download", "and GOPROXY as you like"),
        (f"tail -f {folder}/agent.log", "what the agent says; collector.log likewise"),
    ):
        print(f"    {command}\n        {what}")
    print(flush=True)
    for step in cycle(STEPS):
        go(lab, step)
        time.sleep(PAUSE_S)


if __name__ == "__main__":
    sys.exit(main())
