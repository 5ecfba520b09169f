"""
Gatus' external endpoints: how each proxy is, told again and again, so that silence shows there too.

`POST /api/v1/endpoints/KEY/external?success=&error=&duration=` with the endpoint's token. Only what
is configured there is taken, and what is told of another is answered 404.
Source: Gatus' README, "External Endpoints"; the key is made as its config/key/key.go makes it.
"""

from collections.abc import Iterable, Mapping
from urllib.parse import quote, urlencode

from modpulse.agent.batch.batch import FIRST_BYTE
from modpulse.agent.service.foreign import say

from ..health.gates import SEVERITY
from ..health.reason import Language, sentences
from ..health.report import Report
from .message import Post, Secrets

EVERY_S = 60
"""How often all is told again: a heartbeat there is to be three of these."""
GROUP = "modpulse"
MAX_WHY_CHARS = 300
"""Of the reason, which stands in the address."""
_DASHED = str.maketrans(dict.fromkeys(" /_,.#+&", "-"))


def key(proxy: str) -> str:
    """Return what Gatus calls the endpoint `goproxy.corp/path` of the group `modpulse`."""
    return f"{GROUP}_{proxy.removeprefix('https://').strip().lower().translate(_DASHED)}"


def posts(reports: Iterable[Report], secrets: Secrets, language: Language) -> Mapping[str, Post]:
    """
    Return a request for each key; of proxies that have one key the worst is told.

    Args:
        reports: Of an unknown proxy nothing is told: that is silence there too.
        secrets: The root of Gatus, and the token.
        language: Of why a proxy is down.
    """
    known = [report for report in reports if report.track.state != "unknown"]
    known.sort(key=lambda report: SEVERITY[report.track.state])
    return {key(report.proxy): _post(report, secrets, language) for report in known}


def _post(report: Report, secrets: Secrets, language: Language) -> Post:
    is_down = report.track.state == "down"
    query = {"success": "false" if is_down else "true"}
    if is_down:
        reasons = [reason for finding in report.track.findings for reason in finding.reasons]
        why = sentences(reasons, language)
        query["error"] = say(why, MAX_WHY_CHARS) or "down"
    median_ms = report.quantiles_ms.get(FIRST_BYTE, {}).get("p50")
    if median_ms is not None:
        query["duration"] = f"{median_ms:.3f}ms"
    root = secrets.url.rstrip("/")
    where = f"{root}/api/v1/endpoints/{quote(key(report.proxy), safe='')}/external"
    headers = {"Authorization": f"Bearer {secrets.secret}"}
    return Post(f"{where}?{urlencode(query)}", b"{}", headers)
