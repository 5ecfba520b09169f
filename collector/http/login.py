"""
Logging in and out with a browser.
"""

from collections.abc import Callable

from ..clock import Reading
from ..errors import RejectedError
from ..page.frame import back_to
from ..service import Service
from . import routes
from .call import Answer, Call, Handler, read_body
from .identity import Identity
from .pages import HTML, Pages
from .query import parameters
from .routes import Route

MAX_FORM_BYTES = 16_384
"""Of what a form sends: a note of the longest in any script."""
FORM = b"application/x-www-form-urlencoded"


class Login:
    """Of one service."""

    def __init__(
        self,
        service: Service,
        pages: Pages,
        identity: Identity,
        read_clock: Callable[[], Reading],
    ) -> None:
        self._service, self._pages, self._identity = service, pages, identity
        self._read_clock = read_clock
        self.handlers: dict[Route, Handler] = {
            routes.LOGIN: self.show,
            routes.LOG_IN: self.log_in,
            routes.LOG_OUT: self.log_out,
        }

    async def show(self, call: Call) -> Answer:
        """The form."""
        back = back_to(parameters(call.query, ("back",)).get("back", "/"))
        frame = self._pages.frame(call, "")
        return self._pages.page(call, frame, "login.html", back=back, reason=None)

    async def log_in(self, call: Call) -> Answer:
        """Begin a session, and go back."""
        form = await read_form(call, ("token", "back"), self._service.config.read_timeout_seconds)
        reading = self._read_clock()
        now_ns = self._service.clock.now_ns(reading)
        cookie = self._identity.log_in(form.get("token", ""), now_ns, reading.wall_ns)
        return _go(back_to(form.get("back", "/")), cookie)

    async def log_out(self, call: Call) -> Answer:
        """End the session."""
        return _go("/login", self._identity.log_out(call.headers))


async def read_form(call: Call, keys: tuple[str, ...], within_s: float) -> dict[str, str]:
    """
    Return what a form of a page of ours has sent.

    Raises:
        RejectedError: 415, and as of `read_body` and `parameters`.
    """
    kind = call.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if kind != FORM or b"content-encoding" in call.headers:
        raise RejectedError(415, "send the form of the page")
    return parameters(await read_body(call, MAX_FORM_BYTES, within_s), keys, MAX_FORM_BYTES)


def _go(path: str, cookie: str) -> Answer:
    headers = ((b"location", path.encode()), (b"set-cookie", cookie.encode()))
    return Answer(303, encoded=b"", media_type=HTML, headers=headers)
