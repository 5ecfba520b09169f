"""
What of this machine, or of what its user has set, a command failed for. Pure.
"""

from collections.abc import Sequence

from ..records.records import Failure, Process, Reason, Section

_ADVICE = {
    "local.files": "See `ulimit -n`, free memory, and what else runs here.",
    "local.disk": "See `df -h` and `df -i` for GOMODCACHE, GOCACHE and TMPDIR; `go clean -modcache`"
    " makes the first anew.",
    "local.permission": "May this user read go.mod and go.sum, write to GOMODCACHE, GOCACHE and"
    " TMPDIR, run what lies there (noexec), and connect from here (seccomp, Landlock, AppArmor)?",
    "checksum.gosum": "`go clean -modcache` makes it anew; what then comes is checked by go.sum.",
    "checksum.sumdb": "See GOPATH/pkg/sumdb: without it go asks the database for all of it anew.",
    "local.ca": "Install ca-certificates, or see SSL_CERT_FILE and SSL_CERT_DIR.",
    "local.clock": "See `date -u`.",
    "local.tool": "See PATH; where C is compiled also CC, CXX and PKG_CONFIG.",
    "local.memory": "More memory, or fewer at a time; in a container see its limit.",
}


def local(process: Process, failures: Sequence[Failure]) -> list[Reason]:
    """
    Return what the machine or the settings of a process lacked, each once.

    Args:
        process: That failed; what it failed with itself counts where no request says it.
        failures: Of its requests, those that were not made good.
    """
    found = [failed for failed in failures if failed.is_local]
    own = process.failure
    if own is not None and own.is_local and own.cls not in {failed.cls for failed in failures}:
        found.append(own)
    unique = {(failed.cls, failed.evidence): failed for failed in found}
    return [_reason(failed, process) for failed in unique.values()]


def _reason(failed: Failure, process: Process) -> Reason:
    section: Section = "machine" if failed.against == "machine" else "configuration"
    advice = _ADVICE.get(failed.cls)
    return Reason(
        section=section,
        pid=process.pid,
        words=f"{failed.cls}: {failed.evidence.partition(': ')[2] or failed.evidence}",
        advice=() if advice is None else (advice,),
        cls=failed.cls,
    )
