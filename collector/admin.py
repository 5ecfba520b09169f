"""
Commands of those who run a collector: `token`, `maintenance`, `audit`, and notes of `incidents`.

`token` changes the file that `access_file` names, and needs no collector; the others ask one.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from modpulse.agent.service.errors import ConfigError
from modpulse.agent.service.foreign import say
from modpulse.agent.service.units import NS

from .access import file as access_file
from .access.entries import ROLES, Entry, checked_name, key_of, line_of, new_token
from .client.client import ClientError, fetch, send
from .client.people import audit_table, maintenance_table
from .clock import rfc3339
from .config import Config

URL_VARIABLE = "MODPULSE_URL"
"""Of the environment: the collector that commands ask."""
USUAL_MINUTES = 60
"""Of a window of maintenance of which nobody says how long it lasts."""
MAX_DAYS = 3660
"""Of a token that ends."""
DAY_NS = 86_400 * NS

Add = Callable[..., argparse.ArgumentParser]


def add_commands(add: Add) -> list[argparse.ArgumentParser]:
    """
    Add the parsers; returns those that read a configuration.

    Args:
        add: Makes a parser of a name, a purpose and examples.
    """
    token = add(
        "token",
        "make, list and revoke the tokens of `access_file`",
        "modpulse token new site-a --role ship",
        "modpulse token list",
        "modpulse token revoke site-a --id 1f3a9c02",
    )
    maintenance = add(
        "maintenance",
        "list the times in which nobody is told; with `add` or `end`, change them",
        "modpulse maintenance",
        "modpulse maintenance add --minutes 90 --proxy https://goproxy.corp",
        "modpulse maintenance end 3",
    )
    audit = add("audit", "print what admins did, and who tried", "modpulse audit --json")
    _add_token(token)
    _add_maintenance(maintenance)
    add_asking(audit)
    return [token, maintenance, audit]


def add_note(incidents: argparse.ArgumentParser) -> None:
    """Add `incidents note`, and `incidents show`, of which the name may be left out."""
    acts = incidents.add_subparsers(dest="act", metavar="ID | note")
    show = acts.add_parser("show", help="one incident: what happened, and its worst requests")
    show.add_argument("incident", metavar="ID", help="as the list has it, or its number")
    show.set_defaults(act=None)  # it asks, and changes nothing
    add_again(show)
    note = acts.add_parser("note", help="write a note of an incident, for all who read it")
    note.add_argument("id", metavar="ID", help="of the incident, as the list has it")
    note.add_argument("text", metavar="TEXT", help="what is to be known")
    note.add_argument("--public", action="store_true", help="on the public page too")
    add_again(note)


def add_url(command: argparse.ArgumentParser) -> None:
    """Add which collector is asked."""
    command.add_argument(
        "--url",
        help=f"of the collector; else ${URL_VARIABLE}, else the configuration's `collector_url`",
    )


def add_asking(command: argparse.ArgumentParser) -> None:
    """Add the options of what asks a collector."""
    add_url(command)
    command.add_argument("--json", action="store_true", help="print the API's JSON")


def _add_config(command: argparse.ArgumentParser) -> None:
    """Let `--config` stand behind the second word of a command, too."""
    command.add_argument(
        "--config", type=Path, metavar="FILE", default=argparse.SUPPRESS, help="TOML configuration"
    )


def add_again(command: argparse.ArgumentParser) -> None:
    """Add the same options behind the second word of a command."""
    _add_config(command)
    command.add_argument("--url", default=argparse.SUPPRESS, help="of the collector")
    command.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="print the API's JSON"
    )


def _add_token(token: argparse.ArgumentParser) -> None:
    acts = token.add_subparsers(dest="act", required=True)
    new = acts.add_parser("new", help="print a new token, once, and keep its hash")
    new.add_argument("name", metavar="NAME", help="of who will have it, as the audit log says it")
    new.add_argument(
        "--role",
        action="append",
        choices=ROLES,
        required=True,
        help="ship batches, read, or admin (who reads too); may be given twice",
    )
    new.add_argument("--days", type=float, metavar="N", help="after so many it is worth nothing")
    listing = acts.add_parser("list", help="print names, roles and ids")
    listing.add_argument("--json", action="store_true", help="print JSON")
    revoke = acts.add_parser("revoke", help="take out the lines of a name, or one of them")
    revoke.add_argument("name", metavar="NAME")
    revoke.add_argument("--id", help="only that one, as `list` has it")
    for command in (new, listing, revoke):
        _add_config(command)


def _add_maintenance(maintenance: argparse.ArgumentParser) -> None:
    add_asking(maintenance)
    acts = maintenance.add_subparsers(dest="act", metavar="{add,end}")
    add = acts.add_parser("add", help="announce a time in which nobody is told")
    add.add_argument("--begins", metavar="TIME", help="RFC 3339, or `sat 02:00` (UTC): every week")
    length = add.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, metavar="N", help="how long; else an hour")
    length.add_argument("--ends", metavar="TIME", help="RFC 3339, instead of --minutes")
    add.add_argument("--proxy", metavar="URL", help="only of that one, as `modpulse status` has it")
    add.add_argument("--site", metavar="NAME", help="only what agents with that label alone see")
    end = acts.add_parser("end", help="end one that was announced")
    end.add_argument("id", metavar="ID", help="as the list has it")
    for command in (add, end):
        add_again(command)


def run(config: Config, chosen: argparse.Namespace) -> int:
    """
    Run one of the commands; returns the exit code.

    Raises:
        ConfigError: a file of the configuration cannot be used.
    """
    if chosen.command == "token":
        return _token(config, chosen)
    url = chosen.url or os.environ.get(URL_VARIABLE) or config.collector_url
    try:
        document, told = _asked(config, url, chosen)
    except ClientError as error:
        print(f"modpulse {chosen.command}: {say(str(error))}", file=sys.stderr)
        return 1
    sys.stdout.write(json.dumps(document, indent=2) + "\n" if chosen.json else told(document))
    sys.stdout.flush()
    return 0


def _asked(
    config: Config, url: str, chosen: argparse.Namespace
) -> tuple[dict[str, Any], Callable[[Mapping[str, Any]], str]]:
    """Return what the collector answers, and what shows it."""
    if chosen.command == "audit":
        return fetch(config, url, "audit"), audit_table
    if chosen.command == "incidents":
        rows = f"incidents/{quote(chosen.id, safe='')}/notes"
        told = {"text": chosen.text, **({"public": True} if chosen.public else {})}
        return send(config, url, "POST", rows, told), lambda _: "Noted.\n"
    if chosen.act == "add":
        names = ("begins", "minutes", "ends", "proxy", "site")
        given = {name: getattr(chosen, name) for name in names}
        asked = {name: value for name, value in given.items() if value is not None}
        if not asked.keys() & {"minutes", "ends"}:
            asked["minutes"] = USUAL_MINUTES
        document = send(config, url, "POST", "maintenance", asked)
        return document, lambda window: maintenance_table({"maintenance": [window]})
    if chosen.act == "end":
        document = send(config, url, "DELETE", f"maintenance/{quote(chosen.id, safe='')}")
        return document, lambda _: "Ended.\n"
    return fetch(config, url, "maintenance"), maintenance_table


def _token(config: Config, chosen: argparse.Namespace) -> int:
    if chosen.act == "new":
        return _new(config, chosen)
    if not config.access_file:
        raise ConfigError("access_file is not configured: there are no tokens to look at")
    if chosen.act == "list":
        entries = access_file.load(config.access_file)
        if chosen.json:
            print(json.dumps({"schema": 1, "tokens": list(map(_document, entries))}, indent=2))
            return 0
        for entry in entries:
            print(_told(entry))
        return 0
    gone = access_file.remove(config.access_file, chosen.name, chosen.id)
    for entry in gone:
        print(f"revoked {_told(entry)}")
    if not gone:
        print(f"modpulse token: there is no such token of {say(chosen.name)}", file=sys.stderr)
    return 0 if gone else 1


def _new(config: Config, chosen: argparse.Namespace) -> int:
    """The secret is all that goes to stdout, so that it can go straight into a file."""
    until_ns = None
    if chosen.days is not None:
        if not 0 < chosen.days <= MAX_DAYS:
            raise ConfigError(f"--days {chosen.days:g}: more than 0, at most {MAX_DAYS}")
        until_ns = time.time_ns() + round(chosen.days * DAY_NS)
    token = new_token(os.urandom)
    name, roles = checked_name(chosen.name), frozenset(chosen.role)
    entry = Entry(name, roles, key_of(token.encode()), until_ns)
    if config.access_file:
        access_file.add(config.access_file, entry)
        print(f"added to {config.access_file}: {_told(entry)}", file=sys.stderr)
    else:
        print(f"the line for access_file: {line_of(entry)}", file=sys.stderr)
    print(token)
    return 0


def _document(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "roles": [role for role in ROLES if role in entry.roles],
        "id": entry.id,
        "until": rfc3339(entry.not_after_ns),
    }


def _told(entry: Entry) -> str:
    roles = ",".join(role for role in ROLES if role in entry.roles)
    until = ""
    if entry.not_after_ns is not None:
        moment = datetime.fromtimestamp(entry.not_after_ns // NS, UTC)
        is_over = entry.is_over(time.time_ns())
        until = f"{' over since' if is_over else ' until'} {moment:%Y-%m-%d %H:%M} UTC"
    return f"{entry.name} {roles} {entry.id}{until}"
