"""TLS: certificates, alerts, local errors, what is not TLS, silence."""

from modpulse.agent.wire.tls_names import alert_name

from .member import Member


def _tls(word: str, says: str, cls: str, /, **more: object) -> Member:
    host = f"{word}.tls.lab.test"
    options = {
        "kind": "TLS", "name": word, "goproxy": f"https://{host}", "says": says, "cls": cls,
        "host": host, **more,
    }  # fmt: skip
    return Member(**options)  # type: ignore[arg-type]


def _crt(word: str, says: str, cls: str, /, **more: object) -> Member:
    host = f"{word}.crt.lab.test"
    options = {
        "kind": "certificate", "name": word, "goproxy": f"https://{host}", "says": says, "cls": cls,
        "host": host, **more,
    }  # fmt: skip
    return Member(**options)  # type: ignore[arg-type]


ALERTS = {
    10: "unexpected message", 20: "bad record MAC", 21: "decryption failed",
    22: "record overflow", 30: "decompression failure", 40: "handshake failure",
    42: "bad certificate", 43: "unsupported certificate", 44: "revoked certificate",
    45: "expired certificate", 46: "unknown certificate", 47: "illegal parameter",
    48: "unknown certificate authority", 49: "access denied", 50: "error decoding message",
    51: "error decrypting message", 60: "export restriction",
    70: "protocol version not supported", 71: "insufficient security level", 80: "internal error",
    86: "inappropriate fallback", 90: "user canceled", 100: "no renegotiation",
    109: "missing extension", 110: "unsupported extension", 111: "certificate unobtainable",
    112: "unrecognized name", 113: "bad certificate status response",
    114: "bad certificate hash value", 115: "unknown PSK identity", 116: "certificate required",
    120: "no application protocol", 121: "encrypted client hello required", 199: "alert\\(199\\)",
}  # fmt: skip
NOT_ITS_ALERT = "^(?!.*refused the TLS handshake with an alert)"
"""It was this side that refused."""
NOT_TLS = "first record does not look like a TLS handshake"
MEMBERS = (
    *(
        _tls(f"alert-{code}", f"remote error: tls: {name}", "tls.alert", kind="TLS alert",
             words=f"{name}|{alert_name(code).replace('_', '.')}")
        for code, name in ALERTS.items()
    ),
    _tls("http", "server gave HTTP response to HTTPS client", "tls.not_tls"),
    _tls("http-page", "server gave HTTP response to HTTPS client", "tls.not_tls"),
    *(_tls(word, NOT_TLS, "tls.not_tls") for word in ("ssh", "smtp", "text", "zeros")),
    _tls("oversized", "oversized record|" + NOT_TLS, "tls.alert|tls.not_tls", judgement=True),
    _tls("tls10", "unsupported protocol version", "tls.alert", words="version", judgement=True),
    _tls("tls11", "unsupported protocol version", "tls.alert", words="version", judgement=True),
    _tls("ssl3", "unsupported protocol version", "tls.alert", words="version", judgement=True),
    _tls("odd-cipher", "cipher", "tls.alert", judgement=True),
    _tls("odd-alpn", "ALPN", "tls.alert", judgement=True),
    *(
        _tls(word, "tls", "tls.alert|tls.not_tls", judgement=True)
        for word in ("odd-message", "odd-record", "app-data", "ccs")
    ),
    *(
        _tls(word, "local error: tls", "tls.alert|tls.not_tls", words=NOT_ITS_ALERT, judgement=True)
        for word in ("broken-hello", "empty-alert")
    ),
    _tls("close-notify", "EOF|closed", "tcp.reset"),
    _tls("warning-112", "remote error|too many|EOF", "tls.alert|tcp.reset", judgement=True),
    _tls("silent", "TLS handshake timeout", "tls.timeout", takes_s=10),
    _tls("half-hello", "TLS handshake timeout", "tls.timeout", takes_s=10),
    _tls("close", "EOF", "tcp.reset"),
    _tls("half-close", "EOF", "tcp.reset"),
    _tls("reset", "reset by peer", "tcp.reset"),
    _tls("half-reset", "reset by peer|EOF", "tcp.reset"),
    _crt("expired-1h", "has expired or is not yet valid", "tls.expired", words="expired"),
    _crt("expired-25y", "has expired or is not yet valid", "tls.expired", words="expired"),
    _crt("not-yet-1h", "is before", "tls.expired|local.clock", words="valid only|not yet"),
    _crt("not-yet-10y", "is before", "tls.expired|local.clock", words="valid only|not yet",
         judgement=True),
    _crt("stranger", "unknown authority", "tls.untrusted", words="stranger"),
    _crt("namesake", "unknown authority", "tls.untrusted", words="another key"),
    _crt("self-signed", "unknown authority", "tls.untrusted"),
    _crt("no-intermediate", "unknown authority", "tls.untrusted"),
    _crt("expired-intermediate", "has expired or is not yet valid|unknown authority",
         "tls.expired|tls.untrusted", words="intermediate", judgement=True),
    _crt("no-authority", "parent certificate cannot sign|not authorized", "tls.untrusted"),
    _crt("too-deep", "too many intermediates", "tls.untrusted", words="intermediates"),
    _crt("constraint", "not permitted by any constraint|not authorized", "tls.untrusted",
         words="constraint|permitted"),
    _crt("excluded", "excluded by constraint", "tls.untrusted", words="constraint|excluded"),
    _crt("critical", "unhandled critical extension", "tls.untrusted", words="critical"),
    *(
        _crt(word, "insecure algorithm|SHA1|unknown authority", "tls.untrusted",
             words="too weak.*SHA1")
        for word in ("sha1", "sha1-rsa", "sha1-intermediate")
    ),
    _crt("negative-serial", "failed to parse certificate from server", "tls.untrusted",
         words="pars|read", judgement=True),
    _crt("client-usage", "incompatible key usage", "tls.untrusted", words="usage"),
    _crt("code-usage", "incompatible key usage", "tls.untrusted", words="usage"),
    _crt("mail-usage", "incompatible key usage", "tls.untrusted", words="usage"),
    _crt("other-name", "certificate is valid for elsewhere.example", "tls.hostname",
         words="elsewhere.example"),
    _crt("many-names", "certificate is valid for", "tls.hostname"),
    _crt("legacy-name", "relies on legacy Common Name field", "tls.hostname",
         words="[Cc]ommon [Nn]ame"),
    _crt("no-names", "not valid for any names|legacy Common Name", "tls.hostname"),
    _crt("address-only", "valid for 192.0.2.7|not valid for any names", "tls.hostname"),
    _crt("wildcard-depth", "certificate is valid for", "tls.hostname"),
    _crt("client-certificate", "remote error: tls: (certificate required|bad certificate)",
         "tls.alert",
         goproxy="https://client-certificate.crt.lab.test:444", words="certificate required"),
    _crt("client-certificate, TLS 1.2", "remote error: tls: (handshake failure|bad certificate)",
         "tls.alert", goproxy="https://client-certificate.crt.lab.test:445",
         host="client-certificate.crt.lab.test", words="certificate"),
    _crt("corrupted record, TLS 1.3", "local error: tls: bad record MAC", "http.reset|tls.alert",
         goproxy="https://good.crt.lab.test:446", host="good.crt.lab.test", words="MAC",
         judgement=True),
    _crt("corrupted record, TLS 1.2", "local error: tls: bad record MAC", "http.reset|tls.alert",
         goproxy="https://good.crt.lab.test:447", host="good.crt.lab.test", words="MAC",
         judgement=True),
)  # fmt: skip
