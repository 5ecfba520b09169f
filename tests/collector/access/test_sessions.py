"""Rules of logins."""

from hypothesis import given
from hypothesis import strategies as st

from modpulse.collector.access.sessions import MAX_SESSIONS, SESSION_NS, Sessions


class Chance:
    """Counts."""

    def __init__(self) -> None:
        self.n = 0

    def __call__(self, size: int) -> bytes:
        self.n += 1
        return self.n.to_bytes(size, "big")


def test_a_session_stands_for_its_key() -> None:
    """Until its time is over or it is ended, and no other secret does."""
    sessions = Sessions(Chance())
    secret, other = sessions.begin("sha256:a", 5), sessions.begin("sha256:b", 6)

    assert (sessions.key(secret, 6), sessions.key(other, 6)) == ("sha256:a", "sha256:b")
    assert sessions.key(secret, 5 + SESSION_NS) is None
    sessions.end(other)
    assert sessions.key(other, 6) is None


@given(st.text())
def test_no_guess_is_a_session(guess: str) -> None:
    """Whatever is in a cookie."""
    sessions = Sessions(Chance())
    sessions.begin("sha256:a", 0)

    assert sessions.key(guess + "x", 0) is None


def test_they_are_bounded() -> None:
    """Who has most gives up the oldest; those of others stay."""
    sessions = Sessions(Chance())
    few = sessions.begin("sha256:few", 0)
    first = sessions.begin("sha256:many", 1)
    for n in range(MAX_SESSIONS + 5):
        sessions.begin("sha256:many", 2 + n)

    assert len(sessions) == MAX_SESSIONS
    assert sessions.key(few, 5) == "sha256:few"
    assert sessions.key(first, 5) is None


def test_what_is_over_makes_room() -> None:
    """A session that has ended is not held."""
    sessions = Sessions(Chance())
    sessions.begin("sha256:a", 0)
    sessions.begin("sha256:a", SESSION_NS)

    assert len(sessions) == 1


def test_a_form_is_of_one_person() -> None:
    """Its token is of a person and of this process."""
    sessions = Sessions(Chance())
    token = sessions.form_token("token alice")

    assert sessions.is_form_token("token alice", token)
    assert not sessions.is_form_token("token bob", token)
    assert not sessions.is_form_token("token alice", token[:-1] + "é")
    assert not Sessions(bytes).is_form_token("token alice", token)
