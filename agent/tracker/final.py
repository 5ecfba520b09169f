"""
What `go` did after a request: done, on to the next entry of its chain, or no further.

Pure: the request as far as it came, and what is known of the chain.
"""

from collections.abc import Sequence

from ..records.records import ChainEntry, Final
from .requests import OpenRequest
from .stages import Stage


def final_of(
    request: OpenRequest,
    chain: Sequence[ChainEntry] | None,
    then: OpenRequest | None,
    ended: bool,
) -> Final:
    """
    Say what `go` did after a request. Source: modfetch/proxy.go, TryProxies.

    Args:
        request: Judged: its failure is known.
        chain: The effective GOPROXY; None when not known.
        then: The next request of the same goroutine, if any.
        ended: The process is gone.
    """
    if request.stage is Stage.REFUSED:
        return "stopped"
    if ended and request.is_unfinished:
        return "cancelled"
    is_miss = request.status in (404, 410)
    if request.failure is None and not is_miss:
        return "ok" if request.status == 200 else "cancelled"
    asks_every_entry = _asks_every_entry(request)
    if is_miss and asks_every_entry:
        return "fell_through"  # to the next entry, and after the last to the database itself
    index = request.where.chain_index
    if chain is not None and index is not None and index < len(chain):
        asks_on = (
            index + 1 < len(chain)
            and chain[index + 1].url != "off"
            and (is_miss or chain[index].fallback == "|")
            and (request.where.target.endpoint != "sumdb" or asks_every_entry)
        )
        return "fell_through" if asks_on else "stopped"
    if then is not None and then.where.target == request.where.target:
        return "fell_through" if then.where.proxy != request.where.proxy else "stopped"
    return "stopped"


def _asks_every_entry(request: OpenRequest) -> bool:
    """Of the checksum database only `/supported` is asked of one proxy after the other."""
    return request.where.target.endpoint == "sumdb" and request.path.endswith("/supported")
