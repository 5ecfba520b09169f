"""Ways to damage a database file, chosen by a seed, and a database worth damaging."""

import random
import shutil
import sqlite3
import struct
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from collectors import batch_bytes
from sightings import T0_NS, S, arrival, sighting
from stored import append

from modpulse.collector.health.gates import Finding
from modpulse.collector.health.reason import plain
from modpulse.collector.intake.arrival import Leaf
from modpulse.collector.store.database import Store
from modpulse.collector.store.recall import SavedState

PAGE_BYTES = 4096
PROXIES = 40

Damage = Callable[[random.Random, bytearray], str]


def make_good(path: Path) -> None:
    """Write a database with something in every table, and trees of several pages."""
    with closing(Store.open(path)) as store:
        for number in range(PROXIES):
            name = f"https://proxy-{number}.example"
            seen = sighting(
                name,
                ok=5,
                failures={"http.5xx": 1, "dns.timeout": 2},
                first_byte=dict.fromkeys(range(-200, 0, 5), 1),
                certificate=Leaf(1, T0_NS // S + 86_400),
            )
            for agent in range(4):
                append(
                    store,
                    [
                        arrival(
                            seen,
                            agent_id=f"build-{agent}",
                            seq=2 * number,
                            end_ns=T0_NS - number * 60 * S,
                            body=batch_bytes(agent_id=f"build-{agent}", end_ns=T0_NS),
                        )
                    ],
                )
            store.save({name: SavedState("down", T0_NS, (Finding("outage", plain("words")),))})


def copy_of(good: Path, folder: Path) -> Path:
    """A copy to damage; the good one was closed, so it is one file."""
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    return Path(shutil.copy(good, folder / "c.db"))


def flip_bytes(rng: random.Random, data: bytearray) -> str:
    """Some bytes of one page, anything."""
    page = rng.randrange(len(data) // PAGE_BYTES)
    count = rng.choice((1, 2, 8, 64))
    for _ in range(count):
        data[page * PAGE_BYTES + rng.randrange(PAGE_BYTES)] = rng.randrange(256)
    return f"{count} bytes of page {page}"


def flip_page_head(rng: random.Random, data: bytearray) -> str:
    """What describes a page: type, counts, cell pointers."""
    page = rng.randrange(len(data) // PAGE_BYTES)
    at = page * PAGE_BYTES + (100 if page == 0 else 0) + rng.randrange(40)
    data[at] ^= 1 << rng.randrange(8)
    return f"byte {at} in the head of page {page}"


def flip_header(rng: random.Random, data: bytearray) -> str:
    """The file's header."""
    at = rng.randrange(100)
    data[at] = rng.randrange(256)
    return f"header byte {at} = {data[at]}"


def cut(rng: random.Random, data: bytearray) -> str:
    """The end is missing, at a page or within one."""
    length = rng.randrange(len(data))
    if rng.random() < 0.5:
        length -= length % PAGE_BYTES
    del data[length:]
    return f"cut to {length}"


def garbage_page(rng: random.Random, data: bytearray) -> str:
    """A page of noise, zeros or ones."""
    page = rng.randrange(len(data) // PAGE_BYTES)
    kind = rng.choice(("noise", "zeros", "ones"))
    content = {
        "noise": rng.randbytes(PAGE_BYTES),
        "zeros": bytes(PAGE_BYTES),
        "ones": b"\xff" * PAGE_BYTES,
    }[kind]
    data[page * PAGE_BYTES : (page + 1) * PAGE_BYTES] = content
    return f"{kind} in page {page}"


def swap_pages(rng: random.Random, data: bytearray) -> str:
    """Two pages changed places, or one is there twice."""
    one, other = rng.sample(range(len(data) // PAGE_BYTES), 2)
    a, b = one * PAGE_BYTES, other * PAGE_BYTES
    first, second = data[a : a + PAGE_BYTES], data[b : b + PAGE_BYTES]
    data[a : a + PAGE_BYTES] = second
    if rng.random() < 0.7:
        data[b : b + PAGE_BYTES] = first
    return f"pages {one} and {other}"


def numbers_of_header(rng: random.Random, data: bytearray) -> str:
    """Whole fields of the header: sizes, versions, our ids (fileformat2.html 1.3)."""
    at = rng.choice((24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 64, 68, 92, 96))
    value = rng.choice((0, 1, 2, 3, 1 << 31, (1 << 32) - 1, rng.getrandbits(32)))
    data[at : at + 4] = struct.pack(">I", value)
    return f"field {at} = {value}"


KINDS: tuple[Damage, ...] = (
    flip_bytes,
    flip_page_head,
    flip_header,
    cut,
    garbage_page,
    swap_pages,
    numbers_of_header,
)

STRANGE: tuple[object, ...] = (
    None,
    "",
    "words",
    "[",
    "[[1]]",
    "[" * 5000,
    '["\\ud800"]',
    '[["outage"]]',
    '[["nonsense", "x"]]',
    '{"a": 1}',
    b"\xff\xfe",
    -1,
    (1 << 63) - 1,
    -(1 << 63),
    1e308,
    float("inf"),
    2.5,
)
"""Values that a column may hold whatever it was declared as."""


def put_strange(rng: random.Random, path: Path) -> str:
    """Write a strange value into a column of some rows, past the NOT NULL that SQLite checks."""
    with closing(sqlite3.connect(path)) as db, db:
        tables = [
            name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        table = rng.choice(tables)
        column = rng.choice([row[1] for row in db.execute(f"PRAGMA table_info({table})")])
        value = rng.choice(STRANGE)
        where = rng.choice(("1", "random() % 2", "random() % 7 = 0"))
        try:
            db.execute(f"UPDATE OR IGNORE {table} SET {column} = ? WHERE {where}", (value,))
        except sqlite3.Error as error:
            return f"{table}.{column} refuses {value!r:.20}: {error}"
    return f"{table}.{column} = {value!r:.20} where {where}"
