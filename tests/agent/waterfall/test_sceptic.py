"""The command that shows a failure, safe to paste whatever the network sent."""

import shlex
import shutil
import subprocess
import zipfile

import pytest
import stories
from conftest import IN_CI
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.failures import CLASSES
from modpulse.agent.waterfall.sceptic import command, request_url

CORP = stories.CORP
ADDRESS = "10.0.0.7:443"


def asked(endpoint="mod", proxy=CORP, module="m", version: str | None = "v1.0.0", **fields):
    return stories.request(
        1, proxy, endpoint, module, version, 0, (None, None, None), None, **fields
    )


def failed(cls, host="goproxy.corp", address: str | None = ADDRESS):
    return stories.failed(cls, "", host, address)


LOOKUP = stories.lookup("goproxy.corp", 0, 3, "dns.nxdomain")
VIA = stories.connection(1, "goproxy.corp", 0, 1, via="http-proxy.corp:3128")


@pytest.mark.parametrize(
    ("cls", "fields", "expected"),
    [
        ("dns.nxdomain", {"lookup": LOOKUP}, "dig @10.0.0.53 goproxy.corp"),
        ("dns.timeout", {}, "dig goproxy.corp"),
        ("tcp.refused", {}, "curl -v -o /dev/null https://goproxy.corp/m/@v/v1.0.0.mod"),
        (
            "tls.expired",
            {},
            "openssl s_client -connect 10.0.0.7:443 -servername goproxy.corp </dev/null",
        ),
        (
            "tls.hostname",
            {},
            "openssl s_client -connect 10.0.0.7:443 -servername goproxy.corp "
            "-verify_hostname goproxy.corp </dev/null",
        ),
        (
            "tls.expired",
            {"connection": VIA},
            "openssl s_client -connect goproxy.corp:443 -proxy http-proxy.corp:3128 "
            "-servername goproxy.corp </dev/null",
        ),
        ("http.5xx", {}, "curl -v -o /dev/null https://goproxy.corp/m/@v/v1.0.0.mod"),
        ("checksum.gosum", {}, "go mod download m@v1.0.0 && go mod verify"),
        (
            "auth.401",
            {},
            "curl -v -o /dev/null --netrc-optional https://goproxy.corp/m/@v/v1.0.0.mod",
        ),
        (
            "auth.407",
            {"connection": VIA},
            "curl -v -o /dev/null -x http://http-proxy.corp:3128 "
            "https://goproxy.corp/m/@v/v1.0.0.mod",
        ),
    ],
)
def test_each_root_has_its_command(cls, fields, expected):
    """dig for DNS, openssl for TLS, curl for HTTP and auth, go mod verify for checksums."""
    assert command(failed(cls), asked(), **fields) == expected


def test_a_redirect_is_followed():
    """curl follows where go did."""
    found = command(failed("http.5xx"), asked(redirects=("storage.corp",)))

    assert found == "curl -v -o /dev/null -L https://goproxy.corp/m/@v/v1.0.0.mod"


def test_addresses_are_verified_as_addresses():
    """A server that was dialled by address has no name to send."""
    found = command(failed("tls.hostname", "2001:db8::7", "[2001:db8::7]:443"), asked())

    assert found == (
        "openssl s_client -connect '[2001:db8::7]:443' -verify_ip 2001:db8::7 </dev/null"
    )


def test_another_port_of_the_resolver_and_another_type():
    """dig asks the server, port and type that had no answer."""
    lookup = stories.lookup("goproxy.corp", 0, None, "dns.timeout")
    query = stories.query_of(lookup, server="[2001:db8::53]:5353", qtype="AAAA")
    found = command(failed("dns.timeout"), asked(), lookup=query)

    assert found == "dig @2001:db8::53 -p 5353 goproxy.corp AAAA"


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (asked("list", version=None), "https://goproxy.corp/m/@v/list"),
        (asked("latest", version=None), "https://goproxy.corp/m/@latest"),
        (asked("info", module="github.com/Azure/x"), "https://goproxy.corp/github.com/!azure/x/@v/v1.0.0.info"),
        (asked("zip"), "https://goproxy.corp/m/@v/v1.0.0.zip"),
        (asked("toolchain", module="golang.org/toolchain", version="v0.0.1-go1.27.3.linux-amd64"),
         "https://goproxy.corp/golang.org/toolchain/@v/v0.0.1-go1.27.3.linux-amd64.zip"),
        (asked("sumdb"), "https://goproxy.corp/sumdb/sum.corp/lookup/m@v1.0.0"),
        (asked("sumdb", proxy="sumdb:sum.corp"), "https://sum.corp/lookup/m@v1.0.0"),
        (asked("go-get", proxy="direct", version=None), "https://m?go-get=1"),
        (asked("list", module=None, version=None), "https://goproxy.corp/"),
        (asked("list", proxy=None, host="h.corp"), "https://h.corp/"),
    ],
)  # fmt: skip
def test_the_url_is_that_of_the_request(request_, expected):
    """The URL is made as `go help goproxy-protocol` says, capitals escaped."""
    assert request_url(request_, "sum.corp") == expected


def test_a_connection_alone():
    """Without a request the address is asked."""
    assert command(failed("tcp.refused")) == "curl -v -o /dev/null https://10.0.0.7:443/"


hostile = st.text(alphabet=st.sampled_from("a.-@+'\"`$();|&<>\\\n\x1b \u202e{}*?~#!"), max_size=20)


@given(st.sampled_from(list(CLASSES)), hostile, hostile, hostile, hostile)
def test_nothing_breaks_out_of_its_quotes(cls, host, module, version, server):
    """For the shell, what came from the network is one word, and never an option of its own."""
    lookup = stories.query_of(LOOKUP, server=server)
    request = asked(proxy=f"https://{host}", module=module, version=version, host=host)
    found = command(failed(cls, host, f"{host}:443"), request, lookup=lookup)
    shell = "printf '%s\\0' " + (found or "").replace(" </dev/null", "").replace(" && ", " AND ")
    plain = shlex.split(shell)

    assert (found or "").isprintable()
    assert plain[0] == "printf"
    shapes = {
        "dns": range(2, 8),
        "tls": range(5, 13),
        "checksum": range(6, 10),
    }.get(cls.partition(".")[0], range(5, 9))
    assert len(plain) - 2 in shapes


def test_options_cannot_be_smuggled_in():
    """A name that begins with a dash stays a name."""
    assert command(failed("dns.nxdomain", "-f/etc/passwd")) == "dig -q -f/etc/passwd"
    found = command(failed("checksum.gosum"), asked(module="-modfile=x", version="v1"))
    assert found == "go mod download -- -modfile=x@v1 && go mod verify"


@pytest.mark.skipif(not (shutil.which("go") or IN_CI), reason="needs a go command")
def test_the_checksum_command_shows_it(tmp_path):
    """`go mod verify` alone finds nothing, for go threw the module away; our command fails."""
    proxy = tmp_path / "proxy" / "example.com" / "m" / "@v"
    proxy.mkdir(parents=True)
    (proxy / "list").write_text("v1.0.0\n")
    (proxy / "v1.0.0.info").write_text('{"Version":"v1.0.0"}')
    (proxy / "v1.0.0.mod").write_text("module example.com/m\n")
    with zipfile.ZipFile(proxy / "v1.0.0.zip", "w") as archive:
        archive.writestr("example.com/m@v1.0.0/go.mod", "module example.com/m\n")
    (tmp_path / "go.mod").write_text("module x\n\ngo 1.19\n\nrequire example.com/m v1.0.0\n")
    (tmp_path / "go.sum").write_text(f"example.com/m v1.0.0 h1:{'A' * 43}=\n")
    environ = {
        "PATH": f"{shutil.which('go').rpartition('/')[0]}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "GOPROXY": f"file://{tmp_path}/proxy",
        "GONOSUMDB": "*",
        "GOFLAGS": "-modcacherw",
        "GOTOOLCHAIN": "local",
    }
    text = command(failed("checksum.gosum"), asked(module="example.com/m"))
    done = subprocess.run(
        ["sh", "-c", text], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )

    assert done.returncode != 0
    assert "SECURITY ERROR" in done.stderr
