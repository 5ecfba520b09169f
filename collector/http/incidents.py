"""
What GET /api/v1/incidents is asked for. Pure.
"""

import re
from typing import NamedTuple

from modpulse.agent.service.units import NS

from ..errors import RejectedError
from .query import PAGED, page_of, parameters, span_s

KEYS = ("since", "until", *PAGED)
MOST = 100
"""Incidents of one page: some kB each, each in two languages."""
NEWEST = 1 << 62
NAME = r"(\d{1,18})-\d{1,18}"
"""What an incident is called, see `Incident.name`."""


class Asked(NamedTuple):
    """What a query asks for; ns of the collector's clock."""

    from_ns: int
    until_ns: int
    before_id: int
    """The last incident of the page before."""
    most: int


def incidents_of(query: bytes, now_ns: int, wall_offset_ns: int) -> Asked | None:
    """
    Read a query, see `span_s`; None where it asks for what is held.

    Raises:
        RejectedError: 400, with what is wrong.
    """
    given = parameters(query, KEYS)
    if not given:
        return None
    page = page_of(given)
    before = re.fullmatch(NAME, page.after, re.ASCII)
    if page.after and before is None:
        raise RejectedError(400, "after: expected next of the page before")
    from_s, until_s = span_s({"since": "1y", **given}, now_ns, wall_offset_ns)
    most = min(page.limit or MOST, MOST)
    return Asked(from_s * NS, (until_s + 1) * NS, int(before[1]) if before else NEWEST, most)
