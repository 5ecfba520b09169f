"""The command that shows a failure, safe to paste whatever the network sent."""

import contextlib
import dataclasses
import shlex
import shutil
import socket
import ssl
import subprocess
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import stories
from conftest import IN_CI, needs
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.records.failures import CLASSES
from modpulse.agent.waterfall.reproduce import command, request_url

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
        ("tcp.mtu", {}, "ping -c 3 -s 56 10.0.0.7 && ping -c 3 -M do -s 1472 10.0.0.7"),
        (
            "tcp.mtu",
            {"connection": VIA},
            "ping -c 3 -s 56 http-proxy.corp && ping -c 3 -M do -s 1472 http-proxy.corp",
        ),
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


def test_the_url_that_was_asked_decides():
    """What was asked for is known better than what the protocol would ask for."""
    lookup = "https://sums.corp:8443/db/lookup/m@v1.0.0"
    page = "https://corp.example/x"

    assert request_url(asked("sumdb", proxy="sumdb:sum.corp", url=lookup), "sum.corp") == lookup
    assert request_url(asked("go-get", proxy="direct", url=page)) == page + "?go-get=1"


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
    shell = shell.removesuffix(" | head -c 2000")
    plain = shlex.split(shell)

    assert (found or "").isprintable()
    assert plain[0] == "printf"
    shapes = {
        "dns": range(2, 9),
        "tls": range(5, 20),
        "checksum": range(6, 10),
        "local": range(1),
        "tcp.mtu": range(16, 19),
    }
    assert len(plain) - 2 in shapes.get(cls, shapes.get(cls.partition(".")[0], range(3, 9)))


@pytest.mark.parametrize(
    ("cls", "endpoint", "shown"),
    [
        ("auth.403", "mod", "cat '/a b/example.com/m/@v/v1.0.0.mod'"),
        ("http.protocol", "zip", "unzip -tq '/a b/example.com/m/@v/v1.0.0.zip'"),
        ("http.body", "sumdb", None),
    ],
)
def test_a_folder_is_looked_at(cls, endpoint, shown):
    """A proxy that is a folder has no URL to ask: its file is looked at."""
    request = asked(endpoint, "file:///a%20b", "example.com/m")
    assert command(failed(cls, None), request) == shown


def test_options_cannot_be_smuggled_in():
    """A name that begins with a dash stays a name."""
    assert command(failed("dns.nxdomain", "-f/etc/passwd")) == "dig -q -f/etc/passwd"
    found = command(failed("checksum.gosum"), asked(module="-modfile=x", version="v1"))
    assert found == "go mod download -- -modfile=x@v1 && go mod verify"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"rcode": "NOERROR", "addresses": ()}, "dig @10.0.0.53 goproxy.corp"),
        ({"rcode": "NOERROR", "addresses": (), "qtype": "AAAA"},
         "dig @10.0.0.53 goproxy.corp AAAA"),
        ({"rcode": None, "transport": "tcp"}, "dig @10.0.0.53 goproxy.corp +tcp"),
        ({"name": "goproxy.corp.search.corp"}, "dig @10.0.0.53 goproxy.corp"),
    ],
)  # fmt: skip
def test_the_question_that_was_asked(query, expected):
    """The server that was asked, also where its answer has no error, and as it was asked."""
    lookup = stories.query_of(LOOKUP, **query)

    assert command(failed("dns.nodata"), asked(), lookup=lookup) == expected


def test_the_name_itself_before_a_search_domain():
    """What the search list had asked in between decides nothing."""
    (own,) = LOOKUP.queries
    searched = dataclasses.replace(own, name="goproxy.corp.a", server="10.0.0.1:53", rcode=None)
    lookup = dataclasses.replace(LOOKUP, queries=(searched, own))

    assert command(failed("dns.nxdomain"), asked(), lookup=lookup) == "dig @10.0.0.53 goproxy.corp"


class Page(BaseHTTPRequestHandler):
    """A login page for whatever is asked."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>Please log in</html>\n")

    def log_message(self, *_):
        pass


@pytest.mark.parametrize(
    ("endpoint", "version", "shown"),
    [
        ("list", None, "Please log in"), ("info", "v1.0.0", "Please log in"),
        ("mod", "v1.0.0", "Please log in"), ("zip", "v1.0.0", "End-of-central-directory"),
        ("toolchain", "v0.0.1-go1.99.1.linux-amd64", "End-of-central-directory"),
    ],
)  # fmt: skip
def test_content_is_shown(endpoint, version, shown, tmp_path):
    """Where the body is the fault, the command does not throw it away."""
    needs(all(map(shutil.which, ("curl", "unzip"))), "curl and unzip")
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        text = command(failed("http.content"), asked(endpoint, url, "m", version))
        environ = {"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path)}
        done = subprocess.run(
            ["sh", "-c", text], env=environ, capture_output=True, text=True, check=False
        )
        server.shutdown()

    assert shown in done.stdout + done.stderr
    assert endpoint in ("list", "info", "mod") or done.returncode != 0


def test_an_alert_is_shown(tmp_path):
    """A key that go cannot use: the command ends with the alert, and with no "ok"."""
    needs(shutil.which("openssl") is not None, "openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = ["openssl", "ecparam", "-name", "secp224r1", "-genkey", "-noout", "-out", key]
    subprocess.run(make, check=True)
    sign = ["openssl", "req", "-x509", "-new", "-key", key, "-out", certificate, "-subj", "/CN=x"]
    subprocess.run(sign, check=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                context.wrap_socket(connection, server_side=True)

        threading.Thread(target=serve, daemon=True).start()
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        text = command(failed("tls.alert", "localhost", address), asked())
        done = subprocess.run(
            ["sh", "-c", text], capture_output=True, text=True, check=False, timeout=10
        )

    assert done.returncode != 0
    assert "alert handshake failure" in done.stderr
    assert "ok" not in (done.stdout + done.stderr).lower().split()


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
