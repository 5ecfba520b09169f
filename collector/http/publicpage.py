"""The page that anybody may see, and its badges: made for each judgement once, kept by caches."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from ..draw.badge import badge
from ..errors import RejectedError
from ..health.reason import Language
from ..page.badges import badge_words
from ..page.look import LANGUAGES
from ..page.public import BADGES, Public, public
from ..service import Service
from . import routes
from .call import Answer, Call
from .once import Once
from .pages import Pages
from .query import parameters
from .routes import Route

FRESH_S = 30
"""How long a cache in between may answer for us."""
CACHED = (b"cache-control", b"public, max-age=%d" % FRESH_S)
SVG = b"image/svg+xml"
ALONE = (
    (b"content-security-policy", b"default-src 'none'"),
    (b"x-content-type-options", b"nosniff"),
)
"""Of a picture that stands alone: nothing is run or fetched."""


class PublicPage:
    """Of one service."""

    def __init__(self, service: Service, pages: Pages) -> None:
        """
        Args:
            service: Is asked.
            pages: Make the page.
        """
        self._service, self._pages = service, pages
        self._made: Once[Public] = Once()
        self.handlers: dict[Route, Callable[[Call], Awaitable[Answer]]] = {
            routes.PUBLIC_PAGE: self.page,
            routes.BADGE: self.badge,
        }

    async def page(self, call: Call) -> Answer:
        """The page."""
        parameters(call.query, ())
        frame = replace(self._pages.frame(call, ""), navigation=(), who="")
        found = await self._public()
        answer = self._pages.page(call, frame, "public.html", public=found, badges=BADGES)
        others = tuple(one for one in answer.headers if one[0] != b"cache-control")
        return replace(answer, headers=(*others, CACHED))

    async def badge(self, call: Call) -> Answer:
        """A badge."""
        said = parameters(call.query, ("language",))
        name, _, kind = call.argument.rpartition(".")
        if name not in BADGES or kind != "svg":
            raise RejectedError(404, f"no such badge, there are {', '.join(BADGES)}: NAME.svg")
        language: Language = next(
            (one for one in LANGUAGES if one == said.get("language")), LANGUAGES[0]
        )
        left, right, state = badge_words(name, await self._public(), language)
        made = badge(left, right, state).encode()
        return Answer(200, encoded=made, media_type=SVG, headers=(*ALONE, CACHED))

    async def _public(self) -> Public:
        service = self._service
        at_ns, offset_ns = service.reported_at_ns, service.clock.wall_offset_ns
        reports = service.reports
        key = at_ns, offset_ns, service.recents.version, service.people.changes

        async def make() -> Public:
            recents = (service.recents.of(report.proxy) for report in reports)
            return public(
                reports,
                [one for one in recents if one],
                service.incidents.state.incidents.values(),
                service.incidents.windows,
                service.config.alerting.objective,
                at_ns,
                offset_ns,
                service.people.public_words(),
            )

        return await self._made.get(key, make)
