"""
Documents that tell a story, for the tests of what people see.

Times are milliseconds after the command began, on a clock that began at `T0`.
"""

import dataclasses

from modpulse.agent.records.document import Document
from modpulse.agent.records.failures import FailureClass, failure
from modpulse.agent.records.records import (
    ChainEntry,
    Connection,
    Failure,
    Handshake,
    Lookup,
    Process,
    Query,
    Request,
)

T0 = 5_000_000_000_000
PID = 4242
MS = 1_000_000


def at(ms: float) -> int:
    return T0 + round(ms * MS)


def ns(ms: float | None) -> int | None:
    return None if ms is None else round(ms * MS)


def process(end: float | None = 1000, exit_code: int | None = 0, **fields) -> Process:
    defaults = {
        "argv": ("go", "mod", "download"),
        "go_version": "go1.26.6",
        "exe": "/usr/local/go/bin/go",
        "goproxy": (
            ChainEntry("https://goproxy.corp", ","),
            ChainEntry("https://goproxy.cn", "|"),
            ChainEntry("direct", None),
        ),
        "gosumdb": "sum.golang.org",
        "armed_at_ns": T0 - MS,
    }
    return Process(
        pid=PID,
        start_at_ns=T0,
        end_at_ns=None if end is None else at(end),
        exit_code=exit_code,
        **(defaults | fields),
    )


def lookup(host: str, start: float, took: float | None, outcome: str | None = "ok") -> Lookup:
    rcode = {"ok": "NOERROR", "dns.nxdomain": "NXDOMAIN", "dns.servfail": "SERVFAIL"}
    query = Query(
        qtype="A",
        server="10.0.0.53:53",
        transport="udp",
        at_ns=at(start),
        answer_ns=ns(took),
        rcode=rcode.get(outcome or ""),
        min_ttl_s=60,
        addresses=("10.0.0.7",) if outcome == "ok" else (),
    )
    return Lookup(
        pid=PID,
        host=host,
        at_ns=at(start),
        lookup_ns=ns(took),
        queries=(query,),
        source="dns",
        outcome=outcome,
    )


def connection(
    cookie: int,
    host: str,
    start: float,
    took: float | None,
    looked_up: float | None = None,
    **fields,
) -> Connection:
    return Connection(
        cookie=cookie,
        pid=PID,
        host=host,
        lookup_at_ns=None if looked_up is None else at(looked_up),
        at_ns=at(start),
        connect_ns=ns(took),
        **({"address": "10.0.0.7", "port": 443, "outcome": "established"} | fields),
    )


def handshake(
    cookie: int, host: str, start: float, took: float | None, outcome: str = "ok", **fields
) -> Handshake:
    return Handshake(
        connection=cookie,
        pid=PID,
        sni=host,
        at_ns=at(start),
        handshake_ns=ns(took),
        outcome=outcome,
        **({"version": "1.3", "alpn": "h2"} | fields),
    )


def request(
    number: int,
    proxy: str | None,
    endpoint: str,
    module: str | None,
    version: str | None,
    start: float,
    times: tuple[float | None, float | None, float | None],
    status: int | None = 200,
    **fields,
) -> Request:
    wait, processing, transfer = times
    index = {"https://goproxy.corp": 0, "https://goproxy.cn": 1, "direct": 2}
    defaults = {
        "host": (proxy or "").removeprefix("https://").removeprefix("sumdb:").partition("/")[0],
        "final": "ok" if status == 200 else "fell_through",
        "chain_index": index.get(proxy),
    }
    return Request(
        id=f"{PID}-{number}",
        pid=PID,
        proxy=proxy,
        endpoint=endpoint,
        module=module,
        version=version,
        at_ns=at(start),
        connect_wait_ns=ns(wait),
        processing_ns=ns(processing),
        transfer_ns=ns(transfer),
        status=status,
        **(defaults | fields),
    )


def failed(
    cls: FailureClass, evidence: str, host: str, address: str | None = None, **fields
) -> Failure:
    return failure(cls, evidence, host, address, **fields)


def document(**fields) -> Document:
    return Document(
        **(
            {
                "command": ("go", "mod", "download"),
                "exit_code": 0,
                "started_at": "2026-11-21T01:44:00.125Z",
                "started_at_ns": T0,
                "processes": (process(),),
            }
            | fields
        )
    )


CORP = "https://goproxy.corp"
CN = "https://goproxy.cn"
TEXT = "golang.org/x/text"
PSEUDO = "v0.0.0-20230426161633-7e06285ff160"


def fall_through() -> Document:
    """404 on the first proxy, then the second; set-up on the requests that paid."""
    return document(
        lookups=(lookup("goproxy.corp", 1, 4), lookup("goproxy.cn", 70, 31)),
        connections=(
            connection(1, "goproxy.corp", 5.2, 2, 1),
            connection(2, "goproxy.cn", 101, 38, 70),
        ),
        handshakes=(
            handshake(1, "goproxy.corp", 7.3, 14, verify_ns=ns(8)),
            handshake(2, "goproxy.cn", 139, 52, verify_ns=ns(0.1)),
        ),
        requests=(
            request(
                1, CORP, "mod", TEXT, "v0.14.0", 0.8, (21, 12, 1), 200, connection=1,
                paid_setup=True,
            ),
            request(2, CORP, "mod", "github.com/acme/builder/v2", PSEUDO, 40, (0.1, 28, 0.4), 404,
                    connection=1, paid_setup=False, reused=True),
            request(3, CN, "mod", "github.com/acme/builder/v2", PSEUDO, 69, (122, 88, 1), 200,
                    connection=2, paid_setup=True),
            request(4, CN, "zip", "github.com/acme/builder/v2", PSEUDO, 285, (0.1, 60, 340), 200,
                    connection=2, paid_setup=False, reused=True, body_bytes=4_200_000),
            request(5, "sumdb:sum.golang.org", "sumdb", TEXT, "v0.14.0", 290, (140, 70, 2), 200,
                    connection=None, paid_setup=None, chain_index=None),
            request(6, CORP, "zip", TEXT, "v0.14.0", 300, (0.1, 20, 80), 200, connection=1,
                    paid_setup=False, reused=True),
        ),
    )  # fmt: skip


def failures() -> Document:
    """One of every root, each with what `go` did next."""
    return document(
        exit_code=1,
        processes=(process(31_500, 1),),
        lookups=(
            lookup("nowhere.corp", 0, 3, "dns.nxdomain"),
            lookup("goproxy.corp", 5, 4),
            lookup("slow.corp", 60, 2),
        ),
        connections=(
            connection(1, "goproxy.corp", 9, 2, 5),
            connection(2, "slow.corp", 62, None, 60, address="10.0.0.9", outcome="timeout"),
        ),
        handshakes=(handshake(1, "goproxy.corp", 11, 15, "tls.expired"),),
        requests=(
            request(1, "https://nowhere.corp", "list", "example.com/a", None, 0, (None, None, None),
                    None, final="fell_through", chain_index=0,
                    failure=failed("dns.nxdomain", "nowhere.corp does not exist, says 10.0.0.53",
                                   "nowhere.corp")),
            request(2, CORP, "list", "example.com/a", None, 4, (None, None, None), None,
                    chain_index=1, connection=1, paid_setup=True, final="fell_through",
                    failure=failed("tls.expired", "certificate of goproxy.corp expired 3 h ago",
                                   "goproxy.corp", "10.0.0.7:443")),
            request(3, "https://slow.corp", "list", "example.com/a", None, 59, (None, None, None),
                    None, chain_index=2, final="fell_through",
                    failure=failed("tcp.timeout", "no answer from 10.0.0.9:443 in 30 s, 5 SYN sent",
                                   "slow.corp", "10.0.0.9:443")),
            request(4, CN, "list", "example.com/a", None, 30_060, (90, 60, 1), 200, chain_index=3),
            request(5, CN, "zip", "example.com/a", "v1.0.0", 30_300, (0.1, 60, 500), 200,
                    final="stopped", chain_index=3,
                    failure=failed("checksum.gosum",
                                   "example.com/a@v1.0.0 is not what go.sum recorded", "goproxy.cn",
                                   "10.0.0.8:443")),
            request(6, CN, "info", "corp.example/secret", "v1.2.3", 30_400, (0.1, 25, 0), 401,
                    final="stopped", chain_index=3,
                    failure=failed("auth.401", "goproxy.cn asks for a login", "goproxy.cn",
                                   "10.0.0.8:443")),
        ),
    )  # fmt: skip


def many(count: int = 300, down: int = 3) -> Document:
    """Hundreds of requests over one connection, a few of them failed."""
    requests = []
    for i in range(count):
        module = f"example.com/team-{i % 7}/module-{i:03}"
        bad = i % (count // down) == 50 if down else False
        took = 4 + (i * 37) % 23 + (180 if i % 60 == 11 else 0)
        requests.append(
            request(
                i, CORP, ("mod", "info", "zip")[i % 3], module, f"v1.{i % 9}.0", 5 + i * 11,
                (0.1, took, 1 + i % 5), 500 if bad else 404 if i % 13 == 0 else 200,
                final="stopped" if bad else "ok",
                failure=failed("http.5xx", "goproxy.corp answered 500", "goproxy.corp",
                               "10.0.0.7:443") if bad else None,
            )
        )  # fmt: skip
    return document(requests=tuple(requests), processes=(process(5 + count * 11),))


def replay() -> Document:
    """A capture: under TLS there are no requests."""
    return document(
        command=(),
        exit_code=None,
        clock="realtime",
        processes=(),
        lookups=(
            lookup("goproxy.corp", 1, 4),
            lookup("goproxy.cn", 70, 31),
            lookup("nowhere.corp", 90, 12, "dns.nxdomain"),
        ),
        connections=(
            connection(1, "goproxy.corp", 5.2, 2, 1, bytes_in=182_000),
            connection(2, "goproxy.cn", 101, 38, 70, bytes_in=5_400, address="2001:db8::7"),
            connection(3, "goproxy.cn", 108, 10, 70, outcome="refused"),
        ),
        handshakes=(
            handshake(1, "goproxy.corp", 7.3, 14),
            handshake(2, "goproxy.cn", 139, 52, "tls.untrusted", version="1.2", alpn="http/1.1"),
        ),
    )


def hanging() -> Document:
    """A stalled answer, cut off by the end of the process; events were lost."""
    return document(
        exit_code=None,
        processes=(process(8_000, None),),
        requests=(
            request(1, CORP, "list", TEXT, None, 1, (20, 5, 1)),
            request(2, CORP, "info", TEXT, "v0.14.0", 30, (0.1, None, None), None,
                    final="cancelled",
                    failure=failed("http.stalled", "goproxy.corp gave no answer for 5 s",
                                   "goproxy.corp", "10.0.0.7:443")),
        ),
        losses={"seen": 120, "submitted": 108, "ring_full": 10, "map_full": 2, "joined": 108},
    )  # fmt: skip


def hostile() -> Document:
    """What a hostile proxy would like a terminal to do."""
    evil = "evil\x1b[2J\x1b]0;owned\x07\u202egpj.exe"
    return document(
        command=("sh", "-c", f"go get {evil}"),
        requests=(
            request(1, f"https://{evil}", "list", f"{evil}; rm -rf ~", f"$(reboot)\r\n{evil}", 1,
                    (20, 5, 1), 500, final="stopped",
                    failure=failed("http.5xx", f"answered 500 {evil}", evil, "10.0.0.7:443")),
            request(2, "https://-oProxyCommand=x", "list", "-flag", "v1", 40, (None, None, None),
                    None, final="stopped",
                    failure=failed("dns.nxdomain", "no\x00such\nhost", "-f/etc/passwd")),
        ),
    )  # fmt: skip


STORIES = {
    "fall-through": fall_through,
    "failures": failures,
    "many": many,
    "replay": replay,
    "hanging": hanging,
    "hostile": hostile,
    "idle": document,
}


def records_of_pid(record, pid: int):
    """The same record of another process."""
    return dataclasses.replace(record, pid=pid)


def query_of(record: Lookup, **fields) -> Lookup:
    """The same lookup with another query, not answered."""
    query = dataclasses.replace(record.queries[0], **({"rcode": None, "answer_ns": None} | fields))
    return dataclasses.replace(record, queries=(query,))
