"""What nobody had: what ended the command, and not the misses that belong to the protocol."""

import pytest
import stories

from modpulse.agent.records.records import Answer, ChainEntry, Lookup, Query, Told
from modpulse.agent.waterfall.missing import MAX_MISSING, missing

CORP, CN = stories.CORP, stories.CN
URL = "https://goproxy.cn/a.corp/m/@v/v1.0.0.mod"
GONE = {"status": 404, "final": "stopped"}


def asked(number, endpoint="mod", module="a.corp/m", version="v1.0.0", proxy=CN, **fields):
    known = {"url": f"{proxy}/{module}/{number}"} | GONE | fields
    status = known.pop("status")
    return stories.request(
        number, proxy, endpoint, module, version, number, (0, 1, 0), status, **known
    )


def found(*requests, told=(), **process):
    made = stories.process(1000, 1, told=told, **process)
    return missing(made, stories.document(exit_code=1, requests=requests, processes=(made,)))


def test_the_answer_that_go_told_of():
    """Who was asked in which order; other misses are of the protocol."""
    (reason,) = found(
        asked(1, "list", "a.corp", None),
        asked(2, proxy=CORP, final="fell_through"),
        asked(3, url=URL),
        told=(Told("answer", URL, "a.corp/m", "v1.0.0"),),
    )

    assert reason.words == "a.corp/m@v1.0.0: goproxy.corp answered 404, goproxy.cn answered 404"
    assert reason.asked == (Answer(CORP, 404), Answer(CN, 404))
    assert (reason.module, reason.version) == ("a.corp/m", "v1.0.0")


def test_a_url_that_was_cut():
    """Its beginning tells as much."""
    told = (Told("answer", URL[:30] + "…"),)

    assert len(found(asked(1, url=URL), told=told)) == 1
    assert found(asked(1, url="https://other.corp/m"), told=told) == []


@pytest.mark.parametrize(
    ("endpoint", "version", "count"),
    [("mod", "v1.0.0", 1), ("toolchain", "v0.0.1-go1.99.1", 1), ("list", None, 0)],
)
def test_where_go_told_nothing(endpoint, version, count):
    """What was named with its version is missing; paths are guessed."""
    assert len(found(asked(1, endpoint, version=version))) == count


def test_what_another_error_is_told_of():
    """A miss is no reason where go told of something else that was asked for."""
    other = "https://goproxy.cn/b.corp/m/@v/v1.0.0.mod"

    assert found(asked(1, url=URL), told=(Told("answer", other),)) == []


def test_what_was_had_from_the_next():
    """A miss after which another had it is none."""
    served = asked(2, status=200, final="ok")

    assert found(asked(1, proxy=CORP, final="fell_through"), served) == []


ADVICE = {
    "sumdb": ("sumdb", {"proxy": "sumdb:sum.golang.org"}, "GOPRIVATE=a.corp"),
    "toolchain": ("toolchain", {"module": "golang.org/toolchain"}, "Is there such a release"),
    "page": ("go-get", {"proxy": "direct", "version": None, "status": 200}, "credentials"),
    "module": ("mod", {}, "GOPRIVATE=a.corp"),
    "shared": ("mod", {"module": "github.com/acme/m"}, "GOPRIVATE=github.com/acme"),
}


@pytest.mark.parametrize("name", ADVICE)
def test_what_comes_next(name):
    """Each kind of thing has its remedy."""
    endpoint, fields, words = ADVICE[name]
    kinds = (Told("page"), Told("toolchain"), Told("answer", URL))
    (reason,) = found(asked(1, endpoint, **({"url": URL} | fields)), told=kinds)

    assert words in " ".join(reason.advice)


@pytest.mark.parametrize(
    ("chain", "words"),
    [
        ((ChainEntry(CN, None),), "no `direct`"),
        ((ChainEntry(CN, ","), ChainEntry("off", None)), "`off` behind"),
        ((ChainEntry("direct", ","), ChainEntry(CN, None)), "private"),
    ],
)
def test_the_chain_behind(chain, words):
    """Who was not asked, and why."""
    (reason,) = found(asked(1, chain_index=0), goproxy=chain)

    assert words in " ".join(reason.advice)


def test_the_version_or_the_module():
    """Where the module is there, it is its version that is not."""
    served = asked(1, "list", version=None, status=200, final="ok")
    (known,) = found(served, asked(2))
    (unknown,) = found(asked(2))

    assert "The module is there" in known.advice[0]
    assert "The module is there" not in unknown.advice[0]


def test_a_file_of_a_version():
    """Where its go.mod is there, its zip is what is missing, and only that was refused."""
    served = asked(1, "mod", status=200, final="ok")
    (reason,) = found(served, asked(2, "zip"))

    assert reason.words == "a.corp/m@v1.0.0: goproxy.cn answered 404"
    assert "its zip is not" in reason.advice[0]


def test_a_capital_letter():
    """Go writes it in one way in what it asks for, and in another in what it tells."""
    told = (Told("answer", f"{CN}/a.corp/%21m/@v/v1.0.0.mod"),)

    assert len(found(asked(1, url=f"{CN}/a.corp/!m/@v/v1.0.0.mod"), told=told)) == 1


def test_a_version_query_without_a_match():
    """The module's versions came, and none of them was asked for."""
    listed = asked(1, "list", version=None, status=200, final="ok")
    (reason,) = found(asked(2, "list", "a.corp", None), listed, told=(Told("query"),))

    assert reason.words == "a.corp/m: its versions were listed, and none is what was asked for"
    assert "go list -m -versions a.corp/m" in reason.advice[0]


def test_a_package_that_the_module_lacks():
    """The module came, and the longer path is none."""
    served = asked(3, "zip", status=200, final="ok")
    tried = asked(1, "list", "a.corp/m/x", None)
    (reason,) = found(tried, asked(2, "list", "a.corp", None), served, told=(Told("package"),))

    assert reason.words == (
        "a.corp/m was fetched; a.corp/m/x is no module, and it does not have the package that was"
        " asked for"
    )


def test_a_package_of_nobody():
    """Where no module came, the longest path is what is missing."""
    tried = (asked(1, "list", "a.corp/m/x", None), asked(2, "list", "a.corp/m", None))
    (reason,) = found(*tried, told=(Told("package"),))

    assert reason.module == "a.corp/m/x"


def test_many():
    """A go.mod full of what is not there does not fill the screen."""
    reasons = found(*(asked(number, module=f"a.corp/m{number}") for number in range(30)))

    assert len(reasons) == MAX_MISSING + 1
    assert reasons[-1].words == f"and {30 - MAX_MISSING} more"


def served(number, endpoint="info", module="a.corp/m", version="v1.0.0"):
    return asked(number, endpoint, module, version, status=200, final="ok")


@pytest.mark.parametrize(
    ("module", "version", "count"),
    [
        ("a.corp", "v1.0.0", 0),
        ("a.corp/m/cmd", "v1.0.0", 0),
        ("a.corp/m", "v2.0.0", 1),
        ("a.corp", "v2.0.0", 1),
        ("a.corp/mm", "v1.0.0", 1),
    ],
)
def test_where_go_looked_for_a_package(module, version, count):
    """Where one part of a path has the version, the misses of the others were guesses."""
    assert len(found(served(1), asked(2, "info", module, version))) == count


def test_where_an_answer_was_sent_on():
    """Who answered is the last of those it was sent to."""
    (reason,) = found(asked(1, redirects=("a.test", "storage.test:81")))

    assert reason.words == (
        "a.corp/m@v1.0.0: goproxy.cn sent on to storage.test:81, which answered 404"
    )


def test_a_package_beside_a_module():
    """A package that a module lacks is told beside a module that nobody has."""
    reasons = found(
        served(1, "zip"),
        served(2, "zip", "a.corp/good"),
        asked(3, "list", "a.corp/m/none", None),
        asked(4, "list", "b.corp/x", None, url=URL),
        told=(Told("package"), Told("answer", URL)),
    )

    assert [reason.module for reason in reasons] == ["b.corp/x", "a.corp/m"]
    assert "a.corp/m/none is no module" in reasons[1].words


def test_an_address_of_a_search_domain():
    """A miss of a machine that nobody meant is told with whose address that is."""
    query = Query(
        qtype="A", name="goproxy.cn.corp.test", server="10.0.0.1:53", transport="udp", at_ns=0,
        addresses=("10.0.0.9",),
    )  # fmt: skip
    lookup = Lookup(pid=stories.PID, host="goproxy.cn", at_ns=0, queries=(query,))
    made = stories.process(1000, 1)
    seen = stories.document(exit_code=1, requests=(asked(1),), processes=(made,), lookups=(lookup,))
    (reason,) = missing(made, seen)

    assert "that of goproxy.cn.corp.test, by a search domain" in reason.advice[0]
