"""Names that came to their address by a search domain."""

import pytest

from modpulse.agent.records.records import Query
from modpulse.agent.records.searched import found_by_search

HOST, LONGER = "p.a.test", "p.a.test.corp.test"


def query(name: str | None, *addresses: str) -> Query:
    return Query(
        qtype="A", name=name, server="10.0.0.1:53", transport="udp", at_ns=0, addresses=addresses
    )


@pytest.mark.parametrize(
    ("host", "queries", "name"),
    [
        (HOST, [query(LONGER, "10.0.0.9")], LONGER),
        ("P.A.test", [query(LONGER, "10.0.0.9")], LONGER),
        (HOST, [query(LONGER), query(HOST, "10.0.0.9")], None),
        (HOST, [query(LONGER), query(HOST)], None),
        (HOST, [query(None, "10.0.0.9")], None),
        (HOST, [query("p.a.testing", "10.0.0.9")], None),
        ("p", [query("p.corp.test", "10.0.0.9")], None),
        (HOST, [], None),
    ],
)
def test_search(host: str, queries: list[Query], name: str | None) -> None:
    """The name that was answered with an address, if that is not the one that was asked for."""
    assert found_by_search(host, queries) == name
