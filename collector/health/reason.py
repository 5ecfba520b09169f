"""
Why something is so, as a value: a code with numbers and names, and its sentence in two languages.

What decides passes these on and reads none; they become words where they leave. Pure. Words of
others stand in the values as they came: whoever shows a sentence says it (`foreign.say`).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")
Value = str | int | float
NAMED = 3
"""Values that are named; the rest is counted."""
CERTIFICATE_WORDS = {
    "tls.expired": ("expired", "已过期"),
    "tls.untrusted": ("of an unknown issuer", "由未知机构签发"),
    "tls.hostname": ("for another name", "属于另一个域名"),
}


class Reason(NamedTuple):
    """One of them."""

    code: str
    values: tuple[Value, ...] = ()


Reasons = tuple[Reason, ...]


def plain(words: str | None) -> Reasons:
    """Return a sentence that has one form only; none of no words."""
    return (Reason("plain", (words,)),) if words else ()


def sentence(reason: Reason, language: Language = "en") -> str:
    """Return it in words; what a newer collector or damage has written is shown as it is."""
    made = SENTENCES.get(reason.code)
    try:
        if made is not None:
            form = made[language == "zh"]
            return form.format(*reason.values) if isinstance(form, str) else form(*reason.values)
    except (ArithmeticError, AttributeError, TypeError, ValueError, IndexError):
        pass
    return " ".join(str(part) for part in (reason.code, *reason.values))


def sentences(reasons: Sequence[Reason], language: Language = "en") -> str:
    """Return several as one text."""
    return ("；" if language == "zh" else "; ").join(sentence(one, language) for one in reasons)


def same_requests(also: Sequence[tuple[str, str]]) -> Reasons:
    """Return that these (kind, who) have the same requests; none of none."""
    named = [part for pair in also[:NAMED] for part in pair]
    return (Reason("same_requests", (max(0, len(also) - NAMED), *named)),) if also else ()


def only_some(kind: str, who: str, agent_ids: Sequence[str]) -> Reasons:
    """Return that only these agents, users of a resolver or of a label, see failures."""
    more = max(0, len(agent_ids) - NAMED)
    return (Reason("only_some", (kind, who, more, *agent_ids[:NAMED])),)


def percent(share: float) -> str:
    """Round, but say all and none of what is all and none only."""
    rounded = round(100 * share)
    return f"{min(99, max(1, rounded))}%" if 0 < share < 1 else f"{rounded}%"


def _en(kind: str, who: str) -> str:
    if kind == "address":
        return f"at {who}"
    if kind == "resolver":
        return f"of users of resolver {who}"
    return f"{'at' if kind == 'site' else 'of'} {kind.removeprefix('label.')} {who}"


_KINDS = {
    "address": "地址",
    "endpoint": "接口",
    "module": "模块",
    "resolver": "DNS 服务器",
    "host": "主机",
    "site": "站点",
}


def _zh(kind: str, who: str) -> str:
    name = f"{_KINDS.get(kind, kind.removeprefix('label.'))} {who}"
    return f"使用 {name} 的主机" if kind == "resolver" else name


def _share(what: str, of: str) -> Callable[..., str]:
    def made(share: float, kind: str, who: str, part: float) -> str:
        return (
            f"{percent(share)} of the {what} are {_en(kind, who)}, "
            f"which has {percent(part)} of the {of}"
        )

    return made


def _share_zh(what: str, of: str) -> Callable[..., str]:
    def made(share: float, kind: str, who: str, part: float) -> str:
        return f"{percent(share)} 的{what}在{_zh(kind, who)}，它占{of}的 {percent(part)}"

    return made


def _of_class(share: float, kind: str, who: str, part: float, failure: str) -> str:
    whole = f"{percent(share)} of {failure} are {_en(kind, who)}"
    return f"{whole}, which has {percent(part)} of the requests"


def _of_class_zh(share: float, kind: str, who: str, part: float, failure: str) -> str:
    return f"{percent(share)} 的 {failure} 在{_zh(kind, who)}，它占请求的 {percent(part)}"


def _of_module(share: float, kind: str, who: str) -> str:
    name = _en(kind, who)
    return f"{percent(share)} of the failures are {name}, of those that are known by module"


def _of_module_zh(share: float, kind: str, who: str) -> str:
    return f"在已知模块的失败中，{percent(share)} 属于{_zh(kind, who)}"


def _pairs(named: tuple[str, ...]) -> list[tuple[str, str]]:
    return list(zip(named[::2], named[1::2], strict=True))


def _same(more: int, *named: str) -> str:
    names = " and ".join(_en(*pair) for pair in _pairs(named))
    return f"the same requests are {names}" + (f" and {more} more" if more else "")


def _same_zh(more: int, *named: str) -> str:
    names = "、".join(_zh(*pair) for pair in _pairs(named))
    return f"同样的请求也属于{names}" + (f"等另外 {more} 个" if more else "")


def _some(kind: str, who: str, more: int, *agent_ids: str) -> str:
    whose = f"users of resolver {who}" if kind == "resolver" else f"hosts {_en(kind, who)}"
    names = ", ".join(agent_ids) + (f" and {more} more" if more else "")
    return f"only {whose} see failures: {names}"


def _some_zh(kind: str, who: str, more: int, *agent_ids: str) -> str:
    whose = _zh(kind, who) if kind == "resolver" else f"{_zh(kind, who)} 的主机"
    names = "、".join(agent_ids) + (f" 等另外 {more} 台" if more else "")
    return f"只有{whose}看到失败：{names}"


def _bad_leaf(count: int, within_s: float, failure: str) -> str:
    words = CERTIFICATE_WORDS.get(failure, (f"wrong ({failure})",))[0]
    return f"all {count} handshakes of the last {within_s:.0f} s found the certificate {words}"


def _bad_leaf_zh(count: int, within_s: float, failure: str) -> str:
    words = CERTIFICATE_WORDS.get(failure, ("", f"有问题（{failure}）"))[1]
    return f"最近 {within_s:.0f} 秒的全部 {count} 次握手都发现证书{words}"


Form = str | Callable[..., str]
SENTENCES: Mapping[str, tuple[Form, Form]] = {
    "plain": ("{0}", "{0}"),
    # Gates.
    "expires_in_days": ("the certificate expires in {0:.1f} days", "证书将在 {0:.1f} 天后过期"),
    "expired_days_ago": ("the certificate expired {0:.1f} days ago", "证书已在 {0:.1f} 天前过期"),
    "all_failed_for": (
        "the last {0} requests all failed, for {1:.0f} s",
        "最近 {0} 个请求全部失败，已持续 {1:.0f} 秒",
    ),
    "all_failed": ("the last {0} requests all failed", "最近 {0} 个请求全部失败"),
    "no_answer": (
        "{0} failures and no answer in the last {1:.0f} s",
        "最近 {1:.0f} 秒内失败 {0} 次，没有一次应答",
    ),
    "bad_certificate": (_bad_leaf, _bad_leaf_zh),
    "below_slo": (
        "{0} of {1} requests failed in the last {2} min, {3:.0%} as the latest weigh: "
        "P(success < {4:.0%}) = {5:.3f}",
        "最近 {2} 分钟内 {1} 个请求中有 {0} 个失败，按新近加权为 {3:.0%}："
        "P(成功率 < {4:.0%}) = {5:.3f}",
    ),
    "slow_above": (
        "p95 time to first byte of list, info and mod is {0:.0f} ms, above {1:.0f} ms (n={2})",
        "list、info 和 mod 的首字节时间 p95 为 {0:.0f} 毫秒，超过 {1:.0f} 毫秒（n={2}）",
    ),
    "slow_unusually": (
        "p95 time to first byte of list, info and mod is {0:.0f} ms, usual are {1:.0f} ms (n={2})",
        "list、info 和 mod 的首字节时间 p95 为 {0:.0f} 毫秒，平时为 {1:.0f} 毫秒（n={2}）",
    ),
    "suspect_misses": (
        "{0} of {1} misses are suspect",
        "{1} 次未命中中有 {0} 次可疑",
    ),
    "unusual_misses": (
        "{0:.0%} of {1} requests were missed, usual at this hour are {2:.0%}",
        "{1} 个请求中有 {0:.0%} 未命中，平时这个时段为 {2:.0%}",
    ),
    "served_before": ("{0} modules were served before", "其中 {0} 个模块以前提供过"),
    # For whom, or of what.
    "only_host": ("only {0} sees failures", "只有 {0} 看到失败"),
    "one_host": ("seen from one host only, {0}", "仅从一台主机看到：{0}"),
    "only_they_ask": (
        lambda kind, who: f"nobody but those {_en(kind, who)} asked since",
        lambda kind, who: f"此后只有{_zh(kind, who)}在请求",
    ),
    "host_unanswered": (
        "no proxy answers {0}, the only host that asks: it may be the host",
        "没有任何代理应答 {0}，而只有它在请求：可能是这台主机的问题",
    ),
    "only_some": (_some, _some_zh),
    "share_of_failures": (_share("failures", "requests"), _share_zh("失败", "请求")),
    "share_of_slow": (_share("slow answers", "answers"), _share_zh("慢应答", "应答")),
    "share_of_class": (_of_class, _of_class_zh),
    "share_by_module": (_of_module, _of_module_zh),
    "share_of_scope": (
        lambda share, part: f"{percent(share)} of the failures, {percent(part)} of the requests",
        lambda share, part: f"占失败的 {percent(share)}、请求的 {percent(part)}",
    ),
    "same_requests": (_same, _same_zh),
    # What is counted beside the states.
    "budget_burns": (
        "{0:.2%} of {1:,} requests failed in {2} h: {3:.0f} times what {4:.5g} allow",
        "{2} 小时内 {1:,} 个请求中有 {0:.2%} 失败：是目标 {4:.5g} 所允许的 {3:.0f} 倍",
    ),
    "class_unlike_past": (
        "{0}: {1} of {2} requests, unlike its past",
        "{0}：{2} 个请求中有 {1} 个，与以往不同",
    ),
    "failures_above": ("failures {0:.4g}, above {1:.4g}", "失败率 {0:.4g}，超过 {1:.4g}"),
    "p95_above": ("p95 {0:.4g}, above {1:.4g}", "p95 为 {0:.4g}，超过 {1:.4g}"),
}
"""By code: in English, in Chinese."""
