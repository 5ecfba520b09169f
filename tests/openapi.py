"""`make openapi`: docs/openapi.json, what a collector answers at /api/v1/openapi.json."""

import json
import sys
from pathlib import Path

from modpulse.collector.http.openapi import document


def main(path: str) -> None:
    """Write it."""
    Path(path).write_text(json.dumps(document(), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
