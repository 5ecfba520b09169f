"""What every page has around it. Pure."""

from dataclasses import dataclass
from urllib.parse import urlencode

from .asset import Assets
from .look import Look

NAVIGATION = (
    ("/", "Overview"),
    ("/incidents", "Incidents"),
    ("/fleet", "Fleet"),
    ("/compare", "Compare"),
    ("/maintenance", "Maintenance"),
)
"""Path and name of what the head of each page leads to; the name is translated."""
STALE_S = (30, 120, 600, 1800)
"""Each has a class of its own in page.css."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Around one page."""

    path: str
    """Its own, with its query: where the switches come back to."""
    section: str
    """Which path of NAVIGATION it belongs to; empty: none."""
    look: Look
    who: str = ""
    """Who looks; empty where nobody is asked."""
    form_token: str = ""
    """What forms that change something send along; empty where nothing may be changed."""
    is_logged_in: bool = False
    """By a login that may be ended."""
    at_ns: int = 0
    """When was judged, of the wall; 0 where nothing of it is shown: such a page is not live."""
    window_s: float = 10.0
    """How often is judged."""
    version: str = ""
    assets: Assets
    navigation: tuple[tuple[str, str], ...] = NAVIGATION

    @property
    def stale_s(self) -> int:
        """After how long without a judgement it is no picture of now."""
        return next(s for s in STALE_S if s >= min(3 * self.window_s, STALE_S[-1]))

    def with_look(self, language: str, theme: str) -> str:
        """Return the address that chooses a language and a theme, and comes back."""
        return "/look?" + urlencode({"language": language, "theme": theme, "back": self.path})


def back_to(path: str) -> str:
    """Return a path of our own; `/` for whatever would lead elsewhere."""
    is_ours = path.startswith("/") and path[1:2] not in ("/", "\\") and path.isprintable()
    return path if is_ours and path.isascii() else "/"
