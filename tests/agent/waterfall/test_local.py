"""What of this machine or its settings a command failed for."""

import stories

from modpulse.agent.records.failures import failure
from modpulse.agent.waterfall.local import local

DISK = failure("local.disk", "this machine: no space left on the disk")
CONFIG = failure("local.config", "the configuration: GOPROXY ends it", against="configuration")


def test_each_in_its_section():
    """Machine and configuration are told apart, each with its class."""
    found = local(stories.process(9, 1), [DISK, CONFIG])

    assert [(reason.section, reason.words) for reason in found] == [
        ("machine", "local.disk: no space left on the disk"),
        ("configuration", "local.config: GOPROXY ends it"),
    ]
    assert "df -h" in found[0].advice[0]


def test_permission():
    """Also of the files that are read, and the programs that are run."""
    denied = failure("local.permission", "this machine: permission denied")
    (reason,) = local(stories.process(9, 1), [denied])

    assert all(name in reason.advice[0] for name in ("go.mod", "GOMODCACHE", "noexec"))


def test_once():
    """What a request says is not told again for the process."""
    own = failure("local.disk", "this machine: input/output error")

    assert len(local(stories.process(9, 1, failure=own), [DISK, DISK])) == 1
    assert len(local(stories.process(9, 1, failure=own), [])) == 1


def test_what_is_of_others():
    """A proxy's failure is none of this machine."""
    assert local(stories.process(9, 1), [stories.failed("http.5xx", "", "a.corp")]) == []
