"""The program `modpulse`: its commands and their options."""

import argparse
import io
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO, TextIO

from .service.outputs import STDOUT, OutputError, naming, open_output, write_to
from .service.streams import fill_streams

if TYPE_CHECKING:
    from .kernel.compilation import Compilation
    from .recorder.trace import Trace
    from .records.document import Document

_COLLECTOR_COMMANDS = {
    "collector": "serve",
    "status": "status",
    "top": "top",
    "incidents": "incidents",
    "alerts": "alerts",
    "agents": "agents",
    "history": "history",
    "compare": "compare",
    "simulate": "simulate",
    "token": "token",
    "maintenance": "maintenance",
    "audit": "audit",
}
"""Ours -> what modpulse-collector calls it."""
CANNOT_OBSERVE = 125
"""Exit code when the command was not started, as env(1) and timeout(1) have it."""
MISCONFIGURED = 2
"""Exit code of a daemon that somebody must configure first."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    fill_streams()
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0] in _COLLECTOR_COMMANDS:
        return _collector(_COLLECTOR_COMMANDS[given[0]], given[1:])
    parser = _parser()
    if not given:
        parser.print_help()
        return 0
    options = parser.parse_args(given)
    try:
        code: int = options.run(options)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("modpulse"):
            raise
        print(f"modpulse: {error}: pip install 'modpulse[agent]'", file=sys.stderr)
        return CANNOT_OBSERVE
    return code


class _Version(argparse.Action):
    """Look it up only when asked: each command would wait for it."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from .service.version import version

        print(f"modpulse {version()}")
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="modpulse",
        description="See why `go` is slow or failing to fetch modules: DNS, TLS, proxy, checksum "
        "or login. Passive: it sends no request of its own.",
        epilog="example:\n  sudo modpulse run -- go mod download",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, purpose: str, *examples: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=purpose,
            description=f"{purpose[0].upper()}{purpose[1:]}",
            epilog="\n  ".join(("example:", *examples)),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    run = command(
        "run",
        "run a command and show what it did on the network",
        "sudo modpulse run -- go mod download",
        "sudo modpulse run --json records.json --trace packets.pcapng -- make test",
    )
    _add_outputs(run)
    run.add_argument("--trace", metavar="FILE", help="write its packets to FILE, as pcapng")
    run.add_argument("command", nargs="+", metavar="COMMAND", help="after --: what to run")
    run.set_defaults(run=_run)
    replay = command(
        "replay",
        "show what a capture file tells of connections",
        "modpulse replay packets.pcapng",
    )
    _add_outputs(replay)
    replay.add_argument("file", metavar="FILE", help="pcapng or pcap, ours or any other")
    replay.set_defaults(run=_replay)
    agent = command(
        "agent",
        "watch every go process of this host",
        "sudo modpulse agent --config /etc/modpulse/agent.toml",
    )
    agent.add_argument("--config", metavar="FILE", help="TOML; see docs/configuration.md")
    agent.add_argument(
        "--check-config", action="store_true", help="say what is wrong with it, and end"
    )
    agent.set_defaults(run=_agent)
    check = command("check", "can this host be observed?", "sudo modpulse check --json")
    check.add_argument("--json", action="store_true", help="print JSON")
    check.set_defaults(run=_check)
    for name, purpose in (
        ("collector", "receive batches and score proxies"),
        ("status", "print the health of every proxy"),
        ("top", "show the health of every proxy, and keep it up to date"),
        ("simulate", "play a made-up fleet to a collector: does it tell the truth?"),
        ("incidents", "print what is wrong, since when, and what it cost"),
        ("alerts", "print which alerts wait or fire, or would have with other rules"),
        ("agents", "print which agents do not do well, and why"),
        ("history", "print what a proxy did in the past"),
        ("compare", "print two mirrors side by side"),
        ("token", "make, list and revoke tokens of a collector"),
        ("maintenance", "list or announce times in which nobody is told"),
        ("audit", "print what admins of a collector did"),
    ):
        commands.add_parser(name, help=purpose + " (modpulse-collector)")
    return parser


def _add_outputs(command: argparse.ArgumentParser) -> None:
    """Add what `run` and `replay` have in common: where to show what, and how."""
    command.add_argument(
        "--json", metavar="FILE", help="write all records to FILE, or - for stdout"
    )
    command.add_argument(
        "-o", "--output", metavar="FILE", help="write the waterfall to FILE, not to stderr"
    )
    command.add_argument("--all", action="store_true", help="show every row, fold none")
    command.add_argument(
        "--color",
        action=argparse.BooleanOptionalAction,
        help="with colours, or without; else as NO_COLOR, FORCE_COLOR and the terminal have it",
    )


def _run(options: argparse.Namespace) -> int:
    from .kernel.compilation import Compilation, KernelError, KernelOptions

    try:
        # First of all: everything else is imported while the child compiles.
        compilation = Compilation(KernelOptions.of_command(trace=options.trace is not None))
        return _observe(options, compilation)
    except (KernelError, OSError) as error:
        _complain(error)
        return CANNOT_OBSERVE


def _observe(options: argparse.Namespace, compilation: "Compilation") -> int:
    from .commands.run import run
    from .kernel.compilation import KernelError
    from .machine.identity import acting_as, load
    from .recorder.trace import Trace

    identity = load(os.environ)
    trace = Trace() if options.trace else None
    wanted = {
        "json": None if options.json == "-" else options.json,
        "output": options.output,
        "trace": options.trace,
    }
    code = CANNOT_OBSERVE
    try:
        with ExitStack() as files:
            with acting_as(identity):
                targets = {name: open_output(path) for name, path in wanted.items() if path}
            for file in targets.values():
                files.callback(_close, file)
            witness = trace.witness if trace is not None else None
            document, code = run(options.command, compilation, identity, witness)
            is_whole = _report(options, document, trace, targets)
    except (KernelError, OutputError) as error:
        _complain(error)
        return code
    # The command's own code says more; but 0 would tell a script that its file is there.
    return code if code or is_whole else CANNOT_OBSERVE


def _close(file: BinaryIO) -> None:
    with suppress(OSError):  # what it did not take was told when it was written
        file.close()


def _complain(error: Exception) -> None:
    from .kernel.compilation import KernelError
    from .service.foreign import say

    remedy = (
        "\n`modpulse check` says what this host lacks" if isinstance(error, KernelError) else ""
    )
    print(f"modpulse: {say(str(error))}{remedy}", file=sys.stderr)


def _report(
    options: argparse.Namespace,
    document: "Document",
    trace: "Trace | None",
    targets: Mapping[str, BinaryIO],
) -> bool:
    """Write each whether or not the others can be written; return whether all of them were."""
    steps: list[Callable[[], None]] = [lambda: _waterfall(options, document, targets)]
    if options.json:
        steps.append(lambda: _write_json(options, document, targets.get("json")))
    if trace is not None:
        steps.append(lambda: _write_trace(options, document, trace, targets["trace"]))
    is_whole = True
    for step in steps:
        try:
            step()
        except OutputError as error:
            is_whole = False
            _complain(error)
    return is_whole


def _waterfall(
    options: argparse.Namespace, document: "Document", targets: Mapping[str, BinaryIO]
) -> None:
    if not options.output:
        with suppress(OSError):  # stderr takes nothing: nor would it our complaint
            _show(document, options, sys.stderr)
        return
    with naming(options.output):
        output = io.TextIOWrapper(targets["output"], encoding="utf-8")
        _show(document, options, output)
        output.flush()
        output.detach()


def _write_trace(
    options: argparse.Namespace, document: "Document", trace: "Trace", file: BinaryIO
) -> None:
    from .source.capture import write_trace

    _say_dropped(trace)
    offset_ns = time.time_ns() - time.monotonic_ns()
    with naming(options.trace):
        write_trace(file, trace, offset_ns, document.requests)
        file.flush()


def _say_dropped(trace: "Trace") -> None:
    if trace.dropped:
        print(f"modpulse: the trace is full: {trace.dropped} packets more", file=sys.stderr)


def _write_json(
    options: argparse.Namespace, document: "Document", file: BinaryIO | None = None
) -> None:
    if options.json == "-":
        with _stdout():
            sys.stdout.write(_line(document))
            sys.stdout.flush()
    elif file is not None:
        write_to(file, options.json, _line(document).encode())


def _replay(options: argparse.Namespace) -> int:
    from pathlib import Path

    from .commands.replay import replay
    from .source.capture import CaptureError

    wanted = {"json": None if options.json == "-" else options.json, "output": options.output}
    try:
        document = replay(Path(options.file))
        with ExitStack() as files:
            targets = {name: open_output(path) for name, path in wanted.items() if path}
            for file in targets.values():
                files.callback(_close, file)
            if options.json:
                _write_json(options, document, targets.get("json"))
            if options.json != "-":
                _waterfall(options, document, targets)
    except (CaptureError, OutputError, OSError) as error:
        _complain(error)
        return 1
    return 0


@contextmanager
def _stdout() -> Iterator[None]:
    """Where it takes nothing, Python's own attempt at exit would say so again."""
    try:
        with naming(STDOUT):
            yield
    except OutputError:
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def _show(document: "Document", options: argparse.Namespace, stream: TextIO) -> None:
    from .screen.terminal import style_of
    from .waterfall.waterfall import render

    style = style_of(stream, os.environ, options.all, options.color)
    stream.write(render(document, style))


def _line(document: "Document") -> str:
    return json.dumps(document.to_json(), separators=(",", ":")) + "\n"


def _agent(options: argparse.Namespace) -> int:
    if options.check_config:
        return _check_config(options.config)
    from .commands.agent import main as run_agent

    return run_agent(options.config)


def _check_config(path: str | None) -> int:
    from .commands.startup import read
    from .config import ENV_PREFIX, AgentConfig
    from .service.errors import ConfigError
    from .service.foreign import say
    from .service.keys import unknown_variables

    try:
        read(path, os.environ)
    except ConfigError as error:
        for fault in error.faults:
            print(f"modpulse agent: {say(fault)}", file=sys.stderr)
        return MISCONFIGURED
    for name in unknown_variables(AgentConfig, ENV_PREFIX, os.environ):
        print(f"modpulse agent: {say(name)}: no key is called so", file=sys.stderr)
    print("modpulse agent: the configuration can be used")
    return 0


def _check(options: argparse.Namespace) -> int:
    from .kernel.attach import try_links
    from .machine.host import run_check

    return run_check(try_links, os.environ, sys.stdout, options.json)


def _collector(command: str, arguments: Sequence[str]) -> int:
    """Execute the collector's own program, so that the agent never imports it."""
    import shutil

    beside = os.path.join(os.path.dirname(sys.argv[0]), "modpulse-collector")
    program = beside if os.access(beside, os.X_OK) else shutil.which("modpulse-collector")
    if program is None:
        print("modpulse: this needs the program modpulse-collector", file=sys.stderr)
        return CANNOT_OBSERVE
    return os.execv(program, [program, command, *arguments])


if __name__ == "__main__":
    sys.exit(main())
