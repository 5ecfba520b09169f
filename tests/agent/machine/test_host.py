"""Collecting the facts of the machine the tests run on, whatever it is."""

import io
import json
import os

from modpulse.agent.machine.host import collect, run_check


def test_any_machine_can_be_looked_at():
    """Collecting needs neither root nor bcc, and is given a reason when there is no link."""
    facts = collect(lambda: "perf", os.environ)

    assert facts.release == os.uname().release
    assert facts.links in ("perf", "not tried without CAP_SYS_ADMIN")


def test_links_that_are_refused_are_a_fact():
    """An error of the kernel becomes the reason."""

    def refused() -> str:
        raise PermissionError(1, "Operation not permitted")

    assert collect(refused, {}).links in (
        "[Errno 1] Operation not permitted",
        "not tried without CAP_SYS_ADMIN",
    )


def test_exit_code_and_json_agree():
    """Exit code 0 means observable, in words and in JSON."""
    stream = io.StringIO()
    code = run_check(lambda: "no link", os.environ, stream, as_json=True)
    document = json.loads(stream.getvalue())

    assert code == 1
    assert document["observable"] is False
