"""
How a host is spelt: one way, that of the question for it, whatever a URL or a setting has.
"""

import unicodedata


def asked_name(name: str) -> str:
    """Return a host as it is asked for: in ASCII and small letters (RFC 5891), else as it is."""
    if name.isascii():
        return name if ":" in name else name.lower()
    text = unicodedata.normalize("NFKC", name.replace("\u3002", ".")).lower()
    try:
        return ".".join(map(_ascii_label, text.split(".")))
    except ValueError:
        return name


def _ascii_label(label: str) -> str:
    return label if label.isascii() else f"xn--{label.encode('punycode').decode('ascii')}"
