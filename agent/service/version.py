"""Which release of modpulse this is."""

from functools import cache
from importlib import metadata

UNKNOWN = "0+unknown"
"""Where it runs without having been installed."""


@cache
def version() -> str:
    """Return the version that setup.cfg states, as the installation recorded it."""
    try:
        return metadata.version("modpulse")
    except metadata.PackageNotFoundError:
        return UNKNOWN
