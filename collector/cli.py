"""
`modpulse-collector`: `serve` (spelled `modpulse collector`), and what asks or administers one.
"""

import argparse
import json
import logging
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from modpulse.agent.service.errors import ConfigError
from modpulse.agent.service.foreign import say
from modpulse.agent.service.keys import unknown_variables
from modpulse.agent.service.logs import log_to_stderr
from modpulse.agent.service.streams import fill_streams

from . import admin
from .asking import ASKING, SICK, SICKER, SPELLED
from .config import ENV_PREFIX, Config, load
from .errors import BusyError, StoreError
from .stopping import Stopping

_INCIDENT = re.compile(r"[0-9]{1,18}(-[0-9]{1,18})?")
log = logging.getLogger("modpulse.collector")

MISTAKE = 2
"""Somebody must act before another start can go better: the unit does not try again."""
BUSY = 75
"""EX_TEMPFAIL of sysexits.h: another start may go better."""
UNMET = 1
"""What `modpulse simulate` ends with where a truth was not told, or something else was."""
LEAST_EVERY_S, MOST_EVERY_S = 0.5, 3600.0
"""Of `modpulse top`: a screen that nobody can read, and one that nobody looks at."""
INTERRUPTED = 130
"""128 + SIGINT: what a shell shows for ^C."""
PIPE_CLOSED = 141
"""128 + SIGPIPE: what a shell shows for `modpulse status | head -1`."""


def parser() -> argparse.ArgumentParser:
    """Return the parser; every flag is in docs/collector.md."""
    top = argparse.ArgumentParser(prog="modpulse-collector", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)

    def add(name: str, purpose: str, *examples: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            prog=SPELLED[name],
            help=purpose,
            description=f"{purpose[0].upper()}{purpose[1:]}",
            epilog="\n  ".join(("example:", *examples)),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    serve = add(
        "serve",
        "receive batches and score proxies",
        "modpulse collector --config /etc/modpulse/collector.toml",
    )
    status = add(
        "status",
        "print the health of every proxy",
        "modpulse status --url http://127.0.0.1:6637 --wide",
        "modpulse status --fail-on down || echo 'use another mirror'",
    )
    live = add(
        "top",
        "show the health of every proxy, and keep it up to date",
        "modpulse top --url http://127.0.0.1:6637",
    )
    simulate = add(
        "simulate",
        "play a fleet that is made up to a real collector, and compare what it says with the truth",
        "modpulse simulate outage brownout",
        "modpulse simulate --config /etc/modpulse/collector.toml ./mine.toml",
    )
    incidents = add(
        "incidents",
        "print what is wrong, since when, and what it cost",
        "modpulse incidents",
        "modpulse incidents --all --url http://127.0.0.1:6637",
        "modpulse incidents 12",
    )
    alerts = add(
        "alerts",
        "print which alerts wait or fire; with `test`, which would have with other rules",
        "modpulse alerts",
        "modpulse alerts test --rules new.toml --since 7d",
    )
    agents = add(
        "agents",
        "print which agents do not do well, and why",
        "modpulse agents",
        "modpulse agents --all --url http://127.0.0.1:6637",
    )
    history = add(
        "history",
        "print what a proxy did in the past",
        "modpulse history https://proxy.example --since 30d",
        "modpulse history https://proxy.example --by site --plot sites.svg",
    )
    compare = add(
        "compare",
        "print two mirrors side by side: which is faster, which fails, and whether that is real",
        "modpulse compare https://goproxy.corp https://goproxy.example --since 30d",
    )
    copied = add(
        "backup",
        "write a copy of the database, whether a collector has it or none",
        "modpulse-collector backup /var/backups/modpulse.db",
    )
    copied.add_argument("file", type=Path, metavar="FILE", help="is there only when it is whole")
    administering = admin.add_commands(add)
    everywhere = (
        serve,
        status,
        live,
        incidents,
        alerts,
        agents,
        history,
        compare,
        simulate,
        copied,
        *administering,
    )
    for command in everywhere:
        command.add_argument("--config", type=Path, metavar="FILE", help="TOML configuration")
    serve.add_argument(
        "--check-config", action="store_true", help="say what is wrong with it, and end"
    )
    admin.add_url(history)
    _add_history(history)
    admin.add_asking(compare)
    _add_compare(compare)
    live.add_argument(
        "--every", type=_seconds, default=2.0, metavar="SECONDS", help="how often it asks; 2"
    )
    for command in (status, live, incidents, alerts, agents):
        admin.add_asking(command)
        command.add_argument(
            "--color",
            action=argparse.BooleanOptionalAction,
            help="with colours, or without; else as NO_COLOR, FORCE_COLOR and the terminal have it",
        )
    simulate.add_argument(
        "script",
        nargs="*",
        metavar="SCRIPT",
        help="a TOML file, or the name of one that comes with it; without any they are listed",
    )
    simulate.add_argument("--json", action="store_true", help="print JSON")
    incidents.set_defaults(incident=None)
    incidents.add_argument("--all", action="store_true", help="also those that are over")
    agents.add_argument("--all", action="store_true", help="also those that do well")
    admin.add_note(incidents)
    _add_alerts_test(alerts)
    status.add_argument("--wide", action="store_true", help="all columns, with S, R and C")
    status.add_argument(
        "--fail-on",
        choices=SICKER,
        help=f"exit with {SICK} where a proxy is in this state or a worse one",
    )
    return top


def _seconds(text: str) -> float:
    """Return a number of seconds that a collector may be asked in."""
    with suppress(ValueError):
        if LEAST_EVERY_S <= (seconds := float(text)) <= MOST_EVERY_S:
            return seconds
    wanted = f"seconds from {LEAST_EVERY_S:g} to {MOST_EVERY_S:g}"
    raise argparse.ArgumentTypeError(f"{say(text)!r}: not {wanted}")


def _add_history(history: argparse.ArgumentParser) -> None:
    history.add_argument("proxy", metavar="PROXY", help="the entry of GOPROXY")
    history.add_argument("--since", default="7d", help="90m, 12h, 7d, 4w, 1y or RFC 3339; 7d")
    history.add_argument("--until", help="the same; now")
    history.add_argument(
        "--by",
        choices=("site", "endpoint", "address", "resolver", "agent"),
        help="a row for each instead of one for each period",
    )
    history.add_argument("--step", choices=("minute", "hour", "day"), help="else by the time")
    shown = history.add_mutually_exclusive_group()
    shown.add_argument("--json", action="store_true", help="print the API's JSON")
    shown.add_argument("--csv", action="store_true", help="print a row for each value and period")
    shown.add_argument(
        "--plot",
        type=Path,
        metavar="FILE",
        help="draw it into FILE, .svg or .png (this needs modpulse[plot])",
    )


def _add_compare(compare: argparse.ArgumentParser) -> None:
    compare.add_argument("a", metavar="A", help="an entry of GOPROXY")
    compare.add_argument("b", metavar="B", help="another")
    compare.add_argument("--since", default="7d", help="90m, 12h, 7d, 4w or RFC 3339; 7d")
    compare.add_argument("--until", help="the same; now")
    compare.add_argument(
        "--wide", action="store_true", help="p50, p99 and misses of each endpoint and phase, too"
    )


def _add_alerts_test(alerts: argparse.ArgumentParser) -> None:
    acts = alerts.add_subparsers(dest="trial", metavar="test")
    test = acts.add_parser(
        "test",
        help="try the past with other rules: what would have fired?",
        description="Try the past with the collector's rules, and with those of a file beside.",
        epilog="example:\n  modpulse alerts test --rules new.toml --since 7d",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    test.add_argument(
        "--rules",
        type=Path,
        metavar="FILE",
        help="TOML configuration: its keys of alerting and its maintenance; others have defaults",
    )
    test.add_argument("--since", default="7d", help="90m, 12h, 7d, 4w or RFC 3339; 7d")
    test.add_argument("--until", help="the same; now")
    admin.add_again(test)


def spelled_out(arguments: Sequence[str]) -> list[str]:
    """Return `incidents 12` as `incidents show 12`: argparse knows no id among its words."""
    words = list(arguments)
    if words[:1] == ["incidents"] and not {"note", "show"} & set(words):
        place = next((n for n, word in enumerate(words) if _INCIDENT.fullmatch(word)), None)
        if place is not None:
            words.insert(place, "show")
    return words


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    fill_streams()
    chosen = parser().parse_args(spelled_out(sys.argv[1:] if arguments is None else arguments))
    try:
        code = _check_config(chosen) if getattr(chosen, "check_config", None) else _run(chosen)
        sys.stdout.flush()
        return code
    except (ConfigError, StoreError) as error:
        print(f"{SPELLED[chosen.command]}: {say(str(error))}", file=sys.stderr)
        return MISTAKE
    except BusyError as error:
        print(f"{SPELLED[chosen.command]}: {say(str(error))}", file=sys.stderr)
        return BUSY
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("modpulse"):
            raise
        extra = "plot" if error.name == "resvg_py" else "collector"
        print(
            f"{SPELLED[chosen.command]}: {error}: pip install 'modpulse[{extra}]'",
            file=sys.stderr,
        )
        return MISTAKE
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        # Python flushes stdout once more at exit, which would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return PIPE_CLOSED
        print(f"{SPELLED[chosen.command]}: {say(str(error))}", file=sys.stderr)
        return MISTAKE


def _run(chosen: argparse.Namespace) -> int:
    config = load(chosen.config, os.environ)
    if chosen.command == "serve":
        return _serve(config)
    if chosen.command == "simulate":
        return _simulate(config, chosen)
    if chosen.command in ("token", "maintenance", "audit") or getattr(chosen, "act", None):
        return admin.run(config, chosen)
    return SHOWN[chosen.command](config, chosen)


def _check_config(chosen: argparse.Namespace) -> int:
    from .server.startup import read

    try:
        read(load(chosen.config, os.environ))
    except ConfigError as error:
        for fault in error.faults:
            print(f"{SPELLED['serve']}: {say(fault)}", file=sys.stderr)
        return MISTAKE
    for name in unknown_variables(Config, ENV_PREFIX, os.environ):
        print(f"{SPELLED['serve']}: {say(name)}: no key is called so", file=sys.stderr)
    print(f"{SPELLED['serve']}: the configuration can be used")
    return 0


def _serve(config: Config) -> int:
    log_to_stderr()
    stopping = Stopping()
    from .server.process import serve  # status needs no server; it takes a while

    for name in unknown_variables(Config, ENV_PREFIX, os.environ):
        log.warning("variable.unknown name=%s", name)
    try:
        serve(config, stopping)
    finally:
        stopping.end()
    return 0


def _simulate(config: Config, chosen: argparse.Namespace) -> int:
    from .simulate.drive import run, scripts  # neither serve nor status needs it
    from .simulate.table import document, table

    if not chosen.script:
        for name, script in scripts():
            print(f"{name:<20}{say(script.title)}")
        return 0
    results = run(chosen.script, config)
    if chosen.json:
        print(json.dumps(document(results), indent=2))
    else:
        sys.stdout.write(table(results))
    sys.stdout.flush()
    return 0 if all(result.is_met for result in results) else UNMET


def _backup(config: Config, chosen: argparse.Namespace) -> int:
    from .client.backup import make

    size_bytes = make(Path(config.database), chosen.file)
    print(f"{chosen.file}: {size_bytes / (1 << 20):,.1f} MiB, whole", flush=True)
    return 0


SHOWN: Mapping[str, Callable[[Config, argparse.Namespace], int]] = {**ASKING, "backup": _backup}
"""A command that neither serves nor administers, and what does it."""
