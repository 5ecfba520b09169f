"""
A socket beside the database, for whoever may read that: it gives out copies of it.

What is said is in store/backup.py. It is the file's owner, and root, who may connect; nobody else,
and nothing of the network.
"""

import asyncio
import contextlib
import json
import logging
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

from ..errors import OverloadedError, StoreUnavailableError
from ..store.backup import ASKED, SOCKET_SUFFIX, socket_name
from ..store.place import MODE

log = logging.getLogger("modpulse.collector")

COPY = ".backup"
"""The copy, while it is made and given out, lies beside the database: on a disk with its room."""
ASK_S = 10.0
"""For the line that asks."""
READ_S = 60.0
"""For each piece: who asks and does not read is left alone."""
PIECE_BYTES = 1 << 20
PEER = struct.Struct("3i")
"""struct ucred of socket(7): pid, uid, gid."""

Copy = Callable[[Path], Awaitable[None]]


class Desk:
    """Serves one after the other."""

    def __init__(self, database: Path, copy: Copy) -> None:
        """
        Args:
            database: Locked by this process.
            copy: Writes a copy of it.
        """
        self._copy = copy
        self._target = database.with_name(database.name + COPY)
        self._database = database
        self._path = database.with_name(database.name + SOCKET_SUFFIX)
        self._is_busy = False

    async def serve(self) -> None:
        """Until it is cancelled; where no socket can be made there is none, and that is said."""
        try:
            self._target.unlink(missing_ok=True)
            self._path.unlink(missing_ok=True)
            listener = _listener(self._database)
        except OSError as error:
            log.warning("backup.unavailable reason=%s", error.strerror)
            await asyncio.Event().wait()
            return
        try:
            server = await asyncio.start_unix_server(self._answer, sock=listener)
            async with server:
                await server.serve_forever()
        finally:
            with contextlib.suppress(OSError):
                self._path.unlink()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, ValueError):
            if not _is_ours(writer.get_extra_info("socket")):
                _say(writer, error="not the collector's user")
            elif await asyncio.wait_for(reader.readline(), ASK_S) != ASKED:
                _say(writer, error="no such request")
            elif self._is_busy:
                _say(writer, error="another backup is on its way")
            else:
                await self._give(writer)
            await asyncio.wait_for(writer.drain(), READ_S)
        with contextlib.suppress(OSError):
            writer.close()

    async def _give(self, writer: asyncio.StreamWriter) -> None:
        self._is_busy = True
        try:
            await self._copy(self._target)
            with open(self._target, "rb") as file:
                # From here on only who reads it has it.
                self._target.unlink()
                size_bytes = os.fstat(file.fileno()).st_size
                _say(writer, bytes=size_bytes)
                while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
                    writer.write(piece)
                    await asyncio.wait_for(writer.drain(), READ_S)
            log.info("backup.given bytes=%d", size_bytes)
        except (StoreUnavailableError, OverloadedError, OSError) as error:
            log.warning("backup.failed reason=%s", error)
            _say(writer, error=str(error))
        finally:
            self._is_busy = False


def _say(writer: asyncio.StreamWriter, **words: object) -> None:
    writer.write(json.dumps(words).encode() + b"\n")


def _is_ours(connection: socket.socket) -> bool:
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size)
    _, uid, _ = PEER.unpack(data)
    return uid in (0, os.geteuid())


def _listener(database: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    try:
        with socket_name(database) as name:
            listener.bind(name)
            os.chmod(name, MODE)
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener
