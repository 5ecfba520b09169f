"""A story in Chinese, as a person would write it to another."""

from collections.abc import Mapping, Sequence

from ..health.reason import sentence
from .story import Story

FAILED: Mapping[str, str] = {
    "dns.nxdomain": "域名不存在",
    "dns.nodata": "DNS 中没有地址",
    "dns.servfail": "DNS 解析失败（SERVFAIL）",
    "dns.refused": "被 DNS 服务器拒绝",
    "dns.timeout": "DNS 没有应答",
    "dns.unreachable": "连不上 DNS 服务器",
    "tcp.refused": "被拒绝连接",
    "tcp.timeout": "连接超时",
    "tcp.reset": "连接被重置",
    "tcp.unreachable": "网络不可达",
    "tcp.mtu": "大数据包在途中丢失（MTU）",
    "tls.timeout": "TLS 握手超时",
    "tls.expired": "证书已过期",
    "tls.untrusted": "证书的签发者不受信任",
    "tls.hostname": "证书与域名不符",
    "tls.alert": "TLS 握手被对方中止",
    "tls.not_tls": "对方说的不是 TLS",
    "http.5xx": "遇到服务器错误（5xx）",
    "http.429": "被限流（429）",
    "http.4xx": "被拒绝（4xx）",
    "http.reset": "连接中途断开",
    "http.stalled": "一直没有应答",
    "http.body": "内容没有传完",
    "http.redirect": "重定向无效",
    "http.content": "内容不是所请求的",
    "http.protocol": "对方说的不是 HTTP",
    "git.failed": "git 失败，原因见其输出",
    "checksum.gosum": "与 go.sum 不符",
    "checksum.sumdb": "与校验和数据库不符",
    "auth.401": "缺少凭据（401）",
    "auth.403": "没有权限（403）",
    "auth.407": "缺少 HTTP 代理的凭据（407）",
}
"""Class to what happened to some requests."""
_COUNTED: Mapping[str, str] = {
    "burn_fast": "的失败率超出目标所允许的",
    "burn_slow": "的失败率长期略高于目标所允许的",
    "early": "开始出现失败",
    "dynamic": "与平时不同",
}
"""Rule to what a proxy does."""
_OF_OTHERS: Mapping[str, str] = {
    "agent_silent": "收不到来自 {} 的数据",
    "agent_duplicate": "似乎有两台主机使用同一个 agent_id {}",
    "channel_dead": "通知渠道 {} 无法送达",
}
"""Rule to what is wrong with whom."""
_CHAINS = {
    "comma": "使用 `,` 的构建会失败，使用 `|` 的会继续。",
    "all_comma": "构建会失败：它后面是 `,`，只有 404 和 410 才会继续。",
    "all_pipe": "它后面是 `|`，构建会去问下一个代理。",
    "last": "GOPROXY 中它后面没有别的代理，构建会失败。",
    "neither": "无论使用 `,` 还是 `|`，构建都会失败。",
    "both": "无论使用 `,` 还是 `|`，构建都会去问下一个代理。",
    "nowhere": "没有其他代理可用：无论使用 `,` 还是 `|`，构建都会失败。",
}
_SOME = {
    "comma": "遇到失败时，使用 `,` 的构建会失败，使用 `|` 的会继续。",
    "all_comma": "遇到失败时构建会失败：它后面是 `,`，只有 404 和 410 才会继续。",
    "last": "遇到失败时构建会失败：GOPROXY 中它后面没有别的代理。",
}


def title(story: Story) -> str:
    """Return one line."""
    words = _end(story).rstrip("。") if story.kind == "closed" else _what(story)
    return f"[{story.severity}] {words}"


def body(story: Story) -> str:
    """Return some sentences."""
    if story.kind == "closed":
        return "".join((_end(story), _cost(story)))
    is_certificate = story.rule.startswith("certificate")
    first = _what(story) if is_certificate else f"自 {story.since} UTC 起，{_what(story)}"
    details = "；".join(part for part in (_details(story), _around(story)) if part)
    sentences = [f"{first}：{details}。" if details else f"{first}。"]
    if story.recovered:
        sentences.append(f"{_list(story.recovered, story.recovered_more)} 已恢复正常。")
    if story.chain:
        sentences.append((_SOME if story.is_partial else _CHAINS)[story.chain])
    if story.rule == "moved_tag":
        sentences.append("作者移动了标签，不是代理的问题。")
    if story.rule in ("agent_silent", "agent_duplicate"):
        sentences.append("这并不说明任何代理有问题。")
    if story.rule == "channel_dead":
        sentences.append("`modpulse incidents` 会显示最近一次错误。")
    return "".join(sentences)


def _what(story: Story) -> str:
    proxies = _list(story.proxies, story.proxies_more)
    who = _list(story.who, story.who_more)
    again = "再次" if story.is_again else ""
    if story.rule in _OF_OTHERS:
        return _OF_OTHERS[story.rule].format(who)
    if story.rule in _COUNTED:
        return f"{proxies} {_COUNTED[story.rule]}"
    match story.rule:
        case "down":
            return f"{proxies} {again}不可用"
        case "degraded":
            return f"{proxies} {again}{_sick(story)}"
        case "host" | "resolver" if story.is_slow_for_some:
            users = who if story.rule == "host" else f"使用 DNS 服务器 {who} 的机器"
            return f"{proxies} 只对 {users} 响应缓慢"
        case "host":
            return f"只有 {who} 用不了 {proxies}"
        case "resolver":
            return f"只有使用 DNS 服务器 {who} 的机器用不了 {proxies}"
        case "consistency":
            return f"{proxies} 提供的 {who} 内容不同"
        case "moved_tag":
            return f"{who} 的内容变了，无论问哪个代理都一样"
    left_s = story.facts.left_s or 0.0
    when = f"将在 {_left(left_s)}后到期" if left_s > 0 else "已经到期"
    return f"{proxies} 的证书{when}"


def _sick(story: Story) -> str:
    if story.sickness == "partial":
        return "部分请求失败"
    if story.sickness == "failing":
        return "失败率超出承诺"
    return "响应缓慢" if story.sickness == "slow" else "对本应存在的模块返回 404"


def _details(story: Story) -> str:
    facts = story.facts
    parts = []
    if story.is_of_failures:
        hosts = f"来自 {facts.agents:,} 台机器的 " if facts.agents else ""
        phrase = FAILED.get(facts.failure or "", "失败")
        if story.is_doubtful:
            phrase = "得到可疑的 404"
        elif not facts.is_only_failure and phrase != "失败":
            phrase = f"失败，其中多数{phrase}"
        when = f"{facts.hours} 小时内" if facts.hours else ""
        if facts.minutes and story.rule == "degraded":
            when = f"最近 {facts.minutes} 分钟内"
        parts.append(
            f"{when}{hosts}{facts.requests:,} 个请求中有 {facts.failed:,} 个"
            f"{' ' * phrase.startswith('DNS')}{phrase}"
        )
        if story.part:
            share = f"其中 {facts.part_share:.0%} " if facts.part_share else "都"
            parts[-1] += f"，{share}{_part(*story.part)}"
    if "slow" in facts.gates and facts.first_byte_ms is not None:
        slow = f"首字节时间 p95 为 {facts.first_byte_ms / 1000:.1f} 秒"
        where = f"，几乎都{_part(*story.part)}" if story.part else ""
        parts.append(slow + where * (not story.is_of_failures))
    if story.rule == "consistency" and not facts.failed:
        parts.append("校验和与其他代理不同")
    if story.rule == "dynamic":
        parts += [sentence(reason, "zh") for reason in facts.evidence]
    if facts.only:
        parts.append("没有别的机器使用它，也可能是这台机器的问题")
    return "；".join(parts)


def _part(kind: str, who: str) -> str:
    if kind == "address":
        return f"在地址 {who}"
    if kind == "endpoint":
        return f"是 {who} 请求"
    return f"来自{'站点' if kind == 'site' else f' {kind}'} {who}"


def _around(story: Story) -> str:
    facts = story.facts
    if not story.has_others:
        return ""
    fine = ["DNS"] if story.is_dns_fine else []
    if story.are_others_fine:
        fine.append(f"另外 {facts.others} 个代理")
    parts = [f"{' 和'.join(fine)}{' ' * (fine == ['DNS'])}正常"] if fine else []
    sick = facts.others - facts.others_fine
    if sick:
        of = f"中有 {sick} 个" if sick < facts.others else ""
        parts.append(f"另外 {facts.others} 个代理{of}也不正常")
    return "；".join(parts)


def _end(story: Story) -> str:
    long = _long(story.duration_s)
    names = _list(*story.about)
    if story.is_forgotten and not story.proxies:
        return f"再也没有收到 {names} 的数据：{long}后关闭。"
    if story.is_forgotten:
        return f"已经没有机器使用 {names}：{long}后关闭，并未证实恢复。"
    match story.rule:
        case "agent_duplicate":
            return f"自 {story.ended} UTC 起 {names} 又只有一台主机，持续了{long}。"
        case "consistency" | "moved_tag":
            who = _list(story.who, story.who_more)
            return f"自 {story.ended} UTC 起 {who} 又能使用，持续了{long}。"
        case "agent_silent":
            return f"自 {story.ended} UTC 起又收到 {names} 的数据，中断了{long}。"
        case "channel_dead":
            return f"自 {story.ended} UTC 起通知渠道 {names} 恢复送达，中断了{long}。"
        case "host" | "resolver":
            who = _list(story.who, story.who_more)
            return f"自 {story.ended} UTC 起 {who} 又能使用 {names}，持续了{long}。"
        case "burn_fast" | "burn_slow" | "early" | "dynamic":
            return f"{names} 自 {story.ended} UTC 起恢复如常，持续了{long}。"
        case "down" | "degraded":
            return f"{names} 自 {story.ended} UTC 起恢复正常，持续了{long}。"
    return f"{names} 自 {story.ended} UTC 起使用新证书。"


def _cost(story: Story) -> str:
    cost, parts = story.cost, []
    if cost.failed:
        parts.append(f"{cost.failed:,} 个请求失败")
    if cost.fell_through:
        lost = f"，共耽误{_long(cost.lost_s)}" if cost.lost_s >= 1 else ""
        parts.append(f"{cost.fell_through:,} 个转向下一个代理{lost}")
    if cost.commands_failed:
        parts.append(f"{cost.commands_failed:,} 条 go 命令失败")
    if cost.failed_s >= 1:
        parts.append(f"构建总共损失{_long(cost.lost_s + cost.failed_s)}")
    return f"影响：{'；'.join(parts)}。" if parts else ""


def _list(names: Sequence[str], more: int) -> str:
    joined = "、".join(names)
    return f"{joined} 等 {len(names) + more} 个" if more else joined


def _left(seconds: float) -> str:
    if seconds < 7200:
        return f"{seconds / 60:.0f} 分钟"
    return f"{seconds / 86_400:.0f} 天" if seconds >= 172_800 else f"{seconds / 3600:.0f} 小时"


def _long(seconds: float) -> str:
    for unit, size in (("天", 86_400), ("小时", 3_600), ("分钟", 60)):
        if seconds >= 2 * size:
            return f" {seconds / size:.0f} {unit}"
    return f" {seconds:.0f} 秒"
