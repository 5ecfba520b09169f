"""Standard streams that came closed, in real processes."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import os, sys
from modpulse.agent.service.streams import fill_streams
fill_streams()
made = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
print("lost", file=sys.stderr)
os.write(2, b"lost")
os.write(made, b"%d" % made)
"""


@pytest.mark.parametrize("closed", ["2>&-", "1>&- 2>&-", "0<&- 1>&- 2>&-", "0<&-", "1>&-"])
def test_closed_streams(tmp_path: Path, closed: str) -> None:
    """What is written to them goes nowhere, and into no file of ours."""
    path = tmp_path / "made"
    command = ["sh", "-c", f'exec "$0" "$@" {closed}', sys.executable, "-c", PROGRAM, str(path)]
    done = subprocess.run(command, capture_output=True, check=False)

    assert (done.returncode, done.stdout) == (0, b"")
    assert path.read_bytes() == b"3"


def test_a_command_finds_them_as_they_were() -> None:
    """A command that we start sees them closed, as it would without us."""
    program = (
        "import subprocess; from modpulse.agent.service.streams import fill_streams; "
        "fill_streams(); raise SystemExit(subprocess.call(['sh', '-c', 'test ! -e /dev/fd/2']))"
    )
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" -c "$1" 2>&-', sys.executable, program], check=False
    )

    assert done.returncode == 0
