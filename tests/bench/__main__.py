"""`python -m bench [NAME…]`: runs the named benchmarks, by default all, and prints figures."""

import importlib
import sys

from . import report

NAMES = (
    "timing", "hits", "breakpoints", "start", "memory",
    "door", "ingest", "judging", "history", "page", "kills", "cost",
)  # fmt: skip
"""Each a module with `main()`; the last takes five minutes, the others one at most."""
LONG = ("quiet",)
"""Those that run only when they are named: half an hour."""


def main() -> int:
    """Run; the exit code says whether the names were known."""
    names = sys.argv[1:] or NAMES
    unknown = set(names) - {*NAMES, *LONG}
    if unknown:
        print(f"bench: no {' '.join(sorted(unknown))}; there are {' '.join((*NAMES, *LONG))}")
        return 2
    for name in names:
        print(f"{name}:")
        report.machine()
        importlib.import_module(f"bench.{name}").main()
    return 0


if __name__ == "__main__":
    sys.exit(main())
