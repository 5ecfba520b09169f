"""
By what the history of a proxy is told apart, and how many values of each are kept by name.

Beyond the bound values are one, OTHER, so that sums stay right. Pure.
"""

from collections.abc import Mapping
from typing import Literal, get_args

from modpulse.agent.batch.batch import MAX_CIRCUMSTANCES

Dimension = Literal[
    "", "site", "endpoint", "resolver", "address", "agent", "judged", "circumstance"
]
"""
Empty: the proxy as a whole. Their places are in the database: only ever append. `judged` has one
value, the empty one: what the proxy is held responsible for. Those of `circumstance` say the same
requests twice: by how many were in flight, and by whether the same had been asked for before.
"""
DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)
ASKED_BY = tuple(d for d in DIMENSIONS if d not in ("judged", "circumstance"))
"""What people ask for."""

MAX_SITES = 32
MAX_ENDPOINTS_KEPT = 16
"""Kinds of endpoints; there are seven."""
MAX_RESOLVERS = 32
MAX_ADDRESSES_KEPT = 32
MAX_AGENTS_KEPT = 64
MOST_NAMED: Mapping[str, tuple[str, int]] = {
    "": ("", 1),
    "site": ("MAX_SITES", MAX_SITES),
    "endpoint": ("MAX_ENDPOINTS_KEPT", MAX_ENDPOINTS_KEPT),
    "resolver": ("MAX_RESOLVERS", MAX_RESOLVERS),
    "address": ("MAX_ADDRESSES_KEPT", MAX_ADDRESSES_KEPT),
    "agent": ("MAX_AGENTS_KEPT", MAX_AGENTS_KEPT),
    "judged": ("", 1),
    "circumstance": ("MAX_CIRCUMSTANCES", MAX_CIRCUMSTANCES),
}
"""Of one proxy in one minute, hour or day: the bound's name, and how many keep theirs."""
OTHER = "other"
"""All beyond that."""
SITE = "site"
"""The label of an agent that says where it is; empty where it has none."""
