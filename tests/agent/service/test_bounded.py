"""A memory forgets what came first, and never more than it must."""

from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.service.bounded import Bounded


@given(st.integers(1, 4), st.lists(st.integers(0, 6), max_size=30))
def test_what_is_kept(most: int, keys: list[int]) -> None:
    """The newest keys, as many as fit, in the order of their coming; a known key makes no room."""
    memory: Bounded[int, int] = Bounded(most)
    kept: list[int] = []
    for at, key in enumerate(keys):
        memory[key] = at
        if key not in kept:
            kept = [*kept, key][-most:]

    assert list(memory) == kept
    last = {key: at for at, key in enumerate(keys)}
    assert all(memory[key] == last[key] for key in memory)


def test_what_is_used_is_kept() -> None:
    """Taken out and put in again, a key is new."""
    memory: Bounded[str, int] = Bounded(2)
    memory["used"], memory["idle"] = 1, 2
    memory["used"] = memory.pop("used")
    memory["new"] = 3

    assert memory == {"used": 1, "new": 3}
