"""
By which search domain of resolv.conf a name came to its address.

With `ndots` above the dots of a name go asks with each search domain behind it first, and takes the
first address: a domain that answers for every name leads to a machine that nobody meant.
Source: net/dnsconfig_unix.go, nameList.
"""

from collections.abc import Sequence

from .records import Query


def found_by_search(host: str, queries: Sequence[Query]) -> str | None:
    """
    Return the name with a search domain that gave the address of a host.

    None where its own name did, where none did, and of a single label, which is meant so.
    """
    own = host.rstrip(".").lower()
    answered = [query.name for query in queries if query.addresses]
    if "." not in own or None in answered or own in answered:
        return None
    return next((name for name in answered if name and name.startswith(f"{own}.")), None)
