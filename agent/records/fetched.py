"""What a process fetched: a vocabulary between who counts it and who looks into module caches."""

from ..service.frozen import frozen


@frozen()
class Fetched:
    """A zip that a proxy served."""

    pid: int
    module: str
    version: str
