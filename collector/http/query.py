"""
What follows the `?` of an address, and the times in it. Pure.
"""

from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from urllib.parse import parse_qsl

from modpulse.agent.service.units import NS

from ..errors import RejectedError

MAX_QUERY_BYTES = 4_096
UNITS_S = {"m": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400, "y": 366 * 86_400}
SINCE = "7d"
"""Where nothing is said."""
LONGEST_S = 10 * UNITS_S["y"]
LATEST_S = 9_000_000_000
"""In the year 2255: later ones have more ns than SQLite's integers."""


MAX_LIMIT = 1_000
"""Rows of one page."""
PAGED = ("limit", "after")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page:
    """Which of a list's rows are wanted."""

    limit: int | None
    """None: all."""
    after: str
    """The last row of the page before; empty: the first page."""

    def cut(self, rows: Sequence[T], name: Callable[[T], str]) -> tuple[Sequence[T], str | None]:
        """
        Return the rows of the page, and what is `after` for the next one; None: there is none.

        Args:
            rows: In the order of their names.
            name: Of a row; a page goes on where it would be, also when it is gone.
        """
        first = bisect_right(rows, self.after, key=name) if self.after else 0
        end = len(rows) if self.limit is None else first + self.limit
        return rows[first:end], name(rows[end - 1]) if end < len(rows) else None


def page_of(said: Mapping[str, str]) -> Page:
    """
    Return the page that `limit` and `after` say.

    Raises:
        RejectedError: 400, with what is wrong.
    """
    limit = said.get("limit")
    if limit is None:
        return Page(None, said.get("after", ""))
    if not (limit.isascii() and limit.isdigit() and len(limit) < 5 and 0 < int(limit) <= MAX_LIMIT):
        raise RejectedError(400, f"limit: expected 1 to {MAX_LIMIT}")
    return Page(int(limit), said.get("after", ""))


def row_id(after: str) -> int:
    """
    Return the number of the row that `after` names.

    Raises:
        RejectedError: 400, it is no number.
    """
    if not (after.isascii() and after.isdigit() and len(after) < 19):
        raise RejectedError(400, "after: expected next of the page before")
    return int(after)


def parameters(
    query: bytes, keys: Collection[str], most_bytes: int = MAX_QUERY_BYTES
) -> dict[str, str]:
    """
    Return the value of each key that is said.

    Raises:
        RejectedError: 400: too long, unknown or twice.
    """
    if len(query) > most_bytes:
        raise RejectedError(400, f"a query of more than {most_bytes} bytes")
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=len(keys)
        )
    except ValueError:
        raise RejectedError(
            400, f"a query that makes no sense: there are {', '.join(keys)}"
        ) from None
    found = dict(pairs)
    unknown = sorted(found.keys() - set(keys))
    if unknown or len(found) < len(pairs):
        raise RejectedError(400, f"unknown or twice: there are {', '.join(keys)}")
    return found


def span_s(said: Mapping[str, str], now_ns: int, wall_offset_ns: int) -> tuple[int, int]:
    """
    Return from when to when, s on the collector's clock, as `since` and `until` say.

    Args:
        said: Of the wall's times.
        now_ns: On the collector's clock.
        wall_offset_ns: From the collector's times to the wall's.

    Raises:
        RejectedError: 400, with what is wrong.
    """
    now_s, offset_s = now_ns // NS, wall_offset_ns // NS
    until_s = _moment(said["until"], now_s + offset_s) - offset_s if "until" in said else now_s
    from_s = _moment(said.get("since", SINCE), until_s + offset_s) - offset_s
    if until_s > LATEST_S:
        raise RejectedError(400, "until: expected a time before the year 2255")
    if not 0 <= from_s < until_s or until_s - from_s > LONGEST_S:
        raise RejectedError(400, "since: expected a time before until, of ten years at most")
    return from_s, until_s


def _moment(text: str, before_s: int) -> int:
    """Return a time, s since 1970: RFC 3339, or so long before another as `7d`."""
    number, unit = text[:-1], text[-1:]
    if unit in UNITS_S and number.isascii() and number.isdigit() and len(number) < 7:
        return before_s - int(number) * UNITS_S[unit]
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    except (ValueError, OverflowError):
        raise RejectedError(
            400, "since and until: expected RFC 3339 or 90m, 12h, 7d, 4w, 1y"
        ) from None
