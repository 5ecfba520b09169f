"""
A batch as bytes, whatever is in it: what does not fit is left out and counted.

Knows nothing of records. The bounds of a batch's fields allow for more than a batch may have, and
a batch that cannot be sent at all would look like an agent that is dead.
"""

from dataclasses import replace

from ..batch.batch import Batch, BatchSizeError, ProxyWindow, encode
from ..batch.shares import merged


def fit(batch: Batch) -> bytes:
    """
    Return the batch as bytes, with as many details as it has room for.

    Raises:
        BatchError: a field is beyond its bounds, which no leaving out would change.
    """
    for change in (_same, _without_shares, _without_asked, _without_exemplars):
        batch = replace(batch, proxies=tuple(map(change, batch.proxies)))
        try:
            return encode(batch)
        except BatchSizeError:
            continue
    while batch.proxies:
        batch = keep_proxies(batch, len(batch.proxies) // 2)
        try:
            return encode(batch)
        except BatchSizeError:
            continue
    return encode(batch)


def keep_proxies(batch: Batch, count: int) -> Batch:
    """Return it with only its busiest proxies; the requests of the others count as dropped."""
    ranked = sorted(batch.proxies, key=lambda window: window.requests, reverse=True)
    kept = {window.proxy for window in ranked[:count]}
    return replace(
        batch,
        proxies=tuple(window for window in batch.proxies if window.proxy in kept),
        proxies_dropped=batch.proxies_dropped + sum(max(w.requests, 1) for w in ranked[count:]),
    )


def _same(window: ProxyWindow) -> ProxyWindow:
    return window


def _without_shares(window: ProxyWindow) -> ProxyWindow:
    """One row for all, so that sums stay right, and without its times."""
    return replace(
        window,
        by_endpoint=merged(window.by_endpoint),
        by_address=merged(window.by_address),
        by_resolver=merged(window.by_resolver),
        by_circumstance=(),
    )


def _without_asked(window: ProxyWindow) -> ProxyWindow:
    return replace(window, asked=(), asked_dropped=window.asked_dropped + len(window.asked))


def _without_exemplars(window: ProxyWindow) -> ProxyWindow:
    return replace(window, exemplars=())
