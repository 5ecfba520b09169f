"""
The page's requests: from the service to a view's values, and its template's bytes to the answer.

docs/page.md says how a page is made.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from hashlib import sha256
from typing import Any

from modpulse.agent.service.foreign import say
from modpulse.agent.service.version import version

from ..channels.channel import Language
from ..errors import RejectedError
from ..page import files
from ..page.asset import Assets
from ..page.environment import Templates
from ..page.frame import Frame, back_to
from ..page.look import COOKIE, Look, chosen, cookies_of, look_of
from ..service import Service
from . import routes
from .call import Answer, Call
from .query import parameters
from .routes import Route

HTML = b"text/html; charset=utf-8"
POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
GUARDED = (
    (b"content-security-policy", POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
"""Of every page."""
A_YEAR_S = 31_536_000
FOR_EVER = (b"cache-control", b"public, max-age=%d, immutable" % A_YEAR_S)
ASKED_AGAIN = (b"cache-control", b"private, no-cache")
"""A browser may keep it, and asks whether it is still so."""


class Pages:
    """Of one service."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._templates = Templates(files.templates())
        self._assets = Assets(files.assets())
        self.handlers: dict[Route, Callable[[Call], Awaitable[Answer]]] = {
            routes.LOOK: self.look,
            routes.ASSETS: self.asset,
        }

    async def look(self, call: Call) -> Answer:
        """Choose a language and a theme, and go back."""
        said = parameters(call.query, ("language", "theme", "back"))
        look = chosen(said.get("language", ""), said.get("theme", ""))
        cookie = f"{COOKIE}={look.cookie}; Path=/; Max-Age={A_YEAR_S}; HttpOnly; SameSite=Strict"
        back = back_to(said.get("back", "/"))
        headers = ((b"location", back.encode()), (b"set-cookie", cookie.encode()))
        return Answer(303, encoded=b"", media_type=HTML, headers=headers)

    async def asset(self, call: Call) -> Answer:
        """What a page fetches."""
        found = self._assets.find(call.argument)
        if found is None:
            raise RejectedError(404, "no such file")
        headers = [FOR_EVER, GUARDED[1], (b"vary", b"accept-encoding")]
        body = found.body
        if b"gzip" in call.headers.get(b"accept-encoding", b""):
            body = found.packed
            headers.append((b"content-encoding", b"gzip"))
        kind = found.media_type.encode()
        return Answer(200, encoded=body, media_type=kind, headers=tuple(headers))

    def told(self, scope: MutableMapping[str, Any], answer: Answer) -> Answer:
        """Return as a page what an answer says of a request that went wrong."""
        headers = dict(scope["headers"])
        frame = Frame(
            path="/", section="", look=_look(headers), version=version(), assets=self._assets
        )
        reason = say(str(answer.body["error"]))
        made = self._templates.render(
            "message.html", frame.look.language, frame=frame, status=answer.status, reason=reason
        )
        return Answer(
            answer.status,
            encoded=made.encode(),
            media_type=HTML,
            headers=(*answer.headers, *GUARDED),
        )

    def frame(self, call: Call, route: Route) -> Frame:
        """Return what is around a page at a route without a `*`."""
        service, query = self._service, call.query.decode("latin-1")
        return Frame(
            path=f"{route.path}?{query}" if query else route.path,
            section=route.path,
            look=_look(call.headers),
            who=say(call.caller.name),
            at_ns=service.reported_at_ns + service.clock.wall_offset_ns,
            version=version(),
            assets=self._assets,
        )

    def render(self, template: str, language: Language, **values: Any) -> str:
        """Return a template with its values."""
        return self._templates.render(template, language, **values)

    def page(self, call: Call, frame: Frame, template: str, **values: Any) -> Answer:
        """Return a page; 304 where the browser has just that."""
        made = self._templates.render(template, frame.look.language, frame=frame, **values)
        body = made.encode()
        tag = b'"' + sha256(body).hexdigest()[:32].encode() + b'"'
        headers = (*GUARDED, ASKED_AGAIN, (b"etag", tag), (b"vary", b"cookie, accept-language"))
        if call.headers.get(b"if-none-match") == tag:
            return Answer(304, encoded=b"", media_type=HTML, headers=headers)
        return Answer(200, encoded=body, media_type=HTML, headers=headers)


def _look(headers: Any) -> Look:
    cookies = cookies_of(headers.get(b"cookie", b""))
    return look_of(cookies, headers.get(b"accept-language", b"").decode("latin-1"))
