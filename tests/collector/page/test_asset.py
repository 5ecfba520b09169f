"""What a browser fetches: ours, or as published; few bytes, and never two of a name."""

import gzip
from hashlib import sha256
from pathlib import Path

from modpulse.collector.page import files
from modpulse.collector.page.asset import Assets

FOLDER = Path(files.__file__).parent / "assets"
PUBLISHED = {
    "htmx.js": "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130",
    "sse.js": "18ef2761356ec1fe0bb6d92612315b37517a7c1e9856b661c5ae81fef239d103",
    "uplot.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uplot.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
}
"""SHA-256 of what others wrote, as their packages have it."""
MAX_SCRIPT_BYTES = 100_000


def test_foreign_files_are_as_published() -> None:
    """Nobody has changed a word of them, and the README names each with its licence."""
    readme = (FOLDER / "README.md").read_text()

    assert {n: sha256((FOLDER / n).read_bytes()).hexdigest() for n in PUBLISHED} == PUBLISHED
    assert {name for name in PUBLISHED if f"`{name}`" not in readme} == set()
    assert {"LICENSE.htmx", "LICENSE.uplot"} <= {path.name for path in FOLDER.iterdir()}


def test_scripts_are_small() -> None:
    """All that a browser runs is less than 100 kB, before it is packed."""
    assert sum(path.stat().st_size for path in FOLDER.glob("*.js")) < MAX_SCRIPT_BYTES


def test_a_name_says_what_is_in_it() -> None:
    """Other bytes have another name; what is packed is the same; what is not there is nothing."""
    one, other = (Assets({"page.css": (body, "text/css")}) for body in (b"a{}", b"b{}"))
    path = one.path("page.css")
    found = one.find(path.rpartition("/")[2])

    assert path.startswith("/assets/page.")
    assert path.endswith(".css")
    assert path != other.path("page.css")
    assert found
    assert gzip.decompress(found.packed) == found.body == b"a{}"
    assert one.find("page.css") is None


def test_nothing_is_fetched_from_elsewhere() -> None:
    """No style, template or script of ours names another server."""
    names = {path.name for path in FOLDER.iterdir() if path.suffix in (".js", ".css")}
    ours = [FOLDER / name for name in names - PUBLISHED.keys()]
    ours += (FOLDER.parent / "templates").iterdir()

    assert [path.name for path in ours if "://" in path.read_text()] == []
