"""The program `modpulse`: its commands and their options."""

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from .document import Document
    from .kernel.compilation import Compilation
    from .trace import Trace

_COLLECTOR_COMMANDS = {"collector": "serve", "status": "status"}
"""Ours -> what modpulse-collector calls it."""
CANNOT_OBSERVE = 125
"""Exit code when the command was not started, as env(1) and timeout(1) have it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0] in _COLLECTOR_COMMANDS:
        return _collector(_COLLECTOR_COMMANDS[given[0]], given[1:])
    options = _parser().parse_args(given)
    code: int = options.run(options)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="modpulse", description="The passive health of Go module proxies."
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    run = commands.add_parser("run", help="run a command and show what it did on the network")
    run.add_argument("--json", metavar="FILE", help="write all records to FILE, or - for stdout")
    run.add_argument("--all", action="store_true", help="show every request, fold none")
    run.add_argument("--trace", metavar="FILE", help="write its packets to FILE, as pcapng")
    run.add_argument("command", nargs="+", metavar="COMMAND", help="after --: what to run")
    run.set_defaults(run=_run)
    replay = commands.add_parser("replay", help="show what a capture file tells of connections")
    replay.add_argument("--json", metavar="FILE", help="write all records to FILE, or - for stdout")
    replay.add_argument("--all", action="store_true", help="show every row, fold none")
    replay.add_argument("file", metavar="FILE", help="pcapng or pcap, ours or any other")
    replay.set_defaults(run=_replay)
    agent = commands.add_parser("agent", help="watch every go process of this host")
    agent.add_argument("--config", metavar="FILE", help="TOML; see docs/configuration.md")
    agent.set_defaults(run=_agent)
    check = commands.add_parser("check", help="can this host be observed?")
    check.add_argument("--json", action="store_true", help="print JSON")
    check.set_defaults(run=_check)
    for name, purpose in (
        ("collector", "receive batches and score proxies"),
        ("status", "print the health of every proxy"),
    ):
        commands.add_parser(name, help=purpose + " (modpulse-collector)")
    return parser


def _run(options: argparse.Namespace) -> int:
    from .kernel.compilation import Compilation, KernelError, KernelOptions

    try:
        # First of all: everything else is imported while the child compiles.
        compilation = Compilation(KernelOptions.of_command(trace=options.trace is not None))
        return _observe(options, compilation)
    except (KernelError, OSError) as error:
        print(f"modpulse: {error}", file=sys.stderr)
        return CANNOT_OBSERVE


def _observe(options: argparse.Namespace, compilation: "Compilation") -> int:
    from .identity import acting_as, load
    from .kernel.compilation import KernelError
    from .run import run
    from .trace import Trace

    identity = load(os.environ)
    trace = Trace() if options.trace else None
    wanted = {"json": None if options.json == "-" else options.json, "trace": options.trace}
    code = CANNOT_OBSERVE
    try:
        with ExitStack() as files:
            with acting_as(identity):
                targets = {
                    name: files.enter_context(open(path, "wb"))
                    for name, path in wanted.items()
                    if path
                }
            witness = trace.witness if trace is not None else None
            document, code = run(options.command, compilation, identity, witness)
            _report(options, document, trace, targets)
    except (KernelError, OSError) as error:
        # Once the command has run its exit code counts, whatever becomes of our report.
        print(f"modpulse: {error}", file=sys.stderr)
    return code


def _report(
    options: argparse.Namespace,
    document: "Document",
    trace: "Trace | None",
    targets: Mapping[str, BinaryIO],
) -> None:
    from .capture import write_trace

    if trace is not None:
        offset_ns = time.time_ns() - time.monotonic_ns()
        write_trace(targets["trace"], trace, offset_ns, document.requests)
    _show(document, options.all)
    if options.json == "-":
        sys.stdout.write(_line(document))
    elif options.json:
        targets["json"].write(_line(document).encode())


def _replay(options: argparse.Namespace) -> int:
    from .capture import CaptureError
    from .replay import replay

    try:
        document = replay(Path(options.file))
    except (CaptureError, OSError) as error:
        print(f"modpulse: {error}", file=sys.stderr)
        return 1
    if options.json == "-":
        sys.stdout.write(_line(document))
        return 0
    if options.json:
        Path(options.json).write_text(_line(document), encoding="utf-8")
    _show(document, options.all)
    return 0


def _show(document: "Document", all_rows: bool) -> None:
    from .waterfall.terminal import style_of
    from .waterfall.waterfall import render

    sys.stderr.write(render(document, style_of(sys.stderr, os.environ, all_rows)))


def _line(document: "Document") -> str:
    return json.dumps(document.to_json(), separators=(",", ":")) + "\n"


def _agent(options: argparse.Namespace) -> int:
    from .daemon import main as run_agent

    return run_agent(options.config)


def _check(options: argparse.Namespace) -> int:
    from .host import run_check
    from .kernel.attach import try_links

    return run_check(try_links, os.environ, sys.stdout, options.json)


def _collector(command: str, arguments: Sequence[str]) -> int:
    """Execute the collector's own program, so that the agent never imports it."""
    beside = os.path.join(os.path.dirname(sys.argv[0]), "modpulse-collector")
    program = beside if os.access(beside, os.X_OK) else shutil.which("modpulse-collector")
    if program is None:
        print("modpulse: this needs the program modpulse-collector", file=sys.stderr)
        return CANNOT_OBSERVE
    return os.execv(program, [program, command, *arguments])


if __name__ == "__main__":
    sys.exit(main())
