"""
Stands in for standard streams that came closed, `2>&-`.

The next file that we open would get their number, and what a library writes to stderr would go
into it; Python would print an error among the output.
"""

import os
import sys


def fill_streams() -> None:
    """Open /dev/null in their places; a command that we start finds them as closed as we did."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)  # the lowest that is free
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
