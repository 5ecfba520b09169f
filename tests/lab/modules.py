"""
Go modules made here, and the files that a module proxy serves for them. Pure and deterministic.

Source: the GOPROXY protocol, https://go.dev/ref/mod#goproxy-protocol, and
golang.org/x/mod/sumdb/dirhash (the `h1:` sums).
"""

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field

ROOT = "mod.lab.test"
SMALL_MODULES = 30
BIG_BYTES = 4 << 20
"""Larger than the socket buffers, so that a body takes several round trips."""
LATEST = "v1.1.0"
VERSIONS = ("v1.0.0", LATEST)
COMMITTED = "2026-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Module:
    """One version of one module."""

    path: str
    version: str
    requires: tuple[tuple[str, str], ...] = ()
    files: dict[str, bytes] = field(default_factory=dict)
    """By name within the module, without go.mod."""

    @property
    def go_mod(self) -> bytes:
        lines = [f"module {self.path}", "", "go 1.18"]
        lines += [f"require {path} {version}" for path, version in self.requires]
        return "\n".join([*lines, ""]).encode()

    @property
    def info(self) -> bytes:
        return json.dumps({"Version": self.version, "Time": COMMITTED}).encode()

    @property
    def members(self) -> dict[str, bytes]:
        """The zip's files by their full names."""
        files = {"go.mod": self.go_mod, **self.files}
        return {f"{self.path}@{self.version}/{name}": data for name, data in files.items()}

    @property
    def zip(self) -> bytes:
        return zip_of(self.members)

    @property
    def sums(self) -> str:
        """The two lines of go.sum, which are also the record of a checksum database."""
        name = f"{self.path} {self.version}"
        return f"{name} {h1(self.members)}\n{name}/go.mod {h1({'go.mod': self.go_mod})}\n"


def zip_of(members: dict[str, bytes]) -> bytes:
    """A zip of these files that is the same every time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return buffer.getvalue()


def h1(members: dict[str, bytes]) -> str:
    """The `h1:` sum of a set of files (dirhash.Hash1)."""
    lines = "".join(
        f"{hashlib.sha256(members[name]).hexdigest()}  {name}\n" for name in sorted(members)
    )
    return "h1:" + base64.b64encode(hashlib.sha256(lines.encode()).digest()).decode()


def _small(name: str, version: str) -> Module:
    source = f"package {name}\n\nconst Version = {version!r}\n".replace("'", '"')
    return Module(f"{ROOT}/{name}", version, (), {f"{name}.go": source.encode()})


def catalogue() -> list[Module]:
    """
    Everything that the lab serves.

    `m00` to `m29`, two versions each; `big`, which requires them all and has a body of BIG_BYTES;
    `deep`, whose package `deep/nested/pkg` makes `go get` try each prefix of the path.
    """
    names = [f"m{number:02}" for number in range(SMALL_MODULES)]
    small = [_small(name, version) for name in names for version in VERSIONS]
    blob = hashlib.shake_128(b"modpulse").digest(BIG_BYTES)
    requires = tuple((f"{ROOT}/{name}", LATEST) for name in names)
    big = Module(f"{ROOT}/big", LATEST, requires, {"big.go": b"package big\n", "blob.bin": blob})
    deep = Module(f"{ROOT}/deep", LATEST, (), {"nested/pkg/pkg.go": b"package pkg\n"})
    return [*small, big, deep]


def toolchain(go_version: str, files: dict[str, bytes]) -> Module:
    """The release `go_version` ("go1.27.3") as the module from which go switches to it."""
    return Module("golang.org/toolchain", f"v0.0.1-{go_version}.linux-amd64", (), files)


def altered(module: Module) -> Module:
    """The same module with a line that its author never wrote."""
    files = {**module.files, "backdoor.go": b"package " + module.path.split("/")[-1].encode()}
    return Module(module.path, module.version, module.requires, files)


def proxy_files(modules: Iterable[Module]) -> dict[str, bytes]:
    """What a GOPROXY serves for them, by URL path (which is also the layout of a file proxy)."""
    served: dict[str, bytes] = {}
    versions: dict[str, list[str]] = {}
    for module in modules:
        base = f"/{module.path}/@v/{module.version}"
        served |= {f"{base}.info": module.info, f"{base}.mod": module.go_mod}
        served |= {f"{base}.zip": module.zip, f"/{module.path}/@latest": module.info}
        versions.setdefault(module.path, []).append(module.version)
    for path, found in versions.items():
        served[f"/{path}/@v/list"] = "\n".join([*found, ""]).encode()
    return served
