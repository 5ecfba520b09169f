"""The program `modpulse`: its commands and their options."""

import argparse
import os
import shutil
import sys
from collections.abc import Sequence

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
    run.add_argument("command", nargs="+", metavar="COMMAND", help="after --: what to run")
    run.set_defaults(run=_run)
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
    from .kernel import KernelError
    from .run import run, write_json
    from .terminal import style_of
    from .waterfall import render

    try:
        document, code = run(options.command)
    except KernelError as error:
        print(f"modpulse: {error}", file=sys.stderr)
        return CANNOT_OBSERVE
    if options.json:
        write_json(document, options.json)
    sys.stderr.write(render(document, style_of(sys.stderr, os.environ)))
    return code


def _check(options: argparse.Namespace) -> int:
    from .host import run_check
    from .kernel import try_links

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
