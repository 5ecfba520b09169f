"""What git fetches below a real `go` is a request to `direct`, with its cause where it failed."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from eyes import Eyes, Seen, assert_identity
from lab import git_server
from lab.lab import Lab
from lab.netns import TESTS
from lab.processes import finish

from modpulse.agent.records.records import Request

pytestmark = pytest.mark.root

ENV = {"GIT_ALLOW_PROTOCOL": "https", "GOVCS": "*:all"}


@pytest.fixture(scope="module")
def server(running_lab: Lab) -> Iterator[str]:
    """The host of a repository `m`."""
    root = running_lab.folder / "git"
    host = running_lab.host("real-a")
    git_server.make_repository(root / "m", f"{host}/m.git")
    process = running_lab.serve(
        [sys.executable, "-P", "-m", git_server.__name__,
         running_lab.address("real-a"), running_lab.certificate(), root],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
    )  # fmt: skip
    running_lab.wait_until_listening("real-a")
    yield host
    process.kill()
    process.wait()


def download(
    lab: Lab, eyes: Eyes, module: str, **env: str
) -> tuple["subprocess.CompletedProcess[str]", Seen, list[Request]]:
    """Return how `go` ended, everything that was seen, and the requests of git."""
    trusted = {"GIT_SSL_CAINFO": str(lab.ca_file)}
    words = ("mod", "download", f"{module}@v1.0.0")
    process = lab.start_go(*words, goproxy="direct", env=ENV | trusted | env)
    while process.poll() is None:  # whoever begins is looked at at once
        eyes.look(0.05)
    done = finish(process)
    seen = eyes.seen()
    return done, seen, [found for found in seen.requests if found.endpoint == "git"]


def test_what_git_fetches(server: str, lab: Lab, eyes: Eyes) -> None:
    """Each git is one request with its lookup, connection and handshake, and nothing is lost."""
    done, seen, asked = download(lab, eyes, f"{server}/m.git")

    assert done.returncode == 0, done.stderr
    assert len(asked) >= 2
    for request in asked:
        assert (request.proxy, request.final, request.host) == ("direct", "ok", server)
        assert request.url == f"https://{server}/m"
        (made,) = [made for made in seen.connections if made.cookie == request.connection]
        assert (made.outcome, made.port, made.host) == ("established", 443, server)
        assert (made.bytes_in or 0) > 1000 < (made.bytes_out or 0)
        assert made.lookup_at_ns in [lookup.at_ns for lookup in seen.lookups]
        (shaken,) = [found for found in seen.handshakes if found.connection == made.cookie]
        assert (shaken.outcome, shaken.version, shaken.sni) == ("ok", "1.3", server)
        assert request.at_ns < made.at_ns < shaken.at_ns
        assert {request.pid, made.pid, shaken.pid} == {asked[0].pid}
    fetchers = [made for made in seen.processes if made.role == "git"]
    assert {made.exit_code for made in fetchers} == {0}
    assert {made.repository for made in fetchers} >= {f"https://{server}/m"}
    assert_identity(eyes.observer.losses())


@pytest.mark.parametrize(
    ("module", "cls", "against"),
    [
        ("real-a.lab.test/none.git", "git.failed", "proxy"),
        ("real-a.lab.test/private.git", "git.failed", "proxy"),
        ("refused.lab.test/m.git", "tcp.refused", "proxy"),
        ("gone.lab.test/m.git", "dns.nxdomain", "resolver"),
    ],
)
def test_why_git_failed(
    module: str, cls: str, against: str, server: str, lab: Lab, eyes: Eyes
) -> None:
    """By the last step that did not do its work, else that it failed, and nothing is guessed."""
    done, seen, asked = download(lab, eyes, module)

    assert done.returncode == 1
    failed = asked[-1].failure
    assert failed is not None
    assert (failed.cls, failed.against, failed.host) == (cls, against, module.partition("/")[0])
    assert asked[-1].final == "stopped"
    assert 128 in {made.exit_code for made in seen.processes if made.role == "git"}
