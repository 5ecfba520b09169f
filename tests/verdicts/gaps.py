"""
Members that modpulse does not tell as the catalogue has it, and why.

Each is told as the user's trouble and not as another's, but with a class or a word that could be
better; where that is not so, it says so.
"""

GAPS = {
    "local: 6 descriptors": "go's runtime ends before any function of it is watched",
    "redirect: login from zip": (
        "what an answer holds is not seen within TLS: a page is told as a zip that is none"
    ),
}
