"""
Writes docs/verdicts.md: what the collector says of each scenario, how soon, what it cannot tell.

    python -m scenarios docs/verdicts.md
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from modpulse.collector.config import Config
from modpulse.collector.simulate.drive import run, scripts
from modpulse.collector.simulate.table import Result, rows, untold

HEAD = """# What the collector says of a fleet

Each scenario is a script of [modpulse simulate](simulate.md), played to the real collector with its
default configuration: the truth, what was said of it first, and after how long; the incident that
was made of it, and the notices that three channels got, one for each severity. Windows are 10 s.
`make scenarios` makes this page, and `tests/collector/simulate` holds every row, and that nothing
else was said and nobody else was told.

| scenario | proxy | truth | said | after | incident | notices |
|---|---|---|---|---|---|---|
"""
UNTOLD = """
## What is not told yet

Of these the scenario asserts only what is above: the collector gets it, or could, and does not
tell.

| scenario | not told |
|---|---|
"""


def page(results: Sequence[Result]) -> str:
    """Return the page."""
    found = ("\n".join(part) for part in (rows(results), untold(results)))
    table, rest = found
    return f"{HEAD}{table}\n{UNTOLD}{rest}\n"


if __name__ == "__main__":
    results = run([name for name, _ in scripts()], Config())
    Path(sys.argv[1]).write_text(page(results))
    sys.exit(0 if all(result.is_met for result in results) else 1)
