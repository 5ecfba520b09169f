"""Where each page is: addresses within this site, with whatever a name holds. Pure."""

from urllib.parse import quote, urlencode

from modpulse.agent.service.units import NS

from ..clock import rfc3339


def proxy_page(proxy: str, since_ns: int | None = None, until_ns: int | None = None) -> str:
    """Return the page of a proxy; between two times of the wall, where both are given."""
    query = {"proxy": proxy}
    if since_ns is not None and until_ns is not None:
        query |= {"since": _moment(since_ns), "until": _moment(until_ns)}
    return "/proxy?" + urlencode(query)


def host_page(agent_id: str) -> str:
    """Return the page of an agent's host."""
    return "/host?" + urlencode({"agent": agent_id})


def compare_page(proxy: str) -> str:
    """Return the page that compares a proxy with another."""
    return "/compare?" + urlencode({"a": proxy})


def incident_page(name: str) -> str:
    """Return the page of an incident."""
    return "/incidents/" + quote(name, safe="")


def _moment(wall_ns: int) -> str:
    text = rfc3339(wall_ns // NS * NS) or ""
    return text.removesuffix("T00:00:00.000Z").replace(".000", "")
