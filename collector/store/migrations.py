"""
The database's layout as steps: step N takes `user_version` N to N + 1.

Steps are only ever appended. They may say what `packing.teach` has taught.
"""

import sqlite3
from contextlib import closing
from functools import cache

from ..errors import StoreError
from .packing import teach
from .tiers import LAST_PROXY_ID, LATEST_START_S

APPLICATION_ID = 0x6D6F6470
"""`modp` in the file's header: a database of something else is not touched."""


def _moved(table: str, packed: str) -> str:
    """
    Return what moves a table of layouts 1 to 4 into rows of cells.

    There each fact was in one row, by minute or by hour: minutes that came late are in hours too
    from now on.
    """
    sound = (
        f"typeof(start_s) = 'integer' AND start_s BETWEEN 0 AND {LATEST_START_S} "
        f"AND typeof(proxy_id) = 'integer' AND proxy_id BETWEEN 1 AND {LAST_PROXY_ID}"
    )
    join = "ON CONFLICT DO UPDATE SET cells = joined(cells, excluded.cells)"
    return f"""
    INSERT INTO rollups SELECT rollup_key(proxy_id, period_s, start_s), {packed} FROM {table}
    WHERE period_s IN (60, 3600) AND {sound} GROUP BY proxy_id, period_s, start_s {join};
    INSERT INTO rollups SELECT rollup_key(proxy_id, 3600, start_s), {packed} FROM {table} AS late
    WHERE period_s = 60 AND {sound} AND start_s < 3600 + (SELECT MAX(start_s) FROM {table}
    WHERE proxy_id = late.proxy_id AND period_s = 3600 AND {sound})
    GROUP BY proxy_id, start_s / 3600 {join};
    """


STEPS: tuple[str, ...] = (
    """
    -- Which batches were taken, as ranges: an agent in good order costs one row per run.
    CREATE TABLE seen (
        agent_id TEXT NOT NULL,
        run_id BLOB NOT NULL,
        first_seq INTEGER NOT NULL,
        last_seq INTEGER NOT NULL,
        at_s INTEGER NOT NULL,
        PRIMARY KEY (agent_id, run_id, first_seq)
    ) WITHOUT ROWID;

    -- Batches as they came, for as long as they are evidence: a restart replays them.
    CREATE TABLE log (
        id INTEGER PRIMARY KEY,
        arrived_ns INTEGER NOT NULL,
        skew_ns INTEGER NOT NULL,
        batch BLOB NOT NULL
    );

    CREATE TABLE proxies (id INTEGER PRIMARY KEY, proxy TEXT NOT NULL UNIQUE);

    -- Who asked which proxy when: an agent that asks within the hour is a witness.
    CREATE TABLE asks (
        proxy_id INTEGER NOT NULL,
        agent_id TEXT NOT NULL,
        asked_ns INTEGER NOT NULL,
        served_ns INTEGER,
        resolvers TEXT NOT NULL,
        PRIMARY KEY (proxy_id, agent_id)
    ) WITHOUT ROWID;

    -- ok, miss, suspect, bytes, and each failure class by its name.
    CREATE TABLE counts (
        proxy_id INTEGER NOT NULL,
        period_s INTEGER NOT NULL,
        start_s INTEGER NOT NULL,
        name TEXT NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (proxy_id, period_s, start_s, name)
    ) WITHOUT ROWID;

    CREATE TABLE sketches (
        proxy_id INTEGER NOT NULL,
        period_s INTEGER NOT NULL,
        start_s INTEGER NOT NULL,
        phase TEXT NOT NULL,
        bucket INTEGER NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (proxy_id, period_s, start_s, phase, bucket)
    ) WITHOUT ROWID;

    CREATE TABLE certificates (
        proxy_id INTEGER PRIMARY KEY,
        not_before_s INTEGER NOT NULL,
        not_after_s INTEGER NOT NULL,
        seen_ns INTEGER NOT NULL
    );

    CREATE TABLE states (
        proxy_id INTEGER PRIMARY KEY,
        state TEXT NOT NULL,
        since_ns INTEGER NOT NULL,
        findings TEXT NOT NULL
    );
    """,
    """
    -- Where the evidence begins is found without reading what is older.
    CREATE INDEX log_arrived ON log (arrived_ns);
    """,
    """
    -- One row: from the machine's clocks to the collector's, see clock.py.
    CREATE TABLE clock (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        boot_id TEXT NOT NULL,
        boot_offset_ns INTEGER NOT NULL,
        wall_offset_ns INTEGER NOT NULL,
        last_ns INTEGER NOT NULL
    );

    -- Agents could name phases as they liked.
    DELETE FROM sketches WHERE phase NOT IN (
        'resolve', 'connect', 'tls', 'verify', 'processing', 'transfer', 'first_byte_small'
    );
    """,
    """
    -- What of a batch was taken, as bits: its proxies by their places, and whether its agent was
    -- known. All of it: -1.
    ALTER TABLE log ADD COLUMN taken INTEGER NOT NULL DEFAULT -1;

    -- One row: up to which batch of the log all other tables know what it says.
    CREATE TABLE rolled (id INTEGER PRIMARY KEY CHECK (id = 1), log_id INTEGER NOT NULL);
    INSERT INTO rolled SELECT 1, IFNULL(MAX(id), 0) FROM log;
    -- For ever. What is open is found without reading what is closed.
    CREATE TABLE incidents (
        id INTEGER PRIMARY KEY,
        closed_ns INTEGER,
        incident TEXT NOT NULL
    );
    CREATE INDEX incidents_closed ON incidents (closed_ns);

    -- What is to be told, written with what it tells; settled once it is delivered.
    CREATE TABLE outbox (
        id INTEGER PRIMARY KEY,
        channel TEXT NOT NULL,
        incident_id INTEGER NOT NULL,
        count INTEGER NOT NULL,
        made_ns INTEGER NOT NULL,
        next_ns INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        notice TEXT NOT NULL,
        outcome TEXT,
        settled_ns INTEGER,
        UNIQUE (channel, incident_id, count)
    );
    CREATE INDEX outbox_waiting ON outbox (channel, id) WHERE outcome IS NULL;
    """,
    f"""
    -- The history: a row for each proxy, dimension, period and start, see tiers.py and cells.py.
    CREATE TABLE rollups (key INTEGER PRIMARY KEY, cells BLOB NOT NULL);
    -- From when on minutes, hours and days are kept.
    CREATE TABLE tiers (period_s INTEGER PRIMARY KEY, from_s INTEGER NOT NULL);
    {_moved("counts", "packed_counts(name, count)")}
    {_moved("sketches", "packed_buckets(phase, bucket, count)")}
    DROP TABLE counts;
    DROP TABLE sketches;
    """,
    """
    -- What people wrote of an incident: as long as that is kept.
    CREATE TABLE notes (
        id INTEGER PRIMARY KEY,
        incident_id INTEGER NOT NULL,
        at_ns INTEGER NOT NULL,
        who TEXT NOT NULL,
        words TEXT NOT NULL
    );
    CREATE INDEX notes_incident ON notes (incident_id);

    -- Windows in which nobody is told, beside those of the configuration. No number is given
    -- twice: who ends one that is gone would end another.
    CREATE TABLE maintenance (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        begins TEXT NOT NULL,
        minutes REAL NOT NULL,
        proxy TEXT NOT NULL,
        site TEXT NOT NULL,
        who TEXT NOT NULL,
        at_ns INTEGER NOT NULL
    );

    -- Who did what, and who tried.
    CREATE TABLE audit (
        id INTEGER PRIMARY KEY,
        at_ns INTEGER NOT NULL,
        who TEXT NOT NULL,
        act TEXT NOT NULL,
        target TEXT NOT NULL,
        outcome TEXT NOT NULL,
        address TEXT NOT NULL
    );
    CREATE INDEX audit_at ON audit (at_ns);
    """,
    """
    -- What was seen of conditions, and when was judged: alerts are tried on it, see alerts/past.py.
    CREATE TABLE past (id INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, row TEXT NOT NULL);
    CREATE INDEX past_at ON past (at_ns);
    """,
    """
    -- What is remembered of a proxy beside its history, see health/memory.py.
    CREATE TABLE memories (
        proxy_id INTEGER PRIMARY KEY,
        at_ns INTEGER NOT NULL,
        memory TEXT NOT NULL
    );

    -- Modules that some proxy said it has not, and who served which version since when.
    CREATE TABLE lacked (
        module TEXT PRIMARY KEY,
        at_ns INTEGER NOT NULL,
        lacked TEXT NOT NULL
    ) WITHOUT ROWID;
    """,
    """
    -- Whether anybody may read a note.
    ALTER TABLE notes ADD COLUMN is_public INTEGER NOT NULL DEFAULT 0;
    """,
)


def prepare(db: sqlite3.Connection) -> None:
    """
    Bring an opened database up to date and set how it is written.

    Raises:
        StoreError: of something else, of a newer version, or not what it says it is.
        sqlite3.Error: not a database, or damaged.
    """
    # Who else would use it waits. There is no index of the log in a file that others may cut, and
    # whoever writes the log is not SQLite.
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    owner = db.execute("PRAGMA application_id").fetchone()[0]
    tables = db.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
    if tables and owner != APPLICATION_ID:
        raise StoreError("is a database of something else: name another file in `database`")
    if version > len(STEPS):
        raise StoreError(
            f"has layout version {version}, this collector knows up to {len(STEPS)}: "
            "install the newer collector again"
        )
    if version < 0 or bool(version) != bool(tables):
        raise sqlite3.DatabaseError(f"layout version {version} with {tables} tables and indexes")
    if db.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
        raise StoreError("is on a file system that cannot keep a log: it needs a local disk")
    # FULL: the WAL is synced at each commit, so a 202 survives a power cut too.
    db.execute("PRAGMA synchronous = FULL")
    teach(db)
    for number, step in enumerate(STEPS[version:], start=version + 1):
        db.executescript(
            f"BEGIN; {step} PRAGMA application_id = {APPLICATION_ID}; "
            f"PRAGMA user_version = {number}; COMMIT;"
        )
    if not _layout(db).issuperset(_expected()):
        raise sqlite3.DatabaseError(f"the tables are not those of layout version {len(STEPS)}")
    # Pages are read lazily: a damaged file would otherwise be found out in mid-service.
    for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        db.execute(f'SELECT * FROM "{table}" LIMIT 1').fetchall()


def _layout(db: sqlite3.Connection) -> set[tuple[str, str, str]]:
    return set(db.execute("SELECT type, name, sql FROM sqlite_master").fetchall())


@cache
def _expected() -> frozenset[tuple[str, str, str]]:
    with closing(sqlite3.connect(":memory:")) as db:
        teach(db)
        for step in STEPS:
            db.executescript(step)
        return frozenset(_layout(db))
