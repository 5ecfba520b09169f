"""
Which requests there are, and the role that each wants. Pure.

One table: a request that is not in it is none, and one whose role a caller lacks is not looked at.
"""

from dataclasses import dataclass

from ..access.entries import Role


@dataclass(frozen=True, slots=True)
class Route:
    """One kind of request."""

    method: str
    path: str
    """`*` stands for one word without a slash."""
    role: Role | None
    """None: anybody, also strangers."""
    is_page: bool = False
    """For people: what goes wrong is told as a page too."""


OVERVIEW = Route("GET", "/", "read", is_page=True)
PROXY = Route("GET", "/proxy", "read", is_page=True)
NOW = Route("GET", "/proxy/now", "read", is_page=True)
LINES = Route("GET", "/proxy/lines", "read", is_page=True)
MIRRORS = Route("GET", "/compare", "read", is_page=True)
HOST = Route("GET", "/host", "read", is_page=True)
INCIDENT_LIST = Route("GET", "/incidents", "read", is_page=True)
INCIDENT = Route("GET", "/incidents/*", "read", is_page=True)
WRITE_NOTE = Route("POST", "/incidents/*/notes", "admin", is_page=True)
FLEET = Route("GET", "/fleet", "read", is_page=True)
MAINTENANCE = Route("GET", "/maintenance", "read", is_page=True)
OPEN_WINDOW = Route("POST", "/maintenance", "admin", is_page=True)
END_WINDOW = Route("POST", "/maintenance/*/end", "admin", is_page=True)
LIVE = Route("GET", "/live", "read", is_page=True)
LOGIN = Route("GET", "/login", None, is_page=True)
LOG_IN = Route("POST", "/login", None, is_page=True)
LOG_OUT = Route("POST", "/logout", None, is_page=True)
LOOK = Route("GET", "/look", None, is_page=True)
ASSETS = Route("GET", "/assets/*", None)
PUBLIC_PAGE = Route("GET", "/public", None, is_page=True)
BADGE = Route("GET", "/badge/*", None)
HEALTHZ = Route("GET", "/healthz", None)
READYZ = Route("GET", "/readyz", None)
PUBLIC = Route("GET", "/api/v1/public", None)
PROXIES = Route("GET", "/api/v1/proxies", "read")
INCIDENTS = Route("GET", "/api/v1/incidents", "read")
AGENTS = Route("GET", "/api/v1/agents", "read")
ALERTS = Route("GET", "/api/v1/alerts", "read")
PAST = Route("GET", "/api/v1/alerts/past", "read")
HISTORY = Route("GET", "/api/v1/history", "read")
COMPARE = Route("GET", "/api/v1/compare", "read")
METRICS = Route("GET", "/metrics", "read")
OPENAPI = Route("GET", "/api/v1/openapi.json", "read")
BATCHES = Route("POST", "/api/v1/batches", "ship")
NOTES = Route("POST", "/api/v1/incidents/*/notes", "admin")
WINDOWS = Route("GET", "/api/v1/maintenance", "read")
ANNOUNCE = Route("POST", "/api/v1/maintenance", "admin")
END = Route("DELETE", "/api/v1/maintenance/*", "admin")
AUDIT = Route("GET", "/api/v1/audit", "admin")
ROUTES = (
    OVERVIEW, PROXY, NOW, LINES, HOST, MIRRORS, PUBLIC_PAGE, BADGE,
    INCIDENT_LIST, INCIDENT, WRITE_NOTE, FLEET, MAINTENANCE, OPEN_WINDOW, END_WINDOW,
    LIVE, LOGIN, LOG_IN, LOG_OUT, LOOK, ASSETS,
    HEALTHZ, READYZ, PUBLIC, PROXIES, INCIDENTS, ALERTS, PAST, AGENTS, HISTORY, COMPARE, METRICS,
    OPENAPI, BATCHES, NOTES, WINDOWS, ANNOUNCE, END, AUDIT,
)  # fmt: skip

_PLAIN = {
    route.path: tuple(r for r in ROUTES if r.path == route.path)
    for route in ROUTES
    if "*" not in route.path
}
_OTHERS = [(route.path.split("/"), route) for route in ROUTES if "*" in route.path]


def routes_of(path: str) -> tuple[tuple[Route, ...], str]:
    """Return the routes of a path, one for each method, and what stands for its `*`."""
    if path in _PLAIN:
        return _PLAIN[path], ""
    words = path.split("/")
    for pattern, route in _OTHERS:
        if len(pattern) == len(words):
            stars = [word for part, word in zip(pattern, words, strict=True) if part == "*"]
            fits = all(part in ("*", word) for part, word in zip(pattern, words, strict=True))
            if fits and stars[0]:
                return (route,), stars[0]
    return (), ""


def chosen(routes: tuple[Route, ...], method: str) -> Route | None:
    """Return the route of a method; None: it is not among them."""
    wanted = "GET" if method == "HEAD" else method
    return next((route for route in routes if route.method == wanted), None)


def is_page(path: str) -> bool:
    """Whether a path has a page."""
    return any(route.is_page for route in routes_of(path)[0])


def methods(routes: tuple[Route, ...]) -> list[str]:
    """Return what a path may be asked by: who may GET may ask for the HEAD alone."""
    named = [route.method for route in routes]
    return [*named, "HEAD"] if "GET" in named else named
