"""What a process fetched: a vocabulary between who counts it and who looks into module caches."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fetched:
    """A zip that a proxy served."""

    pid: int
    module: str
    version: str
