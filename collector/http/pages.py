"""
The page's requests: from the service to a view's values, and its template's bytes to the answer.

docs/page.md says how a page is made.
"""

import asyncio
import gzip
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from hashlib import sha256
from typing import Any

from modpulse.agent.service.foreign import say
from modpulse.agent.service.version import version

from ..errors import RejectedError
from ..health.reason import Language
from ..page import files
from ..page.asset import Assets
from ..page.environment import Templates
from ..page.frame import Frame, back_to
from ..page.look import COOKIE, Look, chosen, cookies_of, look_of
from ..service import Service
from . import routes
from .call import Answer, Call
from .conditional import has, weak
from .identity import Identity
from .query import parameters
from .routes import Route

Headers = tuple[tuple[bytes, bytes], ...]

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
PACKED = (b"content-encoding", b"gzip")
PACKING = 1
"""Of gzip: 90 days of 50 proxies are 1.3 MB, take 8 ms and become a ninth."""
LARGE_BYTES = 16_384
MAX_PACKED = 16
"""Pages that are kept packed: many look at the same."""
VARIES = (b"vary", b"cookie, accept-language, accept-encoding")
A_YEAR_S = 31_536_000
FOR_EVER = (b"cache-control", b"public, max-age=%d, immutable" % A_YEAR_S)
ASKED_AGAIN = (b"cache-control", b"private, no-cache")
"""A browser may keep it, and asks whether it is still so."""


class Pages:
    """Of one service."""

    def __init__(self, service: Service, identity: Identity) -> None:
        self._service, self._identity = service, identity
        self._templates = Templates(files.templates())
        self._compiled: set[Language] = set()
        self._assets = Assets(files.assets())
        self._kept: dict[bytes, bytes] = {}
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
        if is_packed(call.headers):
            body = found.packed
            headers.append(PACKED)
        kind = found.media_type.encode()
        return Answer(200, encoded=body, media_type=kind, headers=tuple(headers))

    def told(self, scope: MutableMapping[str, Any], answer: Answer) -> Answer:
        """Return as a page what an answer says of a request that went wrong; a login for 401."""
        headers, path = dict(scope["headers"]), scope["path"]
        query = scope.get("query_string", b"").decode("latin-1")
        back = path if scope["method"] == "GET" and path != "/login" else "/"
        frame = Frame(
            path="/", section="", look=_look(headers), version=version(), assets=self._assets
        )
        values = {
            "frame": frame,
            "status": answer.status,
            "reason": say(str(answer.body["error"])),
            "back": back_to(f"{back}?{query}" if query and back == path else back),
        }
        is_login = answer.status == 401 or path == "/login"
        name = "login.html" if is_login else "message.html"
        body = self.render(name, frame.look.language, **values).encode()
        headers_ = (*answer.headers, *GUARDED)
        return Answer(answer.status, encoded=body, media_type=HTML, headers=headers_)

    def frame(self, call: Call, section: str) -> Frame:
        """
        Return what is around a page.

        Args:
            call: Who asks for it, and how.
            section: Which path of the navigation it belongs to; empty: none.
        """
        service, query, caller = self._service, call.query.decode("latin-1"), call.caller
        may_act, may_read = caller.may("admin"), caller.may("read")
        return Frame(
            path=f"{call.path}?{query}" if query else call.path,
            section=section,
            look=_look(call.headers),
            who=say(caller.name),
            form_token=self._identity.sessions.form_token(caller.name) if may_act else "",
            is_logged_in=bool(caller.name and self._identity.session(call.headers)),
            at_ns=service.reported_at_ns + service.clock.wall_offset_ns if may_read else 0,
            window_s=service.config.window_seconds,
            version=version(),
            assets=self._assets,
        )

    async def prepare(self, headers: Mapping[bytes, bytes]) -> None:
        """Let others go on while the templates of a language are compiled, once."""
        language = _look(headers).language
        if language not in self._compiled:
            await asyncio.to_thread(self._templates.compile, language)
            self._compiled.add(language)

    def render(self, template: str, language: Language, **values: Any) -> str:
        """Return a template with its values."""
        return self._templates.render(template, language, **values)

    def page(self, call: Call, frame: Frame, template: str, **values: Any) -> Answer:
        """Return a page; 304 where the browser has just that."""
        made = self._templates.render(template, frame.look.language, frame=frame, **values)
        body = made.encode()
        tag = weak(sha256(body).hexdigest()[:32])
        headers: Headers = (*GUARDED, ASKED_AGAIN, VARIES, (b"etag", tag))
        if has(call.headers, tag):
            return Answer(304, encoded=b"", media_type=HTML, headers=headers)
        # Not what has a secret beside what others wrote: its length would tell of it (BREACH).
        if is_packed(call.headers) and len(body) > LARGE_BYTES and not frame.form_token:
            body, headers = self._packed(tag, body), (*headers, PACKED)
        return Answer(200, encoded=body, media_type=HTML, headers=headers)

    def _packed(self, tag: bytes, body: bytes) -> bytes:
        """Return a page by gzip, as it was packed for who asked before."""
        if tag not in self._kept:
            self._kept[tag] = gzip.compress(body, PACKING, mtime=0)
            while len(self._kept) > MAX_PACKED:
                self._kept.pop(next(iter(self._kept)))
        return self._kept[tag]


def _look(headers: Any) -> Look:
    cookies = cookies_of(headers.get(b"cookie", b""))
    return look_of(cookies, headers.get(b"accept-language", b"").decode("latin-1"))


def is_packed(headers: Mapping[bytes, bytes]) -> bool:
    """Return whether somebody takes gzip."""
    return b"gzip" in headers.get(b"accept-encoding", b"")
