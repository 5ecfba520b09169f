"""What git and ssh are asked to fetch is read from their arguments, and no secret with it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.wire.repository import fetching, host_of

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("arguments", "role", "repository"),
    [
        ("git ls-remote -q --end-of-options https://a.test/x", "git", "https://a.test/x"),
        ("git ls-remote git+ssh://a.test/x", "git", "ssh://a.test/x"),
        ("git ls-remote -q origin", "git", None),
        ("git -c protocol.version=2 fetch -f --depth=1 https://a.test/x r:r", "git",
         "https://a.test/x"),
        (f"git ls-remote https://u:{SECRET}@a.test/x?k={SECRET}", "git", "https://a.test/x"),
        (f"/usr/lib/git-core/git-remote-https origin https://u:{SECRET}@A.test:443/x/", "git",
         "https://a.test/x"),
        ("git fetch git@a.test:org/x.git", "git", "ssh://a.test/org/x.git"),
        ("ssh -o SendEnv=GIT_PROTOCOL -p 2222 git@a.test git-upload-pack '/org/x'", "ssh",
         "ssh://a.test:2222/org/x"),
        ("ssh", "ssh", None),
    ],
)  # fmt: skip
def test_what_is_fetched(arguments: str, role: str, repository: str | None) -> None:
    """By the URL, the short form of git, or what ssh is to run."""
    words = arguments.split(" ")
    if role == "ssh" and len(words) > 2:
        words[-2:] = [" ".join(words[-2:])]

    found = fetching(words)

    assert found == (role, repository)


@pytest.mark.parametrize(
    "arguments",
    ["git init --bare", "git tag -l", "git remote add origin -- https://a.test/x", "git",
     "sh -c git", "git fetch /tmp/x", "git ls-remote file:///tmp/x",
     "/usr/lib/git-core/git remote-https o https://a/x"],
)  # fmt: skip
def test_what_asks_no_network(arguments: str) -> None:
    """Commands for what is here, folders, and git's front, whose helper tells."""
    assert fetching(arguments.split(" ")) is None


@given(
    st.lists(st.text(max_size=30), max_size=6), st.sampled_from(["git", "ssh", "git-remote-http"])
)
def test_any_arguments(rest: list[str], program: str) -> None:
    """Whatever they are they are read, and a host is no user's password."""
    found = fetching([program, "fetch", *rest, f"https://u:{SECRET}@a.test/x"])

    named = (found.repository or "") if found is not None else ""
    assert SECRET not in host_of(named)
