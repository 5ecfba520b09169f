"""Misses that end the command, and reds that the network does not explain."""

from .member import AS, AS_H1, LATEST, Member, on

GET = ("get", "mod.lab.test/m00@v9.9.9")


def _miss(name: str, says: str, /, **more: object) -> Member:
    options = {
        "kind": "not found",
        "name": name,
        "goproxy": AS,
        "says": says,
        "section": "not found",
        "party": "nobody",
        **more,
    }
    return Member(**options)  # type: ignore[arg-type]


def _red(name: str, says: str, /, **more: object) -> Member:
    options = {
        "kind": "nothing on the network",
        "name": name,
        "goproxy": AS,
        "says": says,
        "section": "nothing on the network",
        "party": "nobody",
        "endpoint": "",
        **more,
    }
    return Member(**options)  # type: ignore[arg-type]


def _page(path: str, says: str, /, **more: object) -> Member:
    options = {
        "kind": "direct",
        "name": path,
        "goproxy": "direct",
        "requires": (f"{path}/x@v1.0.0",),
        "says": says,
        "endpoint": "go-get",
        "host": path.partition("/")[0],
        **more,
    }
    return Member(**options)  # type: ignore[arg-type]


def _shell(setup: str) -> tuple[str, ...]:
    return ("sh", "-ec", f'{setup}; exec "$@"', "sh")


UNRECOGNIZED = "unrecognized import path"
NO = {"section": "not found", "party": "nobody"}
MEMBERS = (
    _miss("a module that nobody has", "404 Not Found", requires=("nope@v1.0.0",)),
    _miss("a version that does not exist", "404 Not Found", requires=("m00@v1.2.3",)),
    _miss("get a version that does not exist", "404|unknown revision|not found", args=GET,
          requires=(),
          endpoint="info"),
    _miss("get a branch", "404|unknown revision|not found", args=("get",
          "mod.lab.test/m00@master"), requires=(),
          endpoint="info"),
    _miss("get a module that nobody has", "404|not found|no matching", args=("get",
          "mod.lab.test/nope"),
          requires=(), endpoint="list"),
    _miss("get a package that the module lacks", "does not contain package",
          args=("get", "mod.lab.test/m00/none"), requires=(), endpoint="", judgement=True),
    _miss("a version query without a match", "no matching versions", endpoint="list",
          args=("get", "mod.lab.test/m00@>v7.0.0"), requires=()),
    _miss("latest of a module without versions", "404|no matching", args=LATEST, endpoint="latest",
          goproxy=on("list=empty+latest=404"), requires=()),
    _miss("both entries miss", "404 Not Found", requires=("nope@v1.0.0",), goproxy=f"{AS},{AS_H1}"),
    _miss("both entries miss, 410 then 404", "404 Not Found|410 Gone",
          goproxy=f"{on('mod=410')},{on('mod=404', AS_H1)}"),
    _miss("the miss hides a 500", "500 ", cls="http.5xx", section="", party="module proxy",
          host="as.lab.test", final="fell_through",
          goproxy=f"{on('mod=500')}|{on('mod=404', AS_H1)}"),
    _miss("one entry misses, then direct", UNRECOGNIZED, goproxy=f"{on('mod=404')},direct",
          requires=("as.lab.test/get.404/x@v1.0.0",), endpoint="go-get"),
    _miss("a toolchain that nobody has", "toolchain not available", args=("version",), requires=(),
          env={"GOTOOLCHAIN": "go1.99.1"}, endpoint="toolchain"),
    _miss("a toolchain that two do not have", "toolchain not available", args=("version",),
          requires=(), env={"GOTOOLCHAIN": "go1.99.1"}, goproxy=f"{AS},{AS_H1}",
          endpoint="toolchain"),
    _miss("plain HTTP", "404 Not Found", goproxy=on("mod=404", "http://as.lab.test")),
    _miss("get a package that the module lacks, at a version", "does not contain package",
          args=("get", "mod.lab.test/m00/none@v1.1.0"), requires=(), endpoint=""),
    _miss("install a package that the module lacks", "does not contain package",
          args=("install", "mod.lab.test/m00/none@v1.1.0"), requires=(), endpoint=""),
    _miss("tidy with two wrong imports", "does not contain package", args=("mod", "tidy"),
          requires=(), endpoint="", reasons=("mod.lab.test/m00", "mod.lab.test/nope|nope.*404"),
          before=_shell("printf 'package x\\nimport _ \"mod.lab.test/m00/none\"\\n"
                        "import _ \"mod.lab.test/nope/x\"\\n' > x.go")),
    _miss("a missing version is run", "404 Not Found", args=("run", "mod.lab.test/m00@v9.9.9"),
          requires=(), endpoint=""),
    _miss("a missing package is run", "does not contain package", endpoint="",
          args=("run", "mod.lab.test/m00/none@v1.1.0"), requires=()),
    _miss("get a commit", "404 Not Found", args=("get", "mod.lab.test/m00@abcdef012345"),
          endpoint="", reasons=("The module is there",)),
    _miss("get another major version", "does not contain package", endpoint="",
          args=("get", "mod.lab.test/m00/v2@latest")),
    _miss("a wrong import of a test is tidied", "404 Not Found", args=("mod", "tidy"), endpoint="",
          requires=(), reasons=("mod.lab.test/nope",),
          before=_shell("printf 'package x' > x.go; "
                        "printf 'package x\\nimport _ \"mod.lab.test/nope\"\\n' > x_test.go")),
    _miss("download as JSON", "404 Not Found", args=("mod", "download", "-json"),
          goproxy=on("any=404"), endpoint=""),
    _miss("one of three", "404 Not Found", goproxy=on("zip=403"), endpoint="",
          requires=("m00", "m01", "nope@v1.0.0"), reasons=("mod.lab.test/nope",)),
    _miss("an entry of GOPROXY with a query", "404 Not Found", goproxy=on("any=404?x=y"),
          endpoint=""),
    *(
        Member(kind="chain", name=name, goproxy=chain, says=says, cls=cls, host=host)
        for name, chain, says, cls, host in (
            ("a miss, then refused", f"{on('any=404')},https://refused.to.lab.test", "refused",
             "tcp.refused", "refused.to.lab.test"),
            ("a miss, then an expired certificate",
             f"{on('any=404')},https://expired-1h.crt.lab.test", "expired", "tls.expired",
             "expired-1h.crt.lab.test"),
            ("403, and direct is not asked", f"{on('any=403')},direct", "403 Forbidden",
             "auth.403", "as.lab.test"),
        )
    ),
    _page("as.lab.test/get.404", UNRECOGNIZED, **NO),
    _page("as.lab.test/get.empty", "no go-import meta tags", **NO),
    _page("as.lab.test/get.binary", "XML syntax error", cls="http.content"),
    _page("as.lab.test/get.gzip", "flate: corrupt input", cls="http.content"),
    _page("as.lab.test/get.redirect.login", UNRECOGNIZED, **NO),
    _page("as.lab.test/get.redirect.dead", "connection refused", cls="tcp.refused",
          host="refused.to.lab.test"),
    _page("as.lab.test/get.redirect.loop", "stopped after 10 redirects", cls="http.redirect"),
    _page("as.lab.test/get.410", UNRECOGNIZED, **NO),
    _page("as.lab.test/get.meta-none", "no go-import meta tags", **NO),
    _page("as.lab.test/get.meta-other", UNRECOGNIZED, **NO),
    _page("as.lab.test/get.meta-bad", UNRECOGNIZED, **NO),
    *(
        _page(f"as.lab.test/get.{status}", f"{status} ", cls=cls)
        for status, cls in ((401, "auth.401"), (403, "auth.403"), (407, "auth.407"),
                            (429, "http.429"), (451, "http.4xx"), (500, "http.5xx"),
                            (503, "http.5xx"))
    ),
    _page("as.lab.test/get.close", "EOF|closed", cls="http.reset"),
    _page("as.lab.test/get.rst.2", "INTERNAL_ERROR", cls="http.reset"),
    _page("as.lab.test/get.cut", "INTERNAL_ERROR|EOF|no go-import", cls="http.body"),
    _page("as.lab.test/get.redirect.403", "403 ", cls="auth.403", host="as-h1.lab.test"),
    _page("as.lab.test/get.redirect.insecure", "insecure URL", cls="http.redirect"),
    _page("refused.to.lab.test", "connection refused", cls="tcp.refused"),
    _page("gone.lab.test", "no such host", cls="dns.nxdomain", party="resolver"),
    _page("expired-1h.crt.lab.test", "expired", cls="tls.expired"),
    _page("stranger.crt.lab.test", "unknown authority", cls="tls.untrusted"),
    _page("alert-40.tls.lab.test", "handshake failure", cls="tls.alert"),
    _page("as.lab.test/get.meta-git-dead", "fatal|git|exit status", cls="tcp.refused|",
          host="refused.to.lab.test", judgement=True,
          name="a git host that refuses", endpoint=""),
    _red("a generator fails", "exit status 1", args=("generate", "./..."), requires=(),
         before=_shell("printf 'package x\\n//go:generate false\\n' > x.go")),
    _red("a syntax error", "syntax error|expected", args=("build", "./..."), requires=(),
         before=_shell("printf 'package x\\nfunc {' > x.go")),
    _red("a C compiler that is not there", "C compiler|no such file", requires=(),
         args=("build", "runtime/cgo"), env={"CC": "/nope/cc", "CGO_ENABLED": "1"}),
    _red("a type error", "cannot use", args=("build", "./..."), requires=(),
         before=_shell("printf 'package x\\nvar y int = \"s\"\\n' > x.go")),
    _red("an import that no module provides", "no required module provides package",
         args=("build", "./..."), requires=(),
         before=_shell("printf 'package x\\nimport _ \"mod.lab.test/m00\"\\n' > x.go")),
    _red("no entry in go.sum", "missing go.sum entry", args=("build", "./..."),
         env={"GOFLAGS": "-mod=readonly", "GOSUMDB": "off"},
         before=_shell("printf 'package x\\nimport _ \"mod.lab.test/m00\"\\n' > x.go")),
    _red("an unknown command", "unknown command", args=("downlod",), exit_code=2),
    _red("an unknown flag", "flag provided but not defined", args=("mod", "download", "-fast"),
         exit_code=2),
    _red("no package", "no packages|matched no packages|directory not found|no Go files|not in std",
         args=("build", "./none"), requires=()),
    *(
        _red(f"install: {name}", says, args=("install", what), requires=(), **more)
        for name, says, what, more in (
            ("not a main package", "not a main package", "mod.lab.test/m00@v1.1.0", {}),
            ("not a main package, deep in its module", "not a main package",
             "mod.lab.test/deep/nested/pkg@v1.1.0", {}),
            ("a replacement in its go.mod", r"contains one or\s+more replace directives",
             "mod.lab.test/m00@v1.1.0", {"goproxy": on("mod=replaces")}),
            ("an exclusion in its go.mod", r"contains one or\s+more exclude directives",
             "mod.lab.test/m00@v1.1.0", {"goproxy": on("mod=excludes")}),
            ("does not compile", "undefined|declared and not used", "mod.lab.test/m00@v1.1.0",
             {"goproxy": on("zip=broken-main")}),
        )
    ),
    *(
        _red(f"get: {name}", says, args=("get", what), requires=(), **more)
        for name, says, what, more in (
            ("another path than its go.mod", "declares its path as",
             "mod.lab.test/m00@v1.1.0", {"goproxy": on("mod=other-path")}),
        )
    ),
    _red("everything downloaded, then a type error", "cannot use|declared and not used",
         args=("build", "./..."), env={"GOFLAGS": "-mod=mod -modcacherw"},
         before=_shell("printf 'package x\\nimport _ \"mod.lab.test/m00\"\\nvar y int = \"s\"\\n'"
                       " > x.go")),
    _red("killed with nothing on the network", "", args=("env", "-changed"), exit_code=0,
         judgement=True, section=""),
)  # fmt: skip
