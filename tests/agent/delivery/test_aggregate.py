"""Rules of aggregation: what a window of records becomes in a batch."""

import dataclasses
import hashlib

import pytest
import stories
from hypothesis import given, settings
from hypothesis import strategies as st
from stories import MS, at
from windowed import (
    CN,
    CORP,
    OFFSET,
    TEXT,
    YAML,
    as_batch,
    certificate,
    failing,
    fed,
    hanging,
    of_ms,
    only,
    request,
    sketched,
    wall,
    windows,
)

from modpulse.agent.batch.batch import (
    MAX_ADDRESSES,
    MAX_ASKED,
    MAX_EXEMPLARS,
    MAX_OUTCOMES,
    MAX_PROXIES,
    Asked,
    Exemplar,
    Happening,
    Outcomes,
    decode,
    encode,
)
from modpulse.agent.batch.sketch import Sketch
from modpulse.agent.delivery import aggregate
from modpulse.agent.records import records
from modpulse.agent.records.fetched import Fetched
from modpulse.agent.records.records import Certificate, Request
from modpulse.agent.service.foreign import said
from modpulse.agent.waterfall.tally import tally


def test_nothing_seen_is_an_empty_window():
    """An idle window has no proxies, and still makes a batch."""
    idle = as_batch(fed())

    assert idle.proxies == ()
    assert idle == decode(encode(idle))


def test_outcomes_are_counted_apart():
    """Answers, misses, suspect misses and failures; `requests` is their sum."""
    window = only(
        request(1), request(2), request(3, status=404), request(4, status=410),
        request(5, status=404, suspect=True), failing(6), failing(7), failing(8, "dns.timeout"),
    )  # fmt: skip

    assert window.requests == 8
    assert window.ok == 2
    assert window.misses == 2
    assert window.suspect_misses == 1
    assert window.failures == {"tcp.refused": 2, "dns.timeout": 1}
    assert window.statuses == {200: 2, 404: 2, 410: 1}


def test_each_proxy_has_its_own_numbers():
    """In the order of their names."""
    parts = fed(request(1), request(2, CN), request(3, CN, status=404)).flush(OFFSET)

    assert [(window.proxy, window.requests) for window in parts.proxies] == [(CN, 2), (CORP, 1)]


def test_what_is_cancelled_is_neither():
    """A request whose process ended first is in no number but its own."""
    window = only(request(1), failing(2, final="cancelled"), request(3, final="cancelled"))

    assert window.cancelled == 2
    assert window.requests == 1
    assert window.failures == {}
    assert len(window.asked) == len(window.happenings) == len(window.exemplars) == 1


@pytest.mark.parametrize(
    "failure",
    [
        stories.failed("auth.407", "no password", "proxy.corp:3128", against="http_proxy"),
        stories.failed("tcp.refused", "refused", "proxy.corp:3128", against="http_proxy"),
        stories.failed("dns.nxdomain", "does not exist", "proxy.corp", against="http_proxy"),
        stories.failed("local.disk", "is full", "goproxy.corp"),
        stories.failed("local.config", "is off", "goproxy.corp", against="configuration"),
    ],
)
def test_what_fails_on_the_way_is_not_the_proxys(failure):
    """A failure at the HTTP proxy in between, or of the machine that asks, is counted apart, and
    nowhere else."""
    window = only(request(1), failing(2, failure=failure, final="fell_through"))

    apart = [window.via_failures, window.local_failures]
    assert apart == ([{}, {failure.cls: 1}] if failure.is_local else [{failure.cls: 1}, {}])
    assert window.requests == 1
    assert window.failures == {}
    assert window.fallbacks == 0
    assert len(window.asked) == 1


def test_a_request_that_hung_counts_once():
    """Its first report counts, whatever becomes of it, also in a later window."""
    aggregator = fed(hanging(1))
    aggregator.add(request(1), at(40_000))
    first = aggregator.flush(OFFSET)
    aggregator.add(request(1), at(50_000))
    aggregator.add(failing(1), at(50_000))
    second = aggregator.flush(OFFSET)

    assert first.proxies[0].requests == 1
    assert first.proxies[0].failures == {"http.stalled": 1}
    assert second.proxies == ()


def test_a_request_that_hung_may_still_fall_through():
    """What it cost is added when that is known, though the request is not counted again."""
    aggregator = fed(hanging(1))
    aggregator.flush(OFFSET)
    aggregator.add(failing(1, final="fell_through"), at(40_000))
    aggregator.add(failing(1, final="fell_through"), at(41_000))
    (window,) = aggregator.flush(OFFSET).proxies

    assert window.requests == 0
    assert window.fallbacks == 1
    assert window.fallback_ns == 39_990 * MS


def test_what_is_remembered_of_requests_is_bounded(monkeypatch):
    """The oldest are forgotten: only a report that comes that late would count again."""
    monkeypatch.setattr(aggregate, "MAX_IDS", 2)
    aggregator = fed(hanging(1), hanging(2), hanging(3))
    aggregator.flush(OFFSET)
    for number in (3, 2, 1):
        aggregator.add(request(number), at(40_000))

    assert aggregator.flush(OFFSET).proxies[0].requests == 1


def test_what_is_pending_waits():
    """A request of which nothing is known yet counts when something is."""
    aggregator = fed(request(1, status=None, times=(None, None, None), final=None))
    first = aggregator.flush(OFFSET)
    aggregator.add(request(1), at(2000))

    assert first.proxies == ()
    assert aggregator.flush(OFFSET).proxies[0].requests == 1


def test_fallbacks_and_their_time():
    """A failure without an answer cost its time until it was known; a miss is a normal answer."""
    window = only(
        request(1, status=404, final="fell_through"),
        failing(2, final="fell_through"),
        request(4, status=404, suspect=True, final="fell_through"),
        request(3),
        now_ms=520,
    )

    assert window.fallbacks == 2
    assert window.fallback_ns == (6 + 500) * MS


def summed(rows: tuple[Outcomes, ...]) -> dict[str, tuple[int, int, int, dict[str, int]]]:
    """Outcomes by name, without times."""
    return {row.name: (row.ok, row.misses, row.suspect_misses, dict(row.failures)) for row in rows}


def test_what_requests_have_in_common():
    """Outcomes by endpoint, address and resolver; a request that has none of the latter two is in
    none of their rows."""
    window = only(
        request(1, endpoint="zip", address="10.0.0.7", resolver="10.0.0.53"),
        request(2, status=404, address="10.0.0.7"),
        request(3, status=404, suspect=True, address="10.0.0.8"),
        failing(4, address="10.0.0.8", resolver="10.0.0.54"),
        failing(5, "dns.timeout", resolver="10.0.0.54"),
        request(6, endpoint=None, module=None),
        request(7, address="10.9.9.9", redirects=("storage.test",)),
    )

    assert summed(window.by_endpoint) == {
        "info": (1, 1, 1, {"tcp.refused": 1, "dns.timeout": 1}),
        "other": (1, 0, 0, {}),
        "zip": (1, 0, 0, {}),
    }
    assert summed(window.by_address) == {
        "10.0.0.7": (1, 1, 0, {}),
        "10.0.0.8": (0, 0, 1, {"tcp.refused": 1}),
    }
    assert summed(window.by_resolver) == {
        "10.0.0.53": (1, 0, 0, {}),
        "10.0.0.54": (0, 0, 0, {"tcp.refused": 1, "dns.timeout": 1}),
    }


def test_times_of_what_requests_have_in_common():
    """By endpoint and address times to first byte of answers with 200, by resolver those of
    lookups that it answered."""
    window = only(
        request(1, endpoint="zip", times=(3, 4, 9), address="10.0.0.7"),
        request(2, status=404, times=(5, 6, 1), address="10.0.0.7"),
        request(3, times=(1, 1, 1), address="10.0.0.7"),
        stories.lookup("goproxy.corp", 1, 4),
        stories.lookup("goproxy.corp", 6, 2, "dns.servfail"),
    )
    times = {
        row.name: Sketch.from_bytes(row.sketch)
        for row in (*window.by_endpoint, *window.by_address, *window.by_resolver)
    }

    assert times == {
        "info": of_ms(2), "zip": of_ms(7), "10.0.0.7": of_ms(2, 7), "10.0.0.53:53": of_ms(4)
    }  # fmt: skip


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ok", "miss", "suspect", "failed"]),
            st.none() | st.integers(0, 40),
            st.none() | st.integers(0, 40),
        ),
        max_size=60,
    )
)
def test_sums_of_what_requests_have_in_common(made):
    """However many addresses and resolvers there are, each request is in one row of them."""
    records_of = {
        "ok": request, "failed": failing,
        "miss": lambda n, **fields: request(n, status=404, **fields),
        "suspect": lambda n, **fields: request(n, status=404, suspect=True, **fields),
    }  # fmt: skip
    asked = [
        records_of[outcome](
            number,
            address=None if address is None else f"10.0.0.{address}",
            resolver=None if resolver is None else f"10.1.0.{resolver}",
        )
        for number, (outcome, address, resolver) in enumerate(made)
    ]
    for window in windows(*asked).values():

        def total(rows):
            return sum(r.ok + r.misses + r.suspect_misses + sum(r.failures.values()) for r in rows)

        assert total(window.by_endpoint) == window.requests == len(made)
        assert total(window.by_address) == sum(address is not None for _, address, _ in made)
        assert total(window.by_resolver) == sum(resolver is not None for *_, resolver in made)
        assert len(window.by_address) <= MAX_ADDRESSES
        assert len(window.by_resolver) <= MAX_ADDRESSES


def test_time_of_failures():
    """Of those that no other entry was asked after, when they are over; each once."""
    aggregator = fed(hanging(1), failing(2, final="fell_through"), failing(3), now_ms=1030)
    first = aggregator.flush(OFFSET).proxies[0]
    for _ in range(2):
        aggregator.add(failing(1, "http.stalled"), at(40_010))
    second = aggregator.flush(OFFSET).proxies[0]

    assert first.failed_ns == 1000 * MS
    assert (second.failed_ns, second.requests) == (40_000 * MS, 0)


def test_endpoints_bytes_and_modules():
    """Requests by endpoint, announced bytes added up, each module once."""
    window = only(
        request(1, endpoint="zip", body_bytes=100),
        request(2, endpoint="zip", body_bytes=23, module=YAML),
        request(3, endpoint=None, module=None, version=None),
    )

    assert window.endpoints == {"zip": 2, "other": 1}
    assert window.body_bytes == 123
    assert window.modules == 2


def test_first_bytes_are_of_small_answers_only():
    """list, latest, info and mod with status 200: a zip's time is its size, a miss may be cheap."""
    window = only(
        *(request(n, endpoint=e, times=(n, 1, 1))
          for n, e in enumerate(["list", "latest", "info", "mod", "zip", "sumdb", "go-get"])),
        request(8, status=404, times=(50, 1, 1)),
        request(9, times=(None, 1, 1)),
    )  # fmt: skip

    assert of_ms(1, 2, 3, 4) == sketched(window)["first_byte_small"]


def test_phases_of_requests_are_of_those_that_did_not_fail():
    """A fast 500 is no good latency; a miss is an answer."""
    window = only(
        request(1, times=(1, 2, 3)),
        request(2, times=(1, 5, None), status=404),
        failing(3, "http.5xx", status=500, times=(1, 7, 9)),
    )

    assert {"processing": of_ms(2, 5), "transfer": of_ms(3)} == {
        phase: sketch for phase, sketch in sketched(window).items() if phase != "first_byte_small"
    }


def test_certificates_that_are_bad_are_counted():
    """Of the handshakes that finished; one that was given up says nothing."""
    window = only(
        request(1),
        *(stories.handshake(n, "goproxy.corp", 7, 9, outcome) for n, outcome in enumerate(
            ["ok", "tls.expired", "tls.untrusted", "tls.expired", "tls.timeout", "cancelled", None]
        )),
    )  # fmt: skip

    assert window.handshakes == 5
    assert window.bad_certificates == {"tls.expired": 2, "tls.untrusted": 1}
    assert sketched(window)["tls"].count == 1


def test_the_certificate_that_expires_first_is_shown():
    """Behind one name there may be several servers."""
    window = only(
        request(1),
        stories.handshake(1, "goproxy.corp", 7, 9, certificate=certificate(1_900_000_000)),
        stories.handshake(2, "goproxy.corp", 7, 9, certificate=certificate(1_800_000_000)),
        stories.handshake(3, "goproxy.corp", 7, 9),
    )

    assert window.certificate is not None
    assert window.certificate.not_after_s == 1_800_000_000


def test_exemplars_are_the_worst_first():
    """Failures, then what took longest; with its times, and a failure in words."""
    seen = [request(n, times=(n, 1, 1), endpoint="mod") for n in range(1, 9)]
    window = only(*seen, failing(9), now_ms=100)

    assert len(window.exemplars) == MAX_EXEMPLARS
    assert window.exemplars[0] == Exemplar(
        at_ns=wall(90), endpoint="info", module=TEXT, version="v0.14.0", outcome="tcp.refused",
        final="stopped", status=None, elapsed_ns=10 * MS, phases={}, evidence="tcp.refused it was",
        host="goproxy.corp", address="10.0.0.7:443",
    )  # fmt: skip
    assert [one.phases["wait"] // MS for one in window.exemplars[1:]] == [8, 7, 6, 5]
    assert window.exemplars[1].phases == {"wait": 8 * MS, "processing": MS, "transfer": MS}


def test_happenings_are_the_latest_outcomes():
    """On the wall clock, oldest first, in the order in which they ended."""
    window = only(request(2), failing(3), request(1, status=404), now_ms=100)

    assert window.happenings == (
        Happening(at_ns=wall(16), outcome="miss"),
        Happening(at_ns=wall(26), outcome="ok"),
        Happening(at_ns=wall(100), outcome="tcp.refused"),
    )


def test_happenings_are_bounded():
    """The newest stay."""
    window = only(*(request(n) for n in range(MAX_OUTCOMES + 5)))

    assert len(window.happenings) == MAX_OUTCOMES
    assert window.happenings[-1].at_ns == wall(10 * (MAX_OUTCOMES + 4) + 6)


def test_what_was_asked_for_is_listed():
    """So that what was served before is known, and content can be compared."""
    window = only(request(1, endpoint="zip", body_bytes=7), request(2, status=404, version=None))

    assert window.asked == (
        Asked(module=TEXT, version="v0.14.0", endpoint="zip", outcome="ok", body_bytes=7, h1=None),
        Asked(module=TEXT, version=None, endpoint="info", outcome="miss", body_bytes=None, h1=None),
    )


def test_what_was_asked_for_is_bounded():
    """Over all proxies; what does not fit is counted, and the next window begins anew."""
    aggregator = fed(
        *(request(n) for n in range(600)), *(request(n, CN) for n in range(600, MAX_ASKED + 9))
    )
    by_proxy = {window.proxy: window for window in aggregator.flush(OFFSET).proxies}
    aggregator.add(request(5000), at(0))

    assert [len(by_proxy[proxy].asked) for proxy in (CORP, CN)] == [600, 400]
    assert by_proxy[CN].asked_dropped == 9
    assert len(aggregator.flush(OFFSET).proxies[0].asked) == 1


def test_proxies_are_bounded():
    """What belongs to a proxy too many is counted as dropped."""
    aggregator = fed(*(request(n, f"https://p{n:03}.example") for n in range(MAX_PROXIES + 3)))
    parts = aggregator.flush(OFFSET)

    assert len(parts.proxies) == MAX_PROXIES
    assert parts.proxies_dropped == 3
    assert aggregator.flush(OFFSET).proxies_dropped == 0


def test_requests_side_by_side_are_in_flight():
    """The peak is of the requests that the window reports."""
    assert only(*(request(n, start=n, times=(0, 4, 0)) for n in range(9))).peak_in_flight == 4


def test_what_was_fetched_before_is_told_apart(monkeypatch):
    """The same of the same proxy is first until it was answered, in later windows too, as long as
    it is remembered."""
    monkeypatch.setattr(aggregate, "MAX_FETCHED", 2)
    aggregator = fed()

    def told(*made):
        for one in made:
            aggregator.add(one, at(1000))
        (part,) = aggregator.flush(OFFSET).proxies
        counts = {row.name: row.ok + sum(row.failures.values()) for row in part.by_circumstance}
        return counts.get("fetch_first"), counts.get("fetch_again")

    assert told(failing(1, "http.5xx", status=500), request(2), request(3)) == (2, 1)
    assert told(request(4), request(5, version="v2"), request(6, endpoint="zip")) == (2, 1)
    assert told(request(7), request(8, endpoint="zip")) == (1, 1)
    assert told(request(9, module=None)) == (None, None)


def test_names_can_be_hashed():
    """The same module is the same hash, and nothing that could tell its name stays."""
    secret = "secret.corp/payments"
    seen = [
        request(1, module=secret),
        request(2, module=secret, status=404),
        failing(3, "checksum.gosum", module=secret, failure=stories.failed(
            "checksum.gosum", f"{secret}@v1.0.0: checksum mismatch", "goproxy.corp")),
    ]  # fmt: skip
    window = only(*seen, name_key=b"key")
    names = {asked.module for asked in window.asked} | {one.module for one in window.exemplars}
    (name,) = names

    assert window.modules == 1
    assert name is not None
    assert len(name) == 32
    assert b"secret" not in encode(as_batch(fed(*seen, name_key=b"key")))
    assert name != only(*seen, name_key=b"other").asked[0].module


def test_nothing_of_a_command_line_gets_into_a_batch():
    """Of a process only its end is taken."""
    process = stories.process(argv=("go", "get", "--token=hunter2"), job={"CI": "hunter2"})

    assert b"hunter2" not in encode(as_batch(fed(request(1), process)))


def test_a_window_filled_to_its_bounds_fits():
    """Names as long as they may be, in every place there is: still a batch."""
    name = "é" * 2000
    seen = [
        failing(
            n * 100 + m, proxy=f"https://{n}.{name}", module=f"{m}{name}", version=name,
            failure=stories.failed("http.5xx", name, "goproxy.corp", name), host="goproxy.corp",
        )
        for n in range(MAX_PROXIES)
        for m in range(40)
    ]  # fmt: skip
    seen += [
        stories.handshake(n, "goproxy.corp", 1, 2**n, certificate=certificate(n, name))
        for n in range(40)
    ]
    made = as_batch(fed(*seen))

    assert made == decode(encode(made))


@pytest.mark.parametrize("name", stories.STORIES)
def test_stories_are_counted_as_below_their_waterfall(name):
    """A batch and the lines that `modpulse run` prints agree on requests, misses and failures."""
    document = said(stories.STORIES[name]())
    kinds = (document.lookups, document.connections, document.handshakes, document.requests)
    window = windows(*(record for kind in kinds for record in kind), *document.processes)
    settled = [one for one in document.requests if one.final != "cancelled"]
    lines = {line.proxy: (line.misses, line.failures, line.suspect) for line in tally(settled, {})}
    counted = {
        proxy: (part.misses + part.suspect_misses, part.failed, part.suspect_misses)
        for proxy, part in window.items()
        if part.requests or part.via_failures
    }

    assert counted == lines


HUGE = st.none() | st.integers(-(2**63), 2**63)
HOSTILE = st.builds(
    Request,
    id=st.sampled_from(["1", "2", "3"]),
    pid=st.integers(1, 2),
    proxy=st.none() | st.sampled_from([CORP, "direct", "sumdb:sum.golang.org"]) | st.text(),
    host=st.text(),
    endpoint=st.sampled_from([None, "zip", "info"]),
    module=st.none() | st.text(),
    version=st.none() | st.text(),
    connection=st.none() | st.integers(0, 3),
    at_ns=st.integers(0, 2**60),
    connect_wait_ns=HUGE,
    processing_ns=HUGE,
    transfer_ns=HUGE,
    status=st.none() | st.sampled_from([200, 404, 500]) | st.integers(-(2**31), 2**31),
    body_bytes=HUGE,
    suspect=st.booleans(),
    failure=st.none() | st.builds(
        stories.failed, st.sampled_from(["http.5xx", "auth.407"]), st.text(), st.text(), st.text()
    ),
    final=st.sampled_from([None, "ok", "fell_through", "stopped", "cancelled"]),
)  # fmt: skip


TEXTS, NUMBERS = st.text(), st.integers(-(2**70), 2**70)
MAYBE = st.none() | NUMBERS
COOKIES = st.integers(0, 3)
STEPS = st.one_of(
    st.builds(
        records.Lookup, pid=st.integers(1, 2), host=TEXTS, at_ns=NUMBERS, lookup_ns=MAYBE,
        outcome=st.sampled_from([None, "ok", "dns.nxdomain"]),
        queries=st.lists(
            st.builds(
                records.Query, qtype=TEXTS, server=TEXTS, transport=st.just("udp"), at_ns=NUMBERS,
                min_ttl_s=MAYBE, addresses=st.just(()),
            ), max_size=3,
        ).map(tuple),
    ),
    st.builds(
        records.Connection, cookie=COOKIES, pid=st.integers(1, 2), host=st.none() | TEXTS,
        address=TEXTS, port=st.integers(0, 65535), at_ns=NUMBERS, connect_ns=MAYBE,
        outcome=st.sampled_from([None, "established", "reset", "refused"]),
    ),
    st.builds(
        records.Handshake, connection=COOKIES, pid=st.integers(1, 2), sni=st.none() | TEXTS,
        at_ns=NUMBERS, handshake_ns=MAYBE, verify_ns=MAYBE,
        outcome=st.sampled_from([None, "ok", "tls.expired", "cancelled"]),
        certificate=st.none() | st.builds(
            Certificate, subject=TEXTS, issuer=TEXTS, dns_names=st.just(()), not_before=NUMBERS,
            not_after=NUMBERS, sha256=st.just("0" * 64),
        ),
    ),
)  # fmt: skip


@settings(max_examples=300)
@given(st.lists(HOSTILE | STEPS, max_size=8))
def test_whatever_was_seen_makes_a_batch(seen):
    """Nothing that a server can send makes a window that cannot be written."""
    made = as_batch(fed(*seen))

    assert made == decode(encode(made))


@given(st.lists(HOSTILE, max_size=6), st.integers(0, 6))
def test_windows_add_up(seen, cut):
    """Cutting time into windows neither loses nor doubles a request."""
    aggregator = fed(*seen[:cut])
    parts = [aggregator.flush(OFFSET)]
    for record in seen[cut:]:
        aggregator.add(record, at(1000))
    parts.append(aggregator.flush(OFFSET))
    apart = sum(window.requests for part in parts for window in part.proxies)
    together = sum(window.requests for window in fed(*seen).flush(OFFSET).proxies)

    assert together == apart


def test_every_kind_of_record_is_taken():
    """The aggregator knows what the tracker gives out."""
    kinds = set(records.Record.__args__)

    assert kinds == {
        records.Process,
        records.Program,
        records.Lookup,
        records.Connection,
        records.Handshake,
        Request,
    }


def test_paths_stay_on_the_host():
    """All folders of a GOPROXY are one proxy, and no path of one is in the batch."""
    folders = [f"file:///home/{name}/mirror" for name in ("alice", "bob")]
    records = [
        dataclasses.replace(request(number, proxy, times=(None, None, None)), host="")
        for number, proxy in enumerate(folders)
    ]
    shake = stories.handshake(1, "", 1, 2)

    window = only(*records, dataclasses.replace(shake, sni=None, connection=None))
    assert (window.proxy, window.requests, window.handshakes) == ("file:", 2, 0)
    assert "home" not in repr(window)


def test_sums_of_zips():
    """What a module cache has of the zips of a window goes with them; hashed where names are."""
    zipped = request(1, endpoint="zip", module="mod.test/m", version="v1.0.0")
    rest = (request(2, endpoint="mod"), request(3, endpoint="zip", status=404))
    sent = []
    for key in (None, b"k" * 16):
        fed_ = fed(zipped, *rest, name_key=key)
        fetched = fed_.fetched()
        window = fed_.flush(OFFSET, dict.fromkeys(fetched, "h1:sum")).proxies[0]
        sent.append([asked.h1 for asked in window.asked])
        assert fetched == (Fetched(zipped.pid, "mod.test/m", "v1.0.0"),)
        assert fed_.fetched() == ()

    hashed = hashlib.blake2b(b"h1:sum", key=b"k" * 16, digest_size=16).hexdigest()
    assert sent == [["h1:sum", None, None], [hashed, None, None]]
