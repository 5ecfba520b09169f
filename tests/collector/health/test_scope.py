"""Rules of who saw it."""

from dataclasses import replace

from modpulse.agent.service.units import NS
from modpulse.collector.health.scope import Run, Vantage, doubtful, find_scope


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
    """Nobody alone sees it: it is one host's where that has far more than any other."""
    agents = [vantage(str(n), failed=1) for n in range(9)]
    worst = vantage("worst", failed=3)

    assert scope_of(*agents, fires_without_one=True) is None
    assert scope_of(*agents, fires_without_one=False) is None
    assert scope_of(*agents, worst, fires_without_one=True) is None
    assert scope_of(*agents, worst, fires_without_one=False) == "host"


def test_a_failure_without_a_gate() -> None:
    """Where no gate fires there is nothing to attribute."""

    assert scope_of(vantage("a", failed=1), vantage("b"), fires=False) is None
    assert scope_of(vantage("a", failed=1), fires=False) is None


def of_two_resolvers(
    user: Vantage, before: str | None = None, other_ns: int | None = 5 * NS
) -> str | None:
    """The scope where two users of r1 have failed for a minute, with a third one and r2's user."""
    first, second = (
        Vantage(name, True, 9, True, True, frozenset({"r1"}), 60 * NS, 61 * NS) for name in "ab"
    )
    other = Vantage("d", False, 0, True, True, frozenset({"r2"}), 0, other_ns)
    return find_scope([first, second, user, other], lambda excluded: not excluded, before).kind


def test_a_user_that_did_not_ask_since_has_no_say() -> None:
    """Who was answered before it began, or while that was under way, says nothing against it."""
    idle = Vantage("c", False, 0, True, True, frozenset({"r1"}), 0, 55 * NS)
    served = Vantage("c", False, 0, True, True, frozenset({"r1"}), 0, 9 * NS)

    assert (of_two_resolvers(idle), of_two_resolvers(served)) == ("resolver", None)


def test_others_that_were_not_answered_since() -> None:
    """An outage is no resolver's because users of another have not asked, or too little yet."""
    idle = Vantage("c", False, 0, True, True, frozenset({"r1"}), 0, 55 * NS)

    assert [of_two_resolvers(idle, other_ns=ns) for ns in (None, 70 * NS)] == [None, None]
    assert of_two_resolvers(idle, before="r1", other_ns=None) == "resolver"


def test_a_resolver_stays_one_while_evidence_fades() -> None:
    """Some users' evidence is gone before others'; nobody else sees anything."""
    served = Vantage("c", False, 0, True, True, frozenset({"r1"}), 0, 9 * NS)

    assert of_two_resolvers(served, before="r1") == "resolver"
    assert of_two_resolvers(served, before="r2") is None


def test_an_outage_needs_a_second_witness() -> None:
    """Without those that fail while others are answered, and without the one that fails most."""
    fine = Run("a", 1000 * NS, 0, 0)
    site = [Run(name, 700 * NS, 800 * NS, 9) for name in ("b", "c")]
    new = [Run(name, 990 * NS, 991 * NS, count) for name, count in (("d", 3), ("e", 5))]

    assert doubtful([fine, *site, *new], 60 * NS) == {"b", "c", "e"}
    assert doubtful(new, 60 * NS) == {"e"}
    assert doubtful([fine], 60 * NS) == frozenset()
    # An answer that was under way when it began is no contradiction.
    assert doubtful([Run("a", 840 * NS, 0, 0), *site], 60 * NS) == {"b"}


def test_the_first_who_sees_it_is_not_the_only_one() -> None:
    """In an outage one sees it first; who fails now, with half as many failures, sees it too."""
    first = vantage("a", sees=True, failed=8)
    failing = replace(vantage("b", failed=4), failing_ns=20 * NS, answered_ns=50 * NS)
    noise = replace(vantage("c", failed=1), failing_ns=20 * NS, answered_ns=50 * NS)
    served = replace(vantage("d", failed=6), failing_ns=0, answered_ns=5 * NS)

    assert scope_of(first, failing) is None
    assert scope_of(first, noise, served) == "host"
