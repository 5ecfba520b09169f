"""
One `[[channel]]` table of the configuration: to whom notices go, and how.

Secrets are files: an address that is one too (Slack, WeCom, DingTalk) stands in `url_file`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, cast, get_args
from urllib.parse import urlsplit

from modpulse.agent.service.errors import ConfigError
from modpulse.agent.service.keys import choice
from modpulse.agent.service.loopback import is_loopback

from ..alerts.rules import SEVERITIES, Severity
from ..health.reason import Language

ChannelKind = Literal[
    "webhook", "alertmanager", "mail", "slack", "wecom", "dingtalk", "pagerduty", "apprise",
    "gatus",
]  # fmt: skip
WITHOUT_NOTICES = frozenset({"gatus"})
"""Kinds that are told how everything is instead."""
_SCHEMES = {"mail": ("smtp", "smtps")}
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+")
"""As HTML has it: what a person calls an address, and nothing that ends a header."""
_APPRISE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://[!-~]+")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Channel:
    """What the operator says of one channel; every field is a key of the table."""

    name: str = ""
    """Of its own: letters, digits and `_ . -`."""
    kind: str = choice(*get_args(ChannelKind))
    url: str = ""
    """Where it is; for mail `smtp://host:port` or `smtps://host:port`."""
    url_file: str = ""
    """File whose first line is the address, where that is a secret."""
    secret_file: str = ""
    """File whose first line signs a webhook or DingTalk, or is the key or the password."""
    ca_file: str = ""
    """CA of its certificate, PEM; empty: the system's."""
    severities: tuple[str, ...] = SEVERITIES
    """Of incidents that are told here."""
    language: str = choice(*get_args(Language))
    mail_from: str = ""
    mail_to: tuple[str, ...] = ()
    mail_user: str = ""
    """To log in with, and the password of `secret_file`; empty: nobody logs in."""

    def check(self) -> None:
        """Raise ConfigError where the table cannot work."""
        if not _NAME.fullmatch(self.name):
            raise ConfigError(f"channel.name = {self.name!r}: expected letters, digits and _ . -")
        for severity in self.severities:
            if severity not in SEVERITIES:
                raise self.wrong("severities", severity, f"expected {', '.join(SEVERITIES)}")
        if bool(self.url) == bool(self.url_file):
            raise self.wrong("url", self.url, "expected either url or url_file")
        if self.url:
            self.check_url(self.url)
        if self.kind == "mail":
            self._check_mail()
        if self.kind == "apprise" and not self.url_file:
            raise self.wrong("url", "…", "an address of Apprise is a secret: expected url_file")
        if self.kind == "pagerduty" and not self.secret_file:
            raise self.wrong("secret_file", "", "PagerDuty needs an integration key")
        if self.kind == "gatus" and not self.secret_file:
            raise self.wrong("secret_file", "", "Gatus needs the token of its external endpoints")

    def check_url(self, url: str) -> None:
        """Raise ConfigError where an address is none, or secrets would travel in the clear."""
        if self.kind == "apprise":
            if not _APPRISE.fullmatch(url):
                raise self.wrong("url", "…", "expected one address of Apprise, service://…")
            return
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname or "", parts.port
        except ValueError as error:
            raise self.wrong("url", "…", str(error)) from None
        schemes = _SCHEMES.get(self.kind, ("http", "https"))
        if parts.scheme not in schemes or not host or parts.username is not None:
            words = f"expected {' or '.join(schemes)}://host[:port] without a user"
            raise self.wrong("url", "…", words)
        is_secret = bool(self.secret_file or self.url_file)
        if is_secret and parts.scheme == "http" and not is_loopback(host):
            raise self.wrong("url", "…", "a secret needs https beyond loopback")

    def wrong(self, key: str, value: str, words: str) -> ConfigError:
        """Return the error of one key."""
        return ConfigError(f"channel {self.name}: {key} = {value!r}: {words}")

    @property
    def spoken(self) -> Language:
        """Return the language as what it is."""
        return cast(Language, self.language)

    @property
    def is_a(self) -> ChannelKind:
        """Return the kind as what it is."""
        return cast(ChannelKind, self.kind)

    def takes(self) -> frozenset[Severity]:
        """Return the severities that it is told of."""
        if self.kind in WITHOUT_NOTICES:
            return frozenset()
        return frozenset(cast(tuple[Severity, ...], self.severities))

    def _check_mail(self) -> None:
        for key, addresses in (("mail_from", (self.mail_from,)), ("mail_to", self.mail_to)):
            if not addresses or not all(_ADDRESS.fullmatch(address) for address in addresses):
                raise self.wrong(key, ", ".join(addresses), "expected user@host")
        if bool(self.mail_user) != bool(self.secret_file):
            raise self.wrong("mail_user", self.mail_user, "belongs together with secret_file")


def check_names(channels: Iterable[Channel]) -> None:
    """Raise ConfigError where two channels have one name."""
    names = [channel.name for channel in channels]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"channel.name = {name!r}: two channels have it")
