"""Rules of who saw it."""

from modpulse.collector.scope import Vantage, find_scope


def vantage(
    agent_id: str,
    sees: bool = False,
    failed: int = 0,
    asked: bool = True,
    served: bool = True,
    resolvers: frozenset[str] = frozenset({"r1"}),
) -> Vantage:
    """Make an agent; one that sees failures has some."""
    return Vantage(agent_id, sees, failed or 9 * sees, asked, served, resolvers)


def scope_of(*vantages: Vantage, fires: bool = True, fires_without_one: bool = False) -> str | None:
    """Return the kind of scope; the gates fire on everybody's evidence, perhaps without one."""
    found = find_scope(vantages, lambda excluded: fires_without_one if excluded else fires)
    return found.kind


def test_nobody_asks() -> None:
    """A proxy that nobody asked within the hour has no scope."""

    assert scope_of(fires=False) is None


def test_idle_witness() -> None:
    """Where another agent asked within the hour and does not see it, it is that host's."""

    assert scope_of(vantage("a", sees=True), vantage("b", asked=False)) == "host"


def test_two_witnesses() -> None:
    """Two hosts of one resolver see it and nobody asks another resolver: the proxy is sick."""

    assert scope_of(vantage("a", sees=True), vantage("b", sees=True)) is None


def test_two_of_three_users_of_a_resolver() -> None:
    """Where a user of the same resolver is served, it is not the resolver."""
    other = vantage("d", resolvers=frozenset({"r2"}))

    assert scope_of(vantage("a", sees=True), vantage("b", sees=True), vantage("c"), other) is None


def test_all_users_of_a_resolver() -> None:
    """All users of one resolver, idle ones aside, and nobody else."""
    users = [vantage("a", sees=True), vantage("b", sees=True), vantage("c", asked=False)]
    other = vantage("d", resolvers=frozenset({"r2"}))

    assert scope_of(*users, other) == "resolver"
    assert scope_of(*users, vantage("d", sees=True, resolvers=frozenset({"r2"}))) is None


def test_unknown_resolvers_blame_none() -> None:
    """Agents whose resolver was not seen have none in common."""
    none = frozenset[str]()
    seers = [vantage("a", sees=True, resolvers=none), vantage("b", sees=True, resolvers=none)]

    assert scope_of(*seers, vantage("c")) is None


def test_many_with_a_failure_each() -> None:
    """Nobody alone sees it, but it fires without the one with most failures too."""
    agents = [vantage(str(n), failed=1) for n in range(9)]

    assert scope_of(*agents, fires_without_one=True) is None
    assert scope_of(*agents, fires_without_one=False) == "host"


def test_a_failure_without_a_gate() -> None:
    """Where no gate fires there is nothing to attribute."""

    assert scope_of(vantage("a", failed=1), vantage("b"), fires=False) is None
    assert scope_of(vantage("a", failed=1), fires=False) is None
