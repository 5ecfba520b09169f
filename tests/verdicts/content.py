"""Content refused after a 200."""

from .member import AS_H1, LATEST, VERSIONS, Member, on

KIND = "content"


def _of(at: str, word: str, says: str, /, **more: object) -> Member:
    settings = {
        "list": {"args": VERSIONS, "requires": ()},
        "latest": {"args": LATEST, "requires": ()},
    }.get(at, {})
    lead = "list=empty+" if at == "latest" else ""
    options = {
        "kind": KIND,
        "name": f"{word} for {at}",
        "goproxy": on(f"{lead}{at}={word}"),
        "says": says,
        "cls": "http.content",
        "host": "as.lab.test",
        "endpoint": at,
        **settings,
        **more,
    }
    return Member(**options)  # type: ignore[arg-type]


JSON = "flate|invalid response from proxy|invalid character|unexpected end of JSON"
MOD = "flate|parsing go.mod|missing module line|module path"
ZIP = "zip"
TEXTS = ("page", "empty", "text", "binary", "gzip")
IMPORTS = (
    "sh",
    "-c",
    """printf 'package x\\nimport _ "mod.lab.test/m00"\\n' > x.go; exec "$@\"""",
    "sh",
)
MEMBERS = (
    *(_of("mod", word, MOD) for word in (*TEXTS, "half", "null")),
    _of("mod", "br", "", cls="", party="nobody", exit_code=0, endpoint="", judgement=True),
    _of("mod", "other-path", "module declares its path as|has post|malformed|mismatch|path"),
    _of("mod", "bad-require", "errors parsing|usage: require"),
    _of("mod", "bad-go", "invalid go version"),
    _of("mod", "newer-go", "requires go >= 1.99", cls="local.config", party="configuration",
        words="module.*newer Go", host="", judgement=True),
    *(_of("info", word, JSON) for word in (*TEXTS, "array", "half-json", "version-number")),
    _of("info", "null", "invalid|version"),
    _of("info", "other-version", "version"),
    _of("info", "bad-version", "version"),
    _of("info", "no-version", "version"),
    _of("info", "bad-time", "yesterday"),
    *(_of("zip", word, ZIP) for word in (*TEXTS, "half", "not-zip", "foreign",
                                        "dotdot", "case", "bad-crc")),
    *(_of("zip", word, "", cls="http.content|", exit_code=0, judgement=True, final="ok")
      for word in ("empty-zip", "no-mod-zip")),
    _of("list", "gzip", "flate"),
    *(_of("list", word, "", cls="http.content|", exit_code=0, judgement=True, final="ok")
      for word in ("page", "text", "binary", "bad-list")),
    *(_of("latest", word, JSON) for word in (*TEXTS, "half-json", "bad-time")),
    _of("latest", "null", "", cls="http.content|", exit_code=0, judgement=True, final="ok"),
    *(
        _of("zip", word, ZIP, name=f"{word} for zip, of a build", args=("build", "./..."),
            env={"GOFLAGS": "-mod=mod -modcacherw"}, before=IMPORTS)
        for word in ("page", "dotdot", "case", "bad-crc")
    ),
    _of("zip", "dotdot", ZIP, name="dotdot for zip, then another module", requires=("m00", "m01"),
        goproxy=on("zip=dotdot")),
    _of("mod", "page", MOD, name="page for mod on HTTP/1.1", goproxy=on("mod=page", AS_H1),
        host="as-h1.lab.test"),
    _of("zip", "page", ZIP, name="page for a toolchain", endpoint="toolchain", args=("version",),
        requires=(), env={"GOTOOLCHAIN": "go1.99.1"}),
    _of("zip", "not-zip", ZIP, name="not-zip for zip, twice with |",
        goproxy=f"{on('zip=not-zip')}|{on('zip=not-zip', AS_H1)}"),
    _of("mod", "page", MOD, name="page for mod, then served with |",
        goproxy=f"{on('mod=page')}|{AS_H1}"),
    _of("info", "page", "", name="page for info, then served with |", exit_code=0,
        goproxy=f"{on('info=page')}|{AS_H1}", final="fell_through"),
)  # fmt: skip
