"""
What the kernel did to this machine's processes for want of memory.
"""

from pathlib import Path

_VMSTAT = Path("/proc/vmstat")
_COUNTER = "oom_kill "


def oom_kills() -> int | None:
    """
    Return how many processes the kernel has killed since boot, for want of memory of the machine or
    of a cgroup (mm/oom_kill.c); None where it does not tell.
    """
    try:
        lines = _VMSTAT.read_text().splitlines()
    except OSError:
        return None
    found = next((line for line in lines if line.startswith(_COUNTER)), None)
    return int(found.removeprefix(_COUNTER)) if found is not None else None
