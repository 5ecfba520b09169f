"""DNS: rcodes, search lists, A and AAAA that differ, several servers, silence, ICMP, garbage."""

from lab.lab import DEAD_DNS
from lab.sick import places

from .member import Member

SICK, SICK_TCP = (places.DNS_SICK,), (places.DNS_SICK_TCP,)
NOBODY = ("10.44.2.250",)
UNREACHABLE = ("10.67.53.1",)


def _is(
    name: str, host: str, says: str, cls: str, resolver: tuple[str, ...] = SICK, /, **more: object
) -> Member:
    options = {
        "kind": "DNS",
        "name": name,
        "goproxy": f"https://{host}.lab.test",
        "resolver": resolver,
        "says": says,
        "cls": cls,
        "party": "resolver",
        "host": f"{host}.lab.test",
        **more,
    }
    return Member(**options)  # type: ignore[arg-type]


NO_HOST, MISBEHAVING, TIMEOUT = "no such host", "server misbehaving", "i/o timeout"
ANSWERS = {
    "nx": (NO_HOST, "dns.nxdomain"),
    "none": (NO_HOST, "dns.nodata"),
    "cname": (NO_HOST, "dns.nodata"),
    "servfail": (MISBEHAVING, "dns.servfail"),
    "refused": (MISBEHAVING, "dns.refused"),
    "formerr": (MISBEHAVING, "dns.servfail"),
    "notimp": (MISBEHAVING, "dns.servfail"),
    "yxdomain": (MISBEHAVING, "dns.servfail"),
    "notauth": (MISBEHAVING, "dns.servfail"),
    "lame": (MISBEHAVING + "|" + NO_HOST, "dns.servfail|dns.nodata"),
}
UNANSWERED = {
    "silent": (TIMEOUT, "dns.timeout"),
    "empty": (MISBEHAVING + "|timeout|cannot unmarshal", "dns.servfail|dns.timeout"),
    "garbled": ("cannot unmarshal|" + MISBEHAVING + "|timeout", "dns.servfail|dns.timeout"),
    "short": ("cannot unmarshal|" + MISBEHAVING + "|timeout", "dns.servfail|dns.timeout"),
    "wrongid": (TIMEOUT, "dns.timeout"),
    "wrongname": (TIMEOUT, "dns.timeout"),
}
RCODES = {"formerr": "FORMERR", "notimp": "NOTIMP", "servfail": "SERVFAIL", "refused": "REFUSED",
          "yxdomain": "YXDOMAIN", "notauth": "NOTAUTH", "none": "no address"}  # fmt: skip
WORST_S = 10.0

MIXED = (
    # A, AAAA, what go says, class
    ("servfail", "nx", MISBEHAVING + "|" + NO_HOST, "dns.servfail|dns.nxdomain"),
    ("nx", "servfail", MISBEHAVING + "|" + NO_HOST, "dns.servfail|dns.nxdomain"),
    ("none", "servfail", MISBEHAVING + "|" + NO_HOST, "dns.servfail|dns.nodata"),
    ("servfail", "none", MISBEHAVING + "|" + NO_HOST, "dns.servfail|dns.nodata"),
    ("none", "nx", NO_HOST, "dns.nodata|dns.nxdomain"),
    ("refused", "none", MISBEHAVING + "|" + NO_HOST, "dns.refused|dns.nodata"),
    ("servfail", "refused", MISBEHAVING, "dns.servfail|dns.refused"),
)
"""go keeps the error of the question whose answer it read last: either may decide."""

SEARCHED = (
    # the name itself (A-AAAA), search domains, what go says, class
    ("servfail-servfail", ("s-nx.test", "s-nx.test2"), MISBEHAVING, "dns.servfail"),
    ("refused-refused", ("s-nx.test", "s-nx.test2"), MISBEHAVING, "dns.refused"),
    ("none-none", ("s-nx.test",), NO_HOST, "dns.nodata"),
    ("nx-nx", ("s-nx.test", "s-nx.test2"), NO_HOST, "dns.nxdomain"),
    ("nx-nx", ("s-servfail.test",), MISBEHAVING + "|" + NO_HOST, "dns.servfail|dns.nxdomain"),
    ("nx-nx", ("s-refused.test",), MISBEHAVING + "|" + NO_HOST, "dns.refused|dns.nxdomain"),
    ("nx-nx", ("s-none.test",), NO_HOST, "dns.nxdomain|dns.nodata"),
    ("servfail-servfail", ("s-none.test", "s-nx.test"), MISBEHAVING, "dns.servfail"),
    ("servfail-servfail", ("s-servfail.test",), MISBEHAVING, "dns.servfail"),
)
"""With ndots:5, as in every Kubernetes pod."""


def _searched(own: str, domains: tuple[str, ...], says: str, cls: str, /, **more: object) -> Member:
    return _is(
        f"{own}, search {' '.join(domains)}, ndots:5", f"q-{own}", says, cls,
        (*SICK, "search " + " ".join(domains), "options ndots:5"),
        **{"kind": "DNS with a search list", **more},
    )  # fmt: skip


SEARCHED_FOR = r"goproxy\.elsewhere\.test\.s-(ok|dead)\.test.*search domain"
MEMBERS = (
    *(
        _is(f"{word} for both", f"q-{word}-{word}", says, cls, words=RCODES.get(word, ""))
        for word, (says, cls) in ANSWERS.items()
    ),
    *(
        _is(f"{word} for both", f"q-{word}-{word}", says, cls, takes_s=WORST_S)
        for word, (says, cls) in UNANSWERED.items()
    ),
    *(_is(f"A {a}, AAAA {b}", f"q-{a}-{b}", says, cls) for a, b, says, cls in MIXED),
    _is("A silent, AAAA nx", "q-silent-nx", TIMEOUT + "|" + NO_HOST, "dns.timeout|dns.nxdomain",
        takes_s=WORST_S),
    _is("A nx, AAAA silent", "q-nx-silent", TIMEOUT + "|" + NO_HOST, "dns.timeout|dns.nxdomain",
        takes_s=WORST_S),
    _is("A an address nobody listens at, AAAA servfail", "q-dead-servfail", "connection refused",
        "tcp.refused", party="module proxy"),
    _is("A servfail, AAAA an address nobody listens at", "q-servfail-dead", "connection refused",
        "tcp.refused", party="module proxy"),
    _is("A ok, AAAA servfail", "q-ok-servfail", "", "", exit_code=0, party="nobody", endpoint="",
        host=""),
    _is("letters outside ASCII", "\u043f\u0440\u043e\u043a\u0441\u0438", NO_HOST,
        "dns.nxdomain", (), host="xn--h1adldfi.lab.test",
        words="xn--h1adldfi.lab.test does not exist"),
    _is("capital letters", "GONE", NO_HOST, "dns.nxdomain", (), host="gone.lab.test",
        words="gone.lab.test does not exist"),
    _is("truncated, TCP refused", "q-tc-tc", "refused|misbehaving", "dns.unreachable|dns.servfail",
        words="TCP|truncated"),
    _is("truncated, TCP closed", "q-tc-tc-close", "EOF|misbehaving|refused",
        "dns.servfail|dns.unreachable|dns.timeout", SICK_TCP, judgement=True),
    _is("truncated, TCP silent", "q-tc-tc-silent", TIMEOUT, "dns.timeout", SICK_TCP,
        takes_s=WORST_S),
    _is("truncated, TCP servfail", "q-tc-tc-servfail", MISBEHAVING, "dns.servfail", SICK_TCP),
    _is("truncated, TCP nx", "q-tc-tc-nx", NO_HOST, "dns.nxdomain", SICK_TCP),
    _is("use-vc, servfail", "q-servfail-servfail-servfail", MISBEHAVING, "dns.servfail",
        (*SICK_TCP, "options use-vc")),
    _is("use-vc, TCP refused", "q-ok-ok", "connection refused", "dns.unreachable",
        (*SICK, "options use-vc")),
    _is("nobody listens", "q-ok-ok", "connection refused", "dns.unreachable", NOBODY,
        words="listens|refused"),
    _is("no resolv.conf entry", "q-ok-ok", "connection refused", "dns.unreachable|local.config",
        ("options ndots:1",), words="resolv.conf|listens", judgement=True),
    _is("::1 listens to nobody", "q-ok-ok", "connection refused", "dns.unreachable", ("::1",)),
    _is("nobody listens at two", "q-ok-ok", "connection refused", "dns.unreachable",
        ("10.44.2.250", "10.44.2.251")),
    _is("the resolver unreachable", "q-ok-ok", "no route to host|unreachable|timeout",
        "dns.unreachable|dns.timeout", UNREACHABLE, takes_s=WORST_S),
    _is("the client's routing prohibits the resolver", "q-ok-ok", "permission denied",
        "dns.unreachable|local.permission", ("10.69.2.1",), judgement=True),
    _is("silent server", "q-ok-ok", TIMEOUT, "dns.timeout", DEAD_DNS, takes_s=WORST_S,
        words="10.66.53.1"),
    _is("two silent servers", "q-ok-ok", TIMEOUT, "dns.timeout", ("10.66.53.1", "10.66.53.2"),
        takes_s=20, words="10.66.53.1|10.66.53.2"),
    _is("silent, then servfail", "q-servfail-servfail", MISBEHAVING, "dns.servfail|dns.timeout",
        (*DEAD_DNS, *SICK), takes_s=10),
    _is("silent, then nx", "q-nx-nx", NO_HOST, "dns.nxdomain", (*DEAD_DNS, *SICK), takes_s=5),
    _is("nobody, then servfail", "q-servfail-servfail", MISBEHAVING,
        "dns.servfail|dns.unreachable", (*NOBODY, *SICK)),
    _is("servfail, then nobody", "q-servfail-servfail", "refused|" + MISBEHAVING,
        "dns.servfail|dns.unreachable", (*SICK, *NOBODY)),
    _is("nobody, then nx", "q-nx-nx", NO_HOST, "dns.nxdomain", (*NOBODY, *SICK)),
    _is("nx, then a good one", "ok", NO_HOST, "dns.nxdomain", (places.DNS_SICK, "10.44.53.1")),
    _is("silent, then a good one", "ok", "", "", (*DEAD_DNS, "10.44.53.1"), takes_s=5,
        exit_code=0, party="nobody", endpoint="", host=""),
    _is("timeout:1 attempts:1, silent", "q-ok-ok", TIMEOUT, "dns.timeout",
        (*DEAD_DNS, "options timeout:1 attempts:1"), takes_s=1),
    _is("four requests share a failing lookup", "q-servfail-servfail", MISBEHAVING,
        "dns.servfail", requires=("m00", "m01", "m02", "m03"), env={"GOMAXPROCS": "4"}),
    _is("four requests share a lookup that ends in silence", "q-silent-silent", TIMEOUT,
        "dns.timeout", requires=("m00", "m01", "m02", "m03"), env={"GOMAXPROCS": "4"},
        takes_s=WORST_S),
    *(_searched(*row) for row in SEARCHED),
    _searched("silent-silent", ("s-nx.test",), TIMEOUT, "dns.timeout", takes_s=WORST_S),
    _searched("nx-nx", ("s-silent.test",), TIMEOUT + "|" + NO_HOST, "dns.timeout|dns.nxdomain",
              takes_s=WORST_S),
    _searched("ok-ok", ("s-nx.test", "s-nx.test2", "s-nx.test3"), "", "", exit_code=0,
              party="nobody", endpoint="", host=""),
    _searched("dead-dead", ("s-nx.test",), "connection refused", "tcp.refused",
              party="module proxy"),
    *(
        _searched("nx-nx", (f"s-{word}.test",), says, cls, host="goproxy.elsewhere.test",
                  name=f"a search domain with an address for every name: {name}",
                  goproxy=f"{scheme}://goproxy.elsewhere.test/any={status}", **more)
        for name, word, scheme, status, says, cls, more in (
            ("another's certificate", "ok", "https", 500, "certificate is valid for",
             "tls.hostname", {"words": SEARCHED_FOR}),
            ("nobody listens there", "dead", "https", 500, "connection refused", "tcp.refused",
             {"words": SEARCHED_FOR, "party": "module proxy"}),
            ("another answers 500", "ok", "http", 500, "500 Internal", "http.5xx",
             {"words": SEARCHED_FOR, "party": "module proxy"}),
            ("another answers 404", "ok", "http", 404, "404 Not Found", "",
             {"reasons": (SEARCHED_FOR,), "section": "not found", "party": "nobody"}),
        )
    ),
    _searched("nx-nx", ("s-servfail.test",), MISBEHAVING + "|" + NO_HOST,
              "dns.servfail|dns.nxdomain", name="nx-nx, search s-servfail.test, ndots:1",
              resolver=(*SICK, "search s-servfail.test")),
    _searched("servfail-servfail", ("s-nx.test",), MISBEHAVING + "|" + NO_HOST, "dns.servfail",
              name="servfail-servfail, search s-nx.test, ndots:1",
              resolver=(*SICK, "search s-nx.test")),
    _searched("none-none", ("s-nx.test",), NO_HOST, "dns.nodata|dns.nxdomain",
              name="none-none, search s-nx.test, ndots:1", resolver=(*SICK, "search s-nx.test")),
    _searched("servfail-servfail", ("lab.test",), MISBEHAVING, "dns.servfail",
              name="a single label, servfail", goproxy="https://q-servfail-servfail",
              host="q-servfail-servfail", resolver=(*SICK, "search lab.test")),
    _searched("nx-nx", ("lab.test",), NO_HOST, "dns.nxdomain", name="a single label, nx",
              goproxy="https://goproxy", host="goproxy", resolver=(*SICK, "search lab.test")),
    _searched("dead-dead", ("s-nx.test",), "connection refused", "tcp.refused",
              name="a single label found by the search list", goproxy="https://q-dead-dead",
              host="q-dead-dead", resolver=(*SICK, "search lab.test"), party="module proxy"),
    _is("a name that ends in a dot, servfail", "q-servfail-servfail", MISBEHAVING, "dns.servfail",
        (*SICK, "search s-nx.test", "options ndots:5"), host="q-servfail-servfail.lab.test.",
        goproxy="https://q-servfail-servfail.lab.test.", judgement=True),
    _is("rotate, silent and servfail", "q-servfail-servfail", MISBEHAVING + "|" + TIMEOUT,
        "dns.servfail|dns.timeout", (*DEAD_DNS, *SICK, "options rotate"), takes_s=5),
    _is("single-request, servfail", "q-servfail-servfail", MISBEHAVING, "dns.servfail",
        (*SICK, "options single-request")),
    _is("blocked with 0.0.0.0", "q-zero-zero", "connection refused", "tcp.refused",
        words="0\\.0\\.0\\.0|::|127", judgement=True, party="resolver"),
    _is("blocked with 127.0.0.1", "q-self-self", "connection refused", "tcp.refused",
        words="127|::1", judgement=True, party="resolver"),
    _is("nsswitch.conf without dns", "as", NO_HOST, "dns.nxdomain|local.config",
        ("10.44.53.1",), party="configuration", judgement=True,
        before=("unshare", "-m", "sh", "-ec", "echo hosts: files > ../nss; "
                'mount --bind ../nss /etc/nsswitch.conf; exec "$@"', "sh")),
    _is("a hosts file that points nowhere", "elsewhere", "connection refused", "tcp.refused",
        party="module proxy", hosts_file="10.44.2.250 elsewhere.lab.test\n"),
    _is("a name with a bad character", "ok", "no such host|invalid", "dns.nxdomain|local.config",
        goproxy="https://under_score..lab.test", host="under_score..lab.test",
        party="configuration",
        judgement=True),
)  # fmt: skip
