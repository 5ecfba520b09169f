"""
`modpulse-collector`: `serve` (spelled `modpulse collector`) and `status` (`modpulse status`).
"""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from .config import Config, load
from .errors import ConfigError, StoreError

PIPE_CLOSED = 141
"""128 + SIGPIPE: what a shell shows for `modpulse status | head -1`."""


def parser() -> argparse.ArgumentParser:
    """Return the parser; every flag is in docs/collector.md."""
    top = argparse.ArgumentParser(prog="modpulse-collector", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    serve = commands.add_parser(
        "serve", prog="modpulse collector", help="receive batches and score proxies"
    )
    status = commands.add_parser("status", prog="modpulse status", help="print the health table")
    for command in (serve, status):
        command.add_argument("--config", type=Path, metavar="FILE", help="TOML configuration")
    status.add_argument("--url", help="of the collector; default: the configuration's `url`")
    status.add_argument("--json", action="store_true", help="print the API's JSON")
    status.add_argument("--wide", action="store_true", help="all columns, with S, R and C")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    chosen = parser().parse_args(arguments)
    try:
        config = load(chosen.config, os.environ)
        if chosen.command == "serve":
            return _serve(config)
        return _status(config, chosen.url or config.url, chosen.json, chosen.wide)
    except (ConfigError, StoreError) as error:
        print(f"modpulse {chosen.command}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Python flushes stdout once more at exit, which would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED


def _serve(config: Config) -> int:
    from .server import configure_logging, serve  # status needs no uvicorn

    configure_logging()
    serve(config)
    return 0


def _status(config: Config, url: str, as_json: bool, wide: bool) -> int:
    from .client import ClientError, fetch_proxies  # serve needs no client
    from .status import render

    try:
        document = fetch_proxies(config, url)
    except ClientError as error:
        print(f"modpulse status: {error}", file=sys.stderr)
        return 1
    if as_json:
        print(json.dumps(document, indent=2))
        return 0
    is_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if is_terminal else None
    colour = is_terminal and not os.environ.get("NO_COLOR")
    sys.stdout.write(render(document, datetime.now(UTC), width, colour, wide))
    sys.stdout.flush()
    return 0
