"""
Mail: one message for each notice, those of one incident in one thread.

The Message-ID is the notice's own: who gets it twice, after a crash at the wrong moment, sees one.
"""

from email.message import EmailMessage
from email.utils import formatdate

from .message import Telling


def make(telling: Telling) -> EmailMessage:
    """Return the message."""
    notice, channel = telling.notice, telling.channel
    domain = channel.mail_from.rpartition("@")[2]
    message = EmailMessage()
    message["Subject"] = telling.words.title
    message["From"] = channel.mail_from
    message["To"] = ", ".join(channel.mail_to)
    message["Date"] = formatdate(telling.now_s)
    message["Message-ID"] = f"<modpulse-{notice.id}@{domain}>"
    if notice.count > 1:
        first = f"<modpulse-{notice.incident.name}.1@{domain}>"
        message["In-Reply-To"] = message["References"] = first
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(f"{telling.words.body}\n\n-- \nincident {notice.incident.name}\n")
    return message
