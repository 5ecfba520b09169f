"""HTTP/1.1 and HTTP/2 that break off, before the head and in the middle of the body."""

from .member import AS_H1, Member, on

CODES = {
    0: "NO_ERROR", 1: "PROTOCOL_ERROR", 2: "INTERNAL_ERROR", 3: "FLOW_CONTROL_ERROR",
    4: "SETTINGS_TIMEOUT", 5: "STREAM_CLOSED", 6: "FRAME_SIZE_ERROR", 7: "REFUSED_STREAM",
    8: "CANCEL", 9: "COMPRESSION_ERROR", 10: "CONNECT_ERROR", 11: "ENHANCE_YOUR_CALM",
    12: "INADEQUATE_SECURITY", 13: "HTTP_1_1_REQUIRED", 99: "unknown error code 0x63",
}  # fmt: skip
RETRIED_S = 20.0
"""net/http asks again for half a minute, twice as long in between each time."""


def _h2(fault: str, code: int, endpoint: str, /, **more: object) -> Member:
    body = fault.endswith("-body")
    name = CODES[code]
    options = {
        "kind": "HTTP/2",
        "name": f"{fault} {name} for {endpoint}",
        "goproxy": on(f"{endpoint}={fault}.{code}"),
        "says": f"{name}; received from peer" if "rst" in fault else f"ErrCode=({name}|unknown)",
        "cls": "http.body" if body else "http.429|http.reset" if code == 11 else "http.reset",
        "host": "as.lab.test",
        "words": name.split()[0],
        "endpoint": endpoint,
        **more,
    }
    return Member(**options)  # type: ignore[arg-type]


def _frame(name: str, says: str, endpoint: str = "mod", /, **more: object) -> Member:
    options = {
        "kind": "HTTP/2 frames",
        "name": f"{name} for {endpoint}",
        "goproxy": on(f"{endpoint}=frame.{name}"),
        "says": says,
        "cls": "http.protocol|http.reset",
        "host": "as.lab.test",
        "endpoint": endpoint,
        "judgement": True,
        **more,
    }
    return Member(**options)  # type: ignore[arg-type]


def _raw(name: str, says: str, cls: str, endpoint: str = "mod", /, **more: object) -> Member:
    options = {
        "kind": "HTTP/1.1",
        "name": f"{name} for {endpoint}",
        "goproxy": on(f"{endpoint}=raw.{name}", AS_H1),
        "says": says,
        "cls": cls,
        "host": "as-h1.lab.test",
        "endpoint": endpoint,
        **more,
    }
    return Member(**options)  # type: ignore[arg-type]


def _both(fault: str, says: tuple[str, str], cls: str) -> list[Member]:
    made = []
    for base, kind, said in zip(
        (AS_H1, "https://as.lab.test"), ("HTTP/1.1", "HTTP/2"), says, strict=True
    ):
        for endpoint in ("mod", "zip"):
            made.append(
                Member(
                    kind=kind, name=f"{fault} for {endpoint}", says=said, cls=cls,
                    goproxy=on(f"{endpoint}={fault}", base), endpoint=endpoint,
                    host=base.removeprefix("https://"),
                )
            )  # fmt: skip
    return made


MALFORMED = "malformed|transport connection broken"
MEMBERS = (
    *(
        _h2(fault, code, endpoint)
        for code in CODES if code not in (0, 7)
        for fault, endpoint in (("rst", "mod"), ("rst-body", "zip"), ("goaway", "mod"),
                                ("goaway-body", "zip"))
        if (fault, code) != ("rst", 1)
    ),
    _h2("rst", 2, "zip"),
    _h2("rst", 11, "zip"),
    _h2("rst-body", 2, "mod"),
    _h2("rst", 0, "mod"),
    _h2("rst-body", 0, "zip"),
    _h2("goaway", 0, "mod"),
    _h2("goaway-body", 0, "zip"),
    _h2("rst", 7, "mod", takes_s=RETRIED_S, words="REFUSED_STREAM.* times"),
    _h2("rst-body", 7, "zip"),
    _h2("goaway", 7, "mod"),
    *(
        _h2(fault, code, "mod", name=f"{fault} {CODES[code]} for mod, asked again and again",
            says="", words=f"{CODES[code]}.* times",
            takes_s=RETRIED_S, end=(RETRIED_S, 15), exit_code=-15, section="killed",
            final="cancelled")
        for fault, code in (("goaway-all", 0), ("rst", 1), ("rst", 7))
    ),
    _h2("goaway-all", 11, "mod", says="ENHANCE_YOUR_CALM"),
    _h2("goaway-all", 2, "mod", says="INTERNAL_ERROR"),
    _frame("garbage", "frame too large|malformed|HTTP/1"),
    _frame("huge", "too large"),
    _frame("data-on-0", "PROTOCOL_ERROR"),
    _frame("settings-odd", "FRAME_SIZE_ERROR|PROTOCOL"),
    _frame("headers-broken", "COMPRESSION_ERROR|hpack"),
    _frame("window-zero", "PROTOCOL_ERROR"),
    _frame("push", "PROTOCOL_ERROR"),
    *(
        _frame(name, "PROTOCOL_ERROR|protocol error|malformed", "mod", cls="http.protocol",
               words="broke the rules of HTTP/2")
        for name in ("no-status", "odd-name", "odd-value", "two-statuses", "late-status",
                     "odd-pseudo", "odd-status", "data-first")
    ),
    _frame("rst-0", "PROTOCOL"),
    *_both("close", ("EOF", "EOF|closed"), "http.reset"),
    *_both("reset", ("reset by peer", "reset by peer"), "http.reset|tcp.reset"),
    *_both("cut", ("unexpected EOF", "INTERNAL_ERROR"), "http.body"),
    *_both("close-body", ("unexpected EOF", "unexpected EOF|closed|lost"), "http.body"),
    *_both("reset-body", ("reset by peer", "reset by peer"), "http.body"),
    _raw("garbage", MALFORMED, "http.protocol"),
    _raw("garbage", MALFORMED, "http.protocol", "zip"),
    _raw("ssh", MALFORMED, "http.protocol"),
    _raw("ftp", MALFORMED, "http.protocol"),
    _raw("bad-status", MALFORMED, "http.protocol"),
    _raw("short-status", MALFORMED, "http.protocol"),
    _raw("odd-version", "parsing go.mod", "http.content|http.protocol", judgement=True),
    _raw("bad-header", MALFORMED, "http.protocol"),
    _raw("half-head", "malformed MIME header", "http.protocol|http.reset"),
    _raw("huge-header", "exceeded|too large|longer", "http.protocol"),
    _raw("bad-length", "bad Content-Length", "http.protocol"),
    _raw("two-lengths", "Content-Length", "http.protocol"),
    _raw("negative-length", "Content-Length", "http.protocol"),
    _raw("short-body", "unexpected EOF", "http.body"),
    _raw("short-body", "unexpected EOF", "http.body", "zip"),
    _raw("bad-chunk", "invalid byte in chunk length", "http.body|http.protocol"),
    _raw("no-last-chunk", "unexpected EOF", "http.body"),
    _raw("long-chunk", "chunk", "http.body|http.protocol"),
    _raw("odd-encoding", "transfer encoding", "http.protocol"),
    _raw("only-100", "1xx|EOF", "http.protocol|http.reset", judgement=True),
    _raw("switching", "101", "http.protocol|http.content", judgement=True),
    _raw("http2", MALFORMED, "http.protocol"),
    _raw("lf-only", MALFORMED, "http.protocol|http.reset", judgement=True),
)  # fmt: skip
