"""What a proxy cost one command."""

import stories
from hypothesis import given
from hypothesis import strategies as st
from stories import CN, CORP, MS, at

from modpulse.agent.waterfall.tally import quantile, tally


def asked(number, proxy, start, times, status=200, **fields):
    return stories.request(number, proxy, "mod", "m", "v1", start, times, status, **fields)


def test_counts_and_quantiles():
    """Misses are no failures, and time to first byte is taken of every answer."""
    requests = [
        asked(1, CORP, 0, (1, 9, 0)),
        asked(2, CORP, 1, (0, 20, 0), 404),
        asked(3, CORP, 2, (0, 30, 0), 410, suspect=True),
        asked(4, CORP, 3, (0, 40, 0), 500, failure=stories.failed("http.5xx", "", "goproxy.corp")),
    ]
    (line,) = tally(requests, {})

    assert (line.requests, line.misses, line.suspect, line.failures) == (4, 2, 1, 1)
    assert (line.p50_ns, line.p95_ns, line.lost_ns) == (20 * MS, 40 * MS, 0)


def test_proxies_stand_in_the_order_in_which_they_were_asked():
    """The first proxy of the chain comes first."""
    requests = [asked(1, CN, 5, (0, 1, 0)), asked(2, CORP, 1, (0, 1, 0))]

    assert [line.proxy for line in tally(requests, {})] == [CORP, CN]


def test_lost_time_is_wall_time():
    """Two requests that hang at once cost their time once; answered ones cost none."""
    hang = (None, None, None)
    requests = [
        asked(1, CORP, 0, hang, None),
        asked(2, CORP, 10, hang, None),
        asked(3, CORP, 50, hang, None),
        asked(4, CORP, 0, (0, 500, 0)),
    ]
    (line,) = tally(requests, {"4242-1": at(20), "4242-2": at(30), "4242-3": at(60)})

    assert line.lost_ns == 40 * MS
    assert line.p50_ns == 500 * MS


def test_no_answer_has_no_quantile():
    """Where nothing was answered the quantiles are None, not 0."""
    (line,) = tally([asked(1, CORP, 0, (None, None, None), None)], {})

    assert (line.p50_ns, line.p95_ns) == (None, None)


def test_a_failure_on_the_way_is_not_the_proxys():
    """What the HTTP proxy or this machine did wrong is not counted against the module proxy."""
    refused = stories.failed("tcp.refused", "", "http-proxy.corp", against="http_proxy")
    full = stories.failed("local.disk", "", "goproxy.corp")
    own = stories.failed("tcp.refused", "", "goproxy.corp")
    unknown = stories.failed("dns.nxdomain", "", "goproxy.corp")
    requests = [
        asked(number, CORP, number, (None, None, None), None, failure=failure)
        for number, failure in enumerate((refused, full, own, unknown))
    ]
    (line,) = tally(requests, {})

    assert line.failures == 2


@given(st.lists(st.integers(0, 1000), min_size=1), st.floats(0, 1))
def test_a_quantile_is_a_value_that_was_seen(values, q):
    """Nearest rank: no value is made up."""
    assert quantile(sorted(values), q) in values
