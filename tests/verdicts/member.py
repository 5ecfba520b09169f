"""One way for a `go` command to go wrong, what `go` says of it, and what the verdict must be."""

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Party = Literal[
    "module proxy",
    "checksum database",
    "HTTP proxy",
    "resolver",
    "this machine",
    "configuration",
    "network",
    "nobody",
]
Section = Literal["", "not found", "killed", "nothing on the network"]
AS, AS_H1 = "https://as.lab.test", "https://as-h1.lab.test"
DOWNLOAD = ("mod", "download")
VERSIONS = ("list", "-m", "-versions", "mod.lab.test/m00")
LATEST = ("list", "-m", "-mod=mod", "mod.lab.test/m00@latest")


@dataclass(frozen=True, kw_only=True)
class Member:
    """
    One member of a kind.

    In `env`, `before` and `goproxy` stand `{folder}` for the command's folder, `{ca}` for the
    authority's file and `{sandbox}` for lab/sick/sandbox.py.
    """

    kind: str
    name: str
    goproxy: str
    says: str
    """A regular expression found in what `go` prints; "" where it prints nothing."""
    cls: str = ""
    """The class of the failure, several joined by `|` where either will do; "" for none."""
    party: Party = "module proxy"
    """Whom it speaks against."""
    host: str = ""
    """The culprit, by name; "" where there is none."""
    section: Section = ""
    """Where it is told if not as a failure of a request."""
    words: str = ""
    """A regular expression that the evidence must match."""
    reasons: Sequence[str] = ()
    """Regular expressions, each found in what some reason of the command says."""
    endpoint: str = "mod"
    """Of the request that failed; "" where there is none."""
    final: str = "stopped"
    args: Sequence[str] = DOWNLOAD
    requires: Sequence[str] = ("m00",)
    env: Mapping[str, str] = field(default_factory=dict)
    resolver: Sequence[str] = ()
    hosts_file: str = ""
    before: Sequence[str] = ()
    go_sum: str = ""
    exit_code: int = 1
    takes_s: float = 0.0
    """How long `go` needs at least: the slow ones are started first."""
    end: tuple[float, int] | None = None
    """After so many seconds it is sent this signal."""
    judgement: bool = False
    """The expected verdict is not written down anywhere: somebody has to decide."""

    @property
    def id(self) -> str:
        return f"{self.kind}: {self.name}"


def on(spec: str, base: str = AS) -> str:
    """A GOPROXY of a sick host, see lab/sick/answers.py."""
    return f"{base}/{spec}"


TERM, KILL, INT, HUP = signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGHUP
