"""Settings that end the command: named with their variable, and nobody's fault but the user's."""

from lab.answers import SUM_NAME
from lab.sumdb import Signer

from .member import AS, Member

KEY = Signer(SUM_NAME).verifier


def _is(name: str, says: str, /, **more: object) -> Member:
    options = {
        "kind": "configuration",
        "name": name,
        "goproxy": AS,
        "says": says,
        "cls": "local.config",
        "party": "configuration",
        "endpoint": "",
        "words": name.partition("=")[0],
        **more,
    }
    return Member(**options)  # type: ignore[arg-type]


def _proxy(value: str, says: str, /, **more: object) -> Member:
    return _is(f"GOPROXY={value}", says, goproxy=value, **more)


def _set(variable: str, value: str, says: str, /, **more: object) -> Member:
    return _is(
        f"{variable}={value.replace(KEY, 'KEY')}", says, **{"env": {variable: value}, **more}
    )


def _work(lines: str) -> tuple[str, ...]:
    text = f"printf 'go 1.18\\n{lines}\\n' > go.work"
    return ("sh", "-c", f'{text}; exec "$@"', "sh")


MEMBERS = (
    _proxy("off", "disabled by GOPROXY=off"),
    _proxy(",", "contains no entries"),
    _proxy("|,", "contains no entries"),
    _proxy("ftp://as.lab.test", "invalid proxy URL scheme"),
    _proxy("socks5://as.lab.test", "invalid proxy URL scheme"),
    _proxy("proxy", "invalid proxy URL missing scheme|invalid"),
    _proxy("https://", "no Host in request URL|invalid|empty"),
    _proxy("https://as.lab.test/%zz", "invalid URL escape"),
    _proxy("https://as.lab.test:port", "invalid port"),
    _proxy("https://as.lab.test:99999", "invalid port|port|address"),
    _proxy("https://[::1", "missing ']'"),
    _proxy("file://relative/path", "file://|invalid"),
    _proxy("file://{folder}/absent", "no such file|404|not exist", cls="",
           section="not found", party="nobody", judgement=True),
    _proxy('"https://as.lab.test"', "first path segment in URL cannot contain colon"),
    _proxy("https://as.lab.test;direct", "lookup as.lab.test;direct: no such host",
           endpoint="mod", words="GOPROXY.*parted by"),
    _proxy("https://as.lab.test , ftp://x", "invalid proxy URL scheme"),
    _proxy("http://user:secret@as.lab.test", "refusing to pass credentials to insecure URL"),
    _is("GOPROXY=404s, then off", "404|disabled by GOPROXY=off", words="GOPROXY",
        goproxy="https://as.lab.test/any=404,off", section="not found", cls="local.config|",
        endpoint="mod", party="nobody"),
    _set("GOSUMDB", "nonsense", "missing key|unrecognized|invalid|GOSUMDB"),
    _set("GOSUMDB", "sum.lab.test+00000000+AAAA", "malformed|invalid|GOSUMDB"),
    _set("GOSUMDB", f"{KEY} https://as.lab.test extra", "GOSUMDB|too many fields"),
    _set("GOSUMDB", f"{KEY} ftp://as.lab.test", "scheme|GOSUMDB"),
    _set("GOSUMDB", f"{KEY} https://as.lab.test/%zz", "escape|GOSUMDB"),
    _set("GOFLAGS", "-bogus", "GOFLAGS|unknown flag|not defined"),
    _set("GOFLAGS", "bogus", "GOFLAGS"),
    _set("GOFLAGS", "-mod=bogus", "-mod|GOFLAGS", args=("list", "-m", "all")),
    _set("GOFLAGS", "-mod=vendor", "vendor", args=("list", "-m", "all"), judgement=True),
    _set("GOTOOLCHAIN", "bogus", "GOTOOLCHAIN"),
    _set("GOTOOLCHAIN", "go1.99.1+path", "not found|cannot find|toolchain"),
    _set("GOMODCACHE", "relative", "GOMODCACHE"),
    *(_set("GOPATH", value, "GOPATH", exit_code=2) for value in ("relative", "~/go", "/go:go")),
    _set("GOCACHE", "off", "GOCACHE|build cache", args=("build", "std")),
    _set("GO111MODULE", "off", "GO111MODULE|modules disabled"),
    _set("GO111MODULE", "sometimes", "GO111MODULE"),
    _set("GOAUTH", "bogus-command-xyz", "", judgement=True, exit_code=0, cls="", party="nobody",
         words=""),
    _set("GOAUTH", "off;netrc", "GOAUTH", judgement=True),
    _set("GOVCS", "bogus", "GOVCS", goproxy="direct",
         requires=("as.lab.test/get.meta-git/x@v1.0.0",), endpoint="go-get"),
    _set("GOVCS", "*:off", "GOVCS", goproxy="direct", endpoint="go-get",
         requires=("as.lab.test/get.meta-git/x@v1.0.0",)),
    _set("GOFLAGS", "'-tags=x", "unterminated"),
    _set("GOFLAGS", "-toolexec=/nope/t", "no such file", args=("build", "std")),
    _set("HTTPS_PROXY", "socks4://hp.lab.test:1080", "proxyconnect", endpoint="mod"),
    _is("GOENV names a file with GOPROXY=off", "disabled by GOPROXY=off", words="GOPROXY",
        before=("sh", "-c", "echo GOPROXY=off > env; unset GOPROXY; GOENV=$PWD/env exec \"$@\"",
        "sh")),
    _is("GOENV names a file with a dead proxy", "connection refused", cls="tcp.refused",
        host="refused.to.lab.test", party="module proxy", endpoint="mod", words="",
        before=("sh", "-c", "echo GOPROXY=https://refused.to.lab.test > env; unset GOPROXY; "
                "GOENV=$PWD/env exec \"$@\"", "sh")),
    _is("GOTOOLCHAIN=local, and go.mod needs a newer one", "requires go >= 1.99",
        env={"GOTOOLCHAIN": "local"}, words="GOTOOLCHAIN",
        before=("sh", "-c", 'sed -i "s/^go .*/go 1.99/" go.mod; exec "$@"', "sh")),
    _is("go.mod: a bad toolchain", "invalid toolchain version", words="go.mod",
        before=("sh", "-c", 'echo "toolchain nonsense" >> go.mod; exec "$@"', "sh")),
    _is("go.mod: a byte order mark", "unexpected input character", words="go.mod",
        before=("sh", "-c", "printf '\\357\\273\\277' | cat - go.mod > x; mv x go.mod; "
                'exec "$@"', "sh")),
    _is("go.mod: an unmerged conflict", "unknown directive", words="go.mod",
        before=("sh", "-c", "echo '<<<<<<< HEAD' >> go.mod; exec \"$@\"", "sh")),
    _is("go.sum: no entry for a go.mod", "missing go.sum entry for go.mod file", words="go.sum",
        args=("list", "-m", "all"), env={"GOFLAGS": "-mod=readonly", "GOSUMDB": "off"}),
    _set("GOFLAGS", "-p=0", "-p must be a positive integer", args=("build", "std"),
         words="-p, of"),
    _is("go.sum: an unmerged conflict", "malformed go.sum", words="go.sum",
        go_sum="<<<<<<< HEAD\n"),
    _set("TMPDIR", "/nope", "creating work dir", args=("build", "std")),
    _set("GODEBUG", "cmdgonetlimit=0", "network disabled by cmdgonetlimit=0"),
    *(
        _set("HTTPS_PROXY", value, "proxyconnect|lookup http|refused|EOF", endpoint="mod")
        for value in ("ftp://as.lab.test:1", "htp://as.lab.test:443", "http://[::1",
                      "http://as.lab.test:port", "http//as.lab.test:3128", "http:/as.lab.test:3128",
                      "https:as.lab.test:3128", "http://", ":3128", "http://:3128")
    ),
    _set("https_proxy", "http//as.lab.test:3128", "lookup http", endpoint="mod",
         words="HTTPS_PROXY"),
    *(
        _set("HTTP_PROXY", value, "proxyconnect|lookup http|refused", endpoint="mod",
             goproxy="http://as.lab.test")
        for value in ("ftp://as.lab.test:1", "http//as.lab.test:3128", ":3128")
    ),
    _set("GOINSECURE", "*", "unknown authority", cls="tls.untrusted", party="module proxy",
         goproxy="https://stranger.crt.lab.test", host="stranger.crt.lab.test", endpoint="mod",
         words="", judgement=True),
    *(
        _set(name, value, "GOOS|unsupported", args=("build", "std"), exit_code=2)
        for name, value in (("GOOS", "nonsense"), ("GOOS", "macos"), ("GOARCH", "x86_64"),
                            ("GOARCH", "wasm"))
    ),
    _is("go.mod: malformed", "errors parsing go.mod|unknown directive", words="go.mod",
        before=("sh", "-c", 'echo nonsense >> go.mod; exec "$@"', "sh")),
    _is("go.mod: missing", "go.mod file not found|no modules", words="go.mod",
        before=("sh", "-c", 'rm go.mod; exec "$@"', "sh"), args=("list", "-m", "all")),
    _is("go.mod: a newer go", "requires go >= 1.99", words="go.mod|GOTOOLCHAIN",
        before=("sh", "-c", 'sed -i "s/^go .*/go 1.99/" go.mod; exec "$@"', "sh")),
    _is("go.mod: a bad version", "version|invalid", words="go.mod",
        before=("sh", "-c", 'echo "require mod.lab.test/m01 1.0" >> go.mod; exec "$@"', "sh")),
    _is("go.mod: a replacement that is not there",
        "replacement directory .* does not exist|no such file",
        words="go.mod", args=("list", "-m", "all"),
        before=("sh", "-c", 'echo "replace mod.lab.test/m00 => ./none" >> go.mod; exec "$@"',
        "sh")),
    _is("go.sum: malformed", "malformed go.sum", words="go.sum",
        go_sum="one two three four five\n"),
    _is("HTTP_PROXY in a CGI environment", "refusing to use HTTP_PROXY value in CGI environment",
        goproxy="http://as.lab.test", words="HTTP_PROXY.*REQUEST_METHOD", endpoint="mod",
        env={"REQUEST_METHOD": "GET", "HTTP_PROXY": "http://hp.lab.test:3128"}),
    *(
        _is(f"go.work: {name}", says, args=("list", "-m", "all"), words="go.work",
            before=_work(lines))
        for name, lines, says in (
            ("uses what is not there", "use .\\nuse ./absent", "no such file|absent"),
            ("malformed", "nonsense", "unknown directive"),
            ("a bad version", "go one", "invalid go version|repeated go"),
            ("twice the same", "use .\\nuse .", "appears multiple times"),
        )
    ),
    _is("go.work: a newer go", "requires go >= 1.99", words="go.work", args=("list", "-m", "all"),
        before=("sh", "-c", 'printf "go 1.99\\nuse ./\\n" > go.work; exec "$@"', "sh")),
    _set("GOWORK", "/nope/go.work", "no such file", args=("list", "-m", "all")),
    _set("GOWORK", "relative/go.work", "invalid GOWORK|not an absolute|GOWORK",
         args=("list", "-m", "all")),
    _set("GOTMPDIR", "/nope", "creating work dir|no such file", args=("build", "std")),
    _set("GOFLAGS", "-modfile=/nope/go.mod", "no such file", args=("list", "-m", "all")),
    _set("GOFLAGS", "-overlay=/nope.json", "overlay", args=("list", "-m", "all")),
    _set("GOFLAGS", "-mod=mod", "-mod may only be set to readonly or vendor|workspace mode",
         name="GOFLAGS=-mod=mod in a workspace", args=("list", "-m", "all"),
         before=_work("use .")),
    _set("GOCACHEPROG", "/bin/false", "GOCACHEPROG", args=("build", "std")),
    _set("GOCACHEPROG", "/nope", "GOCACHEPROG|no such file", args=("build", "std")),
    _set("GOROOT", "/nonexistent", "cannot find GOROOT directory", exit_code=2),
    _set("GOCACHE", "/dev/null/GOPATH/HOME", "not a directory", args=("build", "std")),
    _set("GOMODCACHE", "/dev/null/HOME/GOPATH", "not a directory", words="GOMODCACHE"),
)  # fmt: skip
