"""
Any of the hundred other services, by Apprise, where the extra `apprise` is installed.

The only importer of it. Its answer is yes or no: what a service complains of is not known, and a
notice that it will never take is tried until it is given up. Its own log is switched off, for it
may have the address, which is the secret.
"""

import logging
from urllib.parse import urlsplit

import apprise

from .message import DeliveryError
from .render import Words

FORBIDDEN = frozenset({"syslog", "dbus", "qt", "glib", "kde", "gnome", "macosx", "windows"})
"""Services of this machine's own: a collector has no desktop, and its log is not its channel."""


def notify(words: Words, url: str) -> None:
    """
    Tell a service.

    Args:
        words: What.
        url: As Apprise writes them, one.

    Raises:
        DeliveryError: it was not taken, or there is no such service.
    """
    logging.getLogger("apprise").disabled = True
    # No plugins of files, one attempt at a time on this thread.
    asset = apprise.AppriseAsset(plugin_paths=[], async_mode=False, secure_logging=True)
    told = apprise.Apprise(asset=asset)
    if urlsplit(url).scheme.lower() in FORBIDDEN or not told.add(url):
        raise DeliveryError("Apprise knows no such address")
    if not told.notify(body=words.body, title=words.title, body_format=apprise.NotifyFormat.TEXT):
        raise DeliveryError("Apprise could not deliver it, and does not say why")
