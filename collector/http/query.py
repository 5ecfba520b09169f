"""
What follows the `?` of an address, and the times in it. Pure.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

from modpulse.agent.service.units import NS

from ..errors import RejectedError

MAX_QUERY_BYTES = 4_096
UNITS_S = {"m": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400, "y": 366 * 86_400}
SINCE = "7d"
"""Where nothing is said."""
LONGEST_S = 10 * UNITS_S["y"]


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
