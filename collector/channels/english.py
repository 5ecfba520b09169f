"""A story in English, as a person would write it to another."""

from collections.abc import Mapping, Sequence

from ..health.reason import sentence
from .story import Story

FAILED: Mapping[str, str] = {
    "dns.nxdomain": "found no such name in DNS",
    "dns.nodata": "found no address in DNS",
    "dns.servfail": "failed in DNS (SERVFAIL)",
    "dns.refused": "were refused by their resolver",
    "dns.timeout": "got no answer from DNS",
    "dns.unreachable": "reached no resolver",
    "tcp.refused": "were refused",
    "tcp.timeout": "got no connection in time",
    "tcp.reset": "were reset",
    "tcp.unreachable": "found no way there",
    "tcp.mtu": "lost their large packets on the way (MTU)",
    "tls.timeout": "got no TLS handshake in time",
    "tls.expired": "found its certificate expired",
    "tls.untrusted": "found its certificate of an unknown issuer",
    "tls.hostname": "found its certificate for another name",
    "tls.alert": "were turned away in the TLS handshake",
    "tls.not_tls": "met something that is not TLS",
    "http.5xx": "met a server error (5xx)",
    "http.429": "were told to come later (429)",
    "http.4xx": "were turned away (4xx)",
    "http.reset": "were broken off",
    "http.stalled": "got no answer",
    "http.body": "got half an answer",
    "http.redirect": "were redirected in vain",
    "http.content": "got something other than they asked for",
    "http.protocol": "met something that is not HTTP",
    "git.failed": "ended in git, which says why",
    "checksum.gosum": "got what go.sum does not allow",
    "checksum.sumdb": "got what the checksum database does not allow",
    "auth.401": "lacked a credential (401)",
    "auth.403": "were forbidden (403)",
    "auth.407": "lacked the HTTP proxy's credential (407)",
}
"""Class to what happened to some requests."""
_CHAINS = {
    "comma": "Builds with `,` fail; those with `|` go on.",
    "all_comma": "Builds fail: a `,` behind it goes on after 404 and 410 only.",
    "all_pipe": "Builds go on to the next entry, for a `|` is behind it.",
    "last": "Builds fail, for no entry of GOPROXY is behind it.",
    "neither": "Builds fail, with `,` and with `|`.",
    "both": "Builds ask the next entry, with `,` and with `|`.",
    "nowhere": "Builds fail, with `,` and with `|`: no other entry works.",
}
_SOME = {
    "comma": "Builds with `,` fail where it does; those with `|` go on.",
    "all_comma": "Builds fail where it does: a `,` behind it goes on after 404 and 410 only.",
    "last": "Builds fail where it does, for no entry of GOPROXY is behind it.",
}
"""The same of what is served now and then."""
_COUNTED: Mapping[str, tuple[str, str]] = {
    "burn_fast": (
        "fails more often than its objective allows",
        "fail more often than their objective allows",
    ),
    "burn_slow": (
        "fails a little more often than its objective allows, for long",
        "fail a little more often than their objective allows, for long",
    ),
    "early": ("has begun to fail", "have begun to fail"),
    "dynamic": ("is not as usual", "are not as usual"),
}
"""Rule to what one proxy does, and what many do."""
_OF_OTHERS: Mapping[str, str] = {
    "agent_silent": "nothing is heard of {}",
    "agent_duplicate": "two hosts seem to have the agent_id {}",
    "channel_dead": "channel {} takes no notices",
}
"""Rule to what is wrong with whom."""
_BEGINNINGS = ("only ", "nothing ", "the ", "two ", "channel ")
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def title(story: Story) -> str:
    """Return one line."""
    words = _end(story).rstrip(".") if story.kind == "closed" else _what(story)
    return f"[{story.severity}] {words}"


def body(story: Story) -> str:
    """Return some sentences."""
    if story.kind == "closed":
        return " ".join(part for part in (_end(story), _cost(story)) if part)
    first = f"{_what(story)} since {story.since} UTC"
    if story.rule.startswith("certificate"):
        first = _what(story)
    details = "; ".join(part for part in (_details(story), _around(story)) if part)
    sentences = [f"{first}: {details}." if details else f"{first}."]
    if story.recovered:
        works = "works" if len(story.recovered) + story.recovered_more == 1 else "work"
        sentences.append(f"{_list(story.recovered, story.recovered_more)} {works} again.")
    if story.chain:
        sentences.append((_SOME if story.is_partial else _CHAINS)[story.chain])
    if story.rule == "moved_tag":
        sentences.append("Its author has moved the tag; no proxy is to blame.")
    if story.rule in ("agent_silent", "agent_duplicate"):
        sentences.append("That says nothing of any proxy.")
    if story.rule == "channel_dead":
        sentences.append("`modpulse incidents` has its last error.")
    whole = " ".join(sentences)
    # A name is written as it is.
    return whole[0].upper() + whole[1:] if whole.startswith(_BEGINNINGS) else whole


def _what(story: Story) -> str:
    proxies, who = (_list(*names) for names in (
        (story.proxies, story.proxies_more), (story.who, story.who_more)
    ))  # fmt: skip
    is_many = len(story.proxies) + story.proxies_more > 1
    again = " again" if story.is_again else ""
    if story.rule in _OF_OTHERS:
        return _OF_OTHERS[story.rule].format(who)
    if story.rule in _COUNTED:
        return f"{proxies} {_COUNTED[story.rule][is_many]}"
    match story.rule:
        case "down":
            return f"{proxies} {'are' if is_many else 'is'} down{again}"
        case "degraded":
            return f"{proxies} {_sick(story, is_many)}{again}"
        case "host" | "resolver" if story.is_slow_for_some:
            users = who if story.rule == "host" else f"those who use resolver {who}"
            return f"{proxies} {'are' if is_many else 'is'} slow for {users} only"
        case "host":
            return f"only {who} cannot use {proxies}"
        case "resolver":
            return f"only those who use resolver {who} cannot use {proxies}"
        case "consistency":
            return f"{proxies} {'serve' if is_many else 'serves'} another content of {who}"
        case "moved_tag":
            return f"{who}: another content than before, whichever proxy is asked"
    left_s = story.facts.left_s or 0.0
    when = f"ends in {_left(left_s)}" if left_s > 0 else "has ended"
    many = f"certificates of {proxies} end soon, the first {when}"
    return f"the {many if is_many else f'certificate of {proxies} {when}'}"


def _sick(story: Story, is_many: bool) -> str:
    if story.sickness == "partial":
        return "fail in part" if is_many else "fails in part"
    if story.sickness == "failing":
        return "fail more than promised" if is_many else "fails more than promised"
    if story.sickness == "slow":
        return "are slow" if is_many else "is slow"
    return "answer 404 for what is there" if is_many else "answers 404 for what is there"


def _details(story: Story) -> str:
    facts = story.facts
    parts = []
    if story.is_of_failures:
        hosts = f" from {_hosts(facts.agents)}" if facts.agents else ""
        phrase = FAILED.get(facts.failure or "", "failed")
        if story.is_doubtful:
            phrase = "were answered with a doubtful 404"
        elif not facts.is_only_failure:
            phrase = f"failed, and most of these {phrase}" if phrase != "failed" else phrase
        when = f" within {facts.hours} h" if facts.hours else ""
        now = ""
        if facts.minutes and story.rule == "degraded":
            now = f"in the last {f'{facts.minutes} min' if facts.minutes > 1 else 'minute'} "
        requests = f"{facts.failed:,} of {facts.requests:,} requests"
        parts.append(f"{now}{requests}{hosts} {phrase}{when}")
        if story.part:
            share = f"{facts.part_share:.0%} of these" if facts.part_share else "these are"
            parts[-1] += f", {share} {_part(*story.part)}"
    if "slow" in facts.gates and facts.first_byte_ms is not None:
        slow = f"p95 time to first byte is {facts.first_byte_ms / 1000:.1f} s"
        where = f", nearly all of it {_part(*story.part)}" if story.part else ""
        parts.append(slow + where * (not story.is_of_failures))
    if story.rule == "consistency" and not facts.failed:
        parts.append("its sum is not that of others")
    if story.rule == "dynamic":
        parts += [sentence(reason) for reason in facts.evidence]
    if facts.only:
        parts.append("nobody else asks it, so it may be the host")
    return "; ".join(parts)


def _part(kind: str, who: str) -> str:
    if kind == "address":
        return f"at {who}"
    if kind == "endpoint":
        return f"for {who}"
    return f"{'at' if kind == 'site' else 'of'} {kind} {who}"


def _around(story: Story) -> str:
    facts = story.facts
    if not story.has_others:
        return ""
    fine = ["DNS"] if story.is_dns_fine else []
    if story.are_others_fine:
        is_one = facts.others == 1
        fine.append("the other proxy" if is_one else f"the other {_number(facts.others)} proxies")
    is_many = len(fine) > 1 or fine[0:1] not in (["DNS"], ["the other proxy"])
    parts = [f"{' and '.join(fine)} {'are' if is_many else 'is'} fine"] if fine else []
    sick = facts.others - facts.others_fine
    if sick:
        parts.append(_not_well(sick, facts.others))
    return "; ".join(parts)


def _not_well(sick: int, others: int) -> str:
    if sick < others:
        verb = "is" if sick == 1 else "are"
        return f"{_number(sick)} of {_number(others)} other proxies {verb} not well either"
    if others == 1:
        return "the other proxy is not well either"
    return f"the other {_number(others)} proxies are not well either"


def _end(story: Story) -> str:
    long = _long(story.duration_s)
    names = _list(*story.about)
    if story.is_forgotten and not story.proxies:
        return f"Nothing was heard of {names} any more: closed after {long}."
    if story.is_forgotten:
        return f"Nobody asks {names} any more: closed after {long}, without a proof that it works."
    match story.rule:
        case "agent_duplicate":
            return f"{names}: one host again since {story.ended} UTC, after {long}."
        case "consistency" | "moved_tag":
            who = _list(story.who, story.who_more)
            return f"{who}: taken again since {story.ended} UTC, after {long}."
        case "agent_silent":
            return f"{names}: heard again since {story.ended} UTC, after {long}."
        case "channel_dead":
            return f"Channel {names} takes notices again since {story.ended} UTC, after {long}."
        case "host" | "resolver":
            who = _list(story.who, story.who_more)
            return f"{who}: served by {names} again since {story.ended} UTC, after {long}."
        case "burn_fast" | "burn_slow" | "early" | "dynamic":
            is_as = "are as they were" if len(story.proxies) > 1 else "is as it was"
            return f"{names} {is_as} again since {story.ended} UTC, after {long}."
        case "down" | "degraded":
            works = "work" if len(story.proxies) > 1 else "works"
            return f"{names} {works} again since {story.ended} UTC, after {long}."
    return f"{names}: a new certificate since {story.ended} UTC."


def _cost(story: Story) -> str:
    cost, parts = story.cost, []
    if cost.failed:
        parts.append(f"{cost.failed:,} {'request' if cost.failed == 1 else 'requests'} failed")
    if cost.fell_through:
        lost = f", which took {_long(cost.lost_s)}" if cost.lost_s >= 1 else ""
        parts.append(f"{cost.fell_through:,} went on to the next entry{lost}")
    if cost.commands_failed:
        commands = "command" if cost.commands_failed == 1 else "commands"
        parts.append(f"{cost.commands_failed:,} {commands} failed")
    if cost.failed_s >= 1:
        parts.append(f"builds lost {_long(cost.lost_s + cost.failed_s)} in all")
    return f"It cost: {'; '.join(parts)}." if parts else ""


def _list(names: Sequence[str], more: int) -> str:
    if more:
        return f"{', '.join(names)} and {more} more"
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def _hosts(count: int) -> str:
    return "1 host" if count == 1 else f"{count:,} hosts"


def _number(count: int) -> str:
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


def _left(seconds: float) -> str:
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 86_400:.0f} days" if seconds >= 172_800 else f"{seconds / 3600:.0f} h"


def _long(seconds: float) -> str:
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
