"""
Misses that may be outages in disguise: real proxies answer 404 when their upstream is down.

Knows nothing of chains. A miss is suspect when this proxy served the very thing before, or when
the proxy worked on it far longer than on its misses: a sick one has waited for its upstream.
"""

from collections import deque

from ..records.records import Request
from ..service.bounded import Bounded

MAX_SERVED = 8192
"""Things remembered, those served longest ago are forgotten."""
MAX_PROXIES = 64
"""Whose misses are remembered; the one that missed longest ago is forgotten."""
_RECENT_MISSES = 64
_ENOUGH_MISSES = 8
_SLOW_NS = 2_000_000_000
"""Slow for any miss, whatever is known."""
_SLOW_AT_LEAST_NS = 500_000_000
_TIMES_MEDIAN = 10


class Suspects:
    """What each proxy has served, and how long its misses take."""

    def __init__(self) -> None:
        self._served: Bounded[tuple[str, str | None, str | None, str | None], None] = Bounded(
            MAX_SERVED
        )
        self._misses: Bounded[str, deque[int]] = Bounded(MAX_PROXIES)

    def is_suspect(self, request: Request) -> bool:
        """Remember an answer; say whether it is a suspect miss."""
        if request.proxy is None:
            return False
        thing = (request.proxy, request.endpoint, request.module, request.version)
        if request.status == 200 and request.failure is None:
            self._served.pop(thing, None)
            self._served[thing] = None
        if not request.is_miss:
            return False
        # Not the time to first byte: a slow resolver or network is no sign of its upstream.
        slow = self._is_slow(request.proxy, request.processing_ns)
        return slow or (request.module is not None and thing in self._served)

    def _is_slow(self, proxy: str, processing_ns: int | None) -> bool:
        if processing_ns is None:
            return False
        recent = self._misses.pop(proxy, None)
        if recent is None:
            recent = deque(maxlen=_RECENT_MISSES)
        self._misses[proxy] = recent
        usual = sorted(recent)[len(recent) // 2] if len(recent) >= _ENOUGH_MISSES else None
        recent.append(processing_ns)
        if processing_ns > _SLOW_NS:
            return True
        if usual is None:
            return False
        return processing_ns > max(_SLOW_AT_LEAST_NS, _TIMES_MEDIAN * usual)
