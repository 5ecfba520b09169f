"""
A checksum database small enough to read: one tree, one signer, every answer computed when made.

Pure. Source: golang.org/x/mod/sumdb (server.go), sumdb/tlog and sumdb/note; RFC 6962 for the tree.
"""

import base64
import hashlib
from collections.abc import Sequence

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .modules import Module

MAX_RECORDS = 255
"""One partial tile holds them all, so no tile of a higher level is ever asked for."""
ED25519 = b"\x01"
"""note.algEd25519."""


def _leaf(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def tree_hash(leaves: Sequence[bytes]) -> bytes:
    """The Merkle tree hash of leaf hashes (RFC 6962 section 2.1)."""
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + tree_hash(leaves[:half]) + tree_hash(leaves[half:])).digest()


class Signer:
    """An Ed25519 note signer whose key follows from its name, so that a restart is no fork."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())
        raw = self._key.public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw
        )
        self._id = hashlib.sha256(name.encode() + b"\n" + ED25519 + raw).digest()[:4]
        encoded = base64.b64encode(ED25519 + raw).decode()
        self.verifier = f"{name}+{self._id.hex()}+{encoded}"
        """What GOSUMDB takes."""

    def sign(self, text: str) -> str:
        """The note of `text`, which ends in a newline."""
        signature = base64.b64encode(self._id + self._key.sign(text.encode())).decode()
        return f"{text}\n— {self.name} {signature}\n"


def database_files(name: str, modules: Sequence[Module]) -> dict[str, bytes]:
    """Every answer of the database `name` that knows `modules`, by URL path."""
    if len(modules) > MAX_RECORDS:
        raise ValueError(f"{len(modules)} records, at most {MAX_RECORDS} fit in one tile")
    records = [module.sums for module in modules]
    leaves = [_leaf(record.encode()) for record in records]
    root = base64.b64encode(tree_hash(leaves)).decode()
    head = Signer(name).sign(f"go.sum database tree\n{len(leaves)}\n{root}\n")
    files = {"/latest": head.encode(), "/supported": b""}
    files[f"/tile/8/0/000.p/{len(leaves)}"] = b"".join(leaves)
    for number, (module, record) in enumerate(zip(modules, records, strict=True)):
        path = f"/lookup/{module.path}@{module.version}"
        files[path] = f"{number}\n{record}\n{head}".encode()
    return files
