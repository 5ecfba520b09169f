"""
The proxies of GET /api/v1/proxies as JSON: made once for each judgement, a proxy at a time.

A thousand of them take a fifth of a second, in which nobody else would be answered.
"""

import asyncio
import json
from collections.abc import Iterable, Sequence

from ..health.report import Report
from .document import proxy_part


class Shown:
    """The latest."""

    def __init__(self) -> None:
        self._of: tuple[Sequence[Report], int] | None = None
        self._made: asyncio.Task[tuple[bytes, ...]] | None = None

    async def parts(self, reports: Sequence[Report], wall_offset_ns: int) -> tuple[bytes, ...]:
        """
        Return each; who asks while it is made waits for the same one.

        Args:
            reports: Of every proxy; another list is another judgement.
            wall_offset_ns: From the collector's times to the wall's.
        """
        if (
            self._made is None
            or self._of is None
            or self._of[0] is not reports
            or (self._of[1] != wall_offset_ns)
        ):
            self._of = (reports, wall_offset_ns)
            self._made = asyncio.create_task(_made(reports, wall_offset_ns))
        # Who hangs up takes it from nobody else.
        return await asyncio.shield(self._made)


async def _made(reports: Sequence[Report], wall_offset_ns: int) -> tuple[bytes, ...]:
    parts = []
    for report in reports:
        parts.append(encoded(proxy_part(report, wall_offset_ns)))
        await asyncio.sleep(0)
    return tuple(parts)


def listed(head: object, name: str, parts: Iterable[bytes]) -> bytes:
    """Return an object with a list that is made in pieces."""
    return encoded(head)[:-1] + b',"%s":[' % name.encode() + b",".join(parts) + b"]}"


def encoded(value: object) -> bytes:
    """Return a JSON value as it is sent."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
