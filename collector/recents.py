"""
The last days and hours of every proxy, read ahead: who looks at a list of them waits for no disk.

Read once at the start, and again where somebody has looked since.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from .errors import OverloadedError, StoreUnavailableError
from .insight.history import DAY_S, Asked, History
from .insight.recent import Recent, days_from_s, hours_from_s, recent_of
from .intake.rollup import HOUR_S

EVERY_S = 120.0
"""How often it is looked whether somebody has."""

log = logging.getLogger("modpulse.collector")


class Recents:
    """Of one service; bounded as its reports are."""

    def __init__(self, read: Callable[[Asked], Awaitable[History | None]]) -> None:
        """
        Args:
            read: Returns what a proxy did; None where it is not known.
        """
        self._history = read
        self._of: dict[str, Recent] = {}
        self._wanted = True
        self.version = 0
        """Another number: something was read since."""

    def of(self, proxy: str) -> Recent | None:
        """Return what is known of a proxy; None: it was not read yet."""
        self._wanted = True
        return self._of.get(proxy)

    async def refresh(self, proxies: Iterable[str], now_s: int) -> None:
        """
        Read again, if somebody has looked; batches and answers go on.

        Args:
            proxies: Those that there are; others are forgotten.
            now_s: On the collector's clock.
        """
        if not self._wanted:
            return
        self._wanted = False
        names = list(proxies)
        for gone in self._of.keys() - set(names):
            del self._of[gone]
        for name in names:
            try:
                self._of[name] = await self._read(name, now_s)
            except (OverloadedError, StoreUnavailableError) as error:
                log.warning("recent.unread reason=%s", error)
                self._wanted = True
                break
            await asyncio.sleep(0)
        self.version += 1

    async def _read(self, proxy: str, now_s: int) -> Recent:
        days = Asked(proxy, "judged", DAY_S, days_from_s(now_s), now_s + 1)
        hours = Asked(proxy, "", HOUR_S, hours_from_s(now_s), now_s + 1)
        return recent_of(await self._history(days), await self._history(hours), now_s)
