"""
Commands that ask a collector and print what it answers: `status`, `top`, `incidents`, `alerts`,
`agents`, `history`, `compare`.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from modpulse.agent.screen.terminal import style_of
from modpulse.agent.service.errors import ConfigError
from modpulse.agent.service.foreign import say

from .admin import URL_VARIABLE
from .config import Config, load

SICK = 3
"""What `modpulse status --fail-on` ends with where a proxy is that ill."""
SICKER: Mapping[str, tuple[str, ...]] = {"degraded": ("degraded", "down"), "down": ("down",)}
"""A state, and what is at least as bad. `unknown` is none: nobody asked that proxy of late."""
SPELLED: Mapping[str, str] = {
    "serve": "modpulse collector",
    "status": "modpulse status",
    "top": "modpulse top",
    "incidents": "modpulse incidents",
    "alerts": "modpulse alerts",
    "agents": "modpulse agents",
    "history": "modpulse history",
    "compare": "modpulse compare",
    "simulate": "modpulse simulate",
    "token": "modpulse token",
    "maintenance": "modpulse maintenance",
    "audit": "modpulse audit",
    "backup": "modpulse-collector backup",
}
"""A command, and what its user types."""
MAX_PAGES = 100
"""Of the past: more than a collector keeps."""


def _status(config: Config, chosen: argparse.Namespace) -> int:
    from .client.status import render  # serve needs no client

    document = _fetched(config, chosen, "proxies")
    if document is None:
        return 1
    # Into a file or a pipe goes all of it.
    is_whole = not sys.stdout.isatty()
    _show(
        document,
        chosen,
        lambda now, colour, columns: render(
            document, now, None if is_whole else columns, colour, chosen.wide
        ),
    )
    sicker = SICKER.get(chosen.fail_on, ())
    return SICK if any(proxy.get("state") in sicker for proxy in document["proxies"]) else 0


def _top(config: Config, chosen: argparse.Namespace) -> int:
    from .client.client import ClientError, fetch
    from .client.live import is_terminal, watch

    url = chosen.url or os.environ.get(URL_VARIABLE) or config.collector_url
    if chosen.json:
        while (document := _fetched(config, chosen, "proxies")) is not None:
            print(json.dumps(document), flush=True)
            time.sleep(chosen.every)
        return 1
    if not is_terminal(os.environ):
        raise ConfigError("it needs a terminal; modpulse status prints the same once")
    style = style_of(sys.stdout, os.environ, colour=chosen.color)
    try:
        watch(lambda: fetch(config, url, "proxies"), chosen.every, style.colour)
    except ClientError as error:
        print(f"{SPELLED['top']}: {say(str(error))}", file=sys.stderr)
        return 1
    return 0


def _incidents(config: Config, chosen: argparse.Namespace) -> int:
    from .client.incidents import only, render, render_one

    document = _fetched(config, chosen, "incidents")
    if document is None:
        return 1
    if chosen.incident is None:
        _show(document, chosen, lambda now, colour, _: render(document, now, colour, chosen.all))
        return 0
    one = only(document, chosen.incident)
    if one is None:
        print(f"modpulse incidents: no incident {say(chosen.incident)}", file=sys.stderr)
        return 1
    _show(one, chosen, lambda now, colour, _: render_one(one, now, colour))
    return 0


def _alerts(config: Config, chosen: argparse.Namespace) -> int:
    if chosen.trial:
        return _alerts_test(config, chosen)
    from .client.alerts import render

    document = _fetched(config, chosen, "alerts")
    if document is None:
        return 1
    _show(document, chosen, lambda now, colour, _: render(document, now, colour))
    return 0


def _alerts_test(config: Config, chosen: argparse.Namespace) -> int:
    from .client import rehearsed

    # The file alone says what is tried: no variable of the environment does.
    other = load(chosen.rules, {}) if chosen.rules else None
    query = {"since": chosen.since} | ({"until": chosen.until} if chosen.until else {})
    pages: list[dict[str, Any]] = []
    while len(pages) < MAX_PAGES:
        page = _fetched(config, chosen, "alerts/past", query)
        if page is None:
            return 1
        pages.append(page)
        if not page.get("next"):
            break
        query["after"] = str(page["next"])
    try:
        asked, rows = rehearsed.read(pages)
    except ValueError as error:
        print(f"modpulse alerts test: unexpected answer: {say(str(error))}", file=sys.stderr)
        return 1
    usual = Config()
    rules = None
    if other:
        has_states = (other.formula, other.rules) != (usual.formula, usual.rules)
        rules = rehearsed.Rules(other.alerting, other.maintenance, has_states)
    comparison = rehearsed.compare(asked, rows, rules)
    if chosen.json:
        print(json.dumps(rehearsed.document(comparison), indent=2))
    else:
        sys.stdout.write(rehearsed.table(comparison, str(chosen.rules)))
    sys.stdout.flush()
    return 0


def _agents(config: Config, chosen: argparse.Namespace) -> int:
    from .client.agents import render

    document = _fetched(config, chosen, "agents")
    if document is None:
        return 1
    _show(document, chosen, lambda now, colour, _: render(document, now, colour, chosen.all))
    return 0


def _history(config: Config, chosen: argparse.Namespace) -> int:
    from .client.plot import svg
    from .client.sheet import sheet
    from .client.table import table
    from .client.told import read

    draw: Callable[[str], bytes] = str.encode
    if chosen.plot and chosen.plot.suffix == ".png":
        from .client.png import png as draw  # an extra: who draws none does not need it
    elif chosen.plot and chosen.plot.suffix != ".svg":
        raise ConfigError(f"--plot {chosen.plot}: expected a name that ends in .svg or .png")
    asked = {name: getattr(chosen, name) for name in ("proxy", "since", "until", "by", "step")}
    query = {name: value for name, value in asked.items() if value}
    document = _fetched(config, chosen, "history", query)
    if document is None:
        return 1
    if chosen.json:
        print(json.dumps(document, indent=2))
    elif chosen.plot:
        try:
            chosen.plot.write_bytes(draw(svg(read(document))))
        except OSError as error:
            raise ConfigError(f"--plot {chosen.plot}: {error.strerror}") from None
    else:
        sys.stdout.write(sheet(read(document)) if chosen.csv else table(read(document)))
    sys.stdout.flush()
    return 0


def _compare(config: Config, chosen: argparse.Namespace) -> int:
    from .client.compare import render

    asked = {name: getattr(chosen, name) for name in ("a", "b", "since", "until")}
    query = {name: value for name, value in asked.items() if value}
    document = _fetched(config, chosen, "compare", query)
    if document is None:
        return 1
    if chosen.json:
        print(json.dumps(document, indent=2))
    else:
        sys.stdout.write(render(document, datetime.now(UTC), chosen.wide))
    sys.stdout.flush()
    return 0


def _show(
    document: dict[str, Any],
    chosen: argparse.Namespace,
    text: Callable[[datetime, bool, int], str],
) -> None:
    """Print an answer, as JSON or as a person reads it."""
    if chosen.json:
        print(json.dumps(document, indent=2))
    else:
        style = style_of(sys.stdout, os.environ, colour=chosen.color)
        sys.stdout.write(text(datetime.now(UTC), style.colour, style.columns))
    sys.stdout.flush()


def _fetched(
    config: Config, chosen: argparse.Namespace, rows: str, query: Mapping[str, str] | None = None
) -> dict[str, Any] | None:
    """Return what the collector answers; None where it does not, and that has been said."""
    from .client.client import DEADLINE_S, SILENCE_S, ClientError, fetch

    url = chosen.url or os.environ.get(URL_VARIABLE) or config.collector_url
    # The hours of months take a while to compare.
    silence_s = DEADLINE_S if rows == "compare" else SILENCE_S
    try:
        return fetch(config, url, rows, query, silence_s)
    except ClientError as error:
        print(f"{SPELLED[chosen.command]}: {say(str(error))}", file=sys.stderr)
        return None


ASKING: Mapping[str, Callable[[Config, argparse.Namespace], int]] = {
    "status": _status,
    "top": _top,
    "incidents": _incidents,
    "alerts": _alerts,
    "agents": _agents,
    "history": _history,
    "compare": _compare,
}
"""A command, and what asks a collector for it."""
