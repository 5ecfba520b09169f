"""When a miss is suspect: what was served before, and what took a proxy unusually long."""

from modpulse.agent.records import Failure, Request
from modpulse.agent.suspects import MAX_PROXIES, MAX_SERVED, Suspects

MS = 1_000_000
CORP = "https://goproxy.corp"


def asked(
    status: int = 404,
    processing_ns: int | None = 5 * MS,
    *,
    proxy: str = CORP,
    module: str = "example.com/m",
    endpoint: str = "info",
    wait_ns: int = MS,
    failure: Failure | None = None,
) -> Request:
    """An answered request."""
    return Request(
        id="1-1-1",
        pid=1,
        proxy=proxy,
        host="goproxy.corp",
        endpoint=endpoint,  # type: ignore[arg-type]
        module=module,
        version="v1.0.0",
        at_ns=0,
        connect_wait_ns=wait_ns,
        processing_ns=processing_ns,
        status=status,
        failure=failure,
    )


def test_first_miss_is_ordinary() -> None:
    """A quick 404 or 410 for what was never served is the protocol's normal answer."""
    suspects = Suspects()

    assert [suspects.judge(asked(status)) for status in (404, 410)] == [False, False]


def test_served_before() -> None:
    """A quick miss is suspect at the proxy that served this very thing, and only there."""
    suspects = Suspects()
    suspects.judge(asked(200))

    assert suspects.judge(asked(404))
    assert suspects.judge(asked(410))
    assert not suspects.judge(asked(404, proxy="https://other.example"))
    assert not suspects.judge(asked(404, endpoint="zip"))


def test_failed_answers_are_not_served() -> None:
    """A 200 whose content was refused proves nothing."""
    suspects = Suspects()
    broken = Failure("http.body", "https", "goproxy.corp broke off in the middle of the body")
    suspects.judge(asked(200, failure=broken))

    assert not suspects.judge(asked(404))


def test_seconds_of_work() -> None:
    """More than two seconds of work are suspect whatever is known of the proxy."""
    suspects = Suspects()

    assert suspects.judge(asked(processing_ns=2_000 * MS + 1))
    assert not suspects.judge(asked(processing_ns=2_000 * MS))
    assert not suspects.judge(asked(processing_ns=None))


def test_slow_way_to_the_proxy() -> None:
    """Seconds of resolving and connecting are no sign of the proxy's upstream."""
    suspects = Suspects()

    assert not suspects.judge(asked(wait_ns=10_000 * MS))


def test_far_beyond_the_usual() -> None:
    """Once eight misses are known, ten times their median is suspect, from half a second on."""
    quick, slower = Suspects(), Suspects()
    for _ in range(8):
        quick.judge(asked(processing_ns=5 * MS))
        slower.judge(asked(processing_ns=100 * MS))

    assert quick.judge(asked(processing_ns=501 * MS))
    assert not quick.judge(asked(processing_ns=500 * MS))
    assert not slower.judge(asked(processing_ns=999 * MS))
    assert slower.judge(asked(processing_ns=1_001 * MS))


def test_what_is_served_often_is_remembered() -> None:
    """Memory is bounded: what was served longest ago is forgotten first."""
    suspects = Suspects()
    suspects.judge(asked(200, module="often"))
    suspects.judge(asked(200, module="once"))
    for number in range(MAX_SERVED - 2):
        suspects.judge(asked(200, module=f"m{number}"))
    suspects.judge(asked(200, module="often"))
    suspects.judge(asked(200, module="one more"))

    assert suspects.judge(asked(404, module="often"))
    assert not suspects.judge(asked(404, module="once"))


def test_proxies_are_bounded() -> None:
    """Of more than MAX_PROXIES proxies the first one's usual misses are forgotten."""
    suspects = Suspects()
    for _ in range(8):
        suspects.judge(asked())
    for number in range(MAX_PROXIES):
        suspects.judge(asked(proxy=f"https://p{number}.example"))

    assert not suspects.judge(asked(processing_ns=1_000 * MS))
