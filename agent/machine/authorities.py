"""
Whether a process has any certificate authorities to trust, in the places where `go` looks.

Without one, Go says of every certificate that its authority is unknown, as of one that is forged: a
container without the package ca-certificates is the usual case. Source: crypto/x509/root_unix.go,
root_linux.go.
"""

import os
from collections.abc import Iterator, Mapping
from itertools import islice

from .named import open_named

_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_FOLDERS = ("/etc/ssl/certs", "/etc/pki/tls/certs")
MAX_FILES = 64
"""Of one folder that are looked into; one certificate is enough."""
MAX_READ_BYTES = 1 << 16
"""Of one file; a certificate begins in its first lines."""
_CERTIFICATE = b"-----BEGIN CERTIFICATE"


def has_authorities(pid: int, environ: Mapping[str, str]) -> bool | None:
    """
    Return False where a process has none; None where that was not looked at, as it goes without
    saying: where a file of them lies at its usual place, and no variable names another. Nor is
    where only its folder tells what a name means, or where it has ended: a zombie has no root.
    """
    file, folders = environ.get("SSL_CERT_FILE"), environ.get("SSL_CERT_DIR")
    root = f"/proc/{pid}/root"
    if not file and not folders and any(_has_content(root + path) for path in _FILES):
        return None
    if not all(
        name.startswith("/") for name in (file or "/", *(folders or "/").split(":")) if name
    ):
        return None
    paths = [file] if file else list(_FILES)
    for folder in folders.split(":") if folders else _FOLDERS:
        paths += _inside(root, folder)
    found = any(_has_certificate(pid, path) for path in paths)
    return found or (False if os.path.exists(root) else None)


def _has_content(path: str) -> bool:
    try:
        return os.stat(path).st_size > 0
    except (OSError, ValueError):
        return False


def _inside(root: str, folder: str) -> Iterator[str]:
    """Yield what a folder seems to hold; each is looked up below the root of the process."""
    try:
        with os.scandir(root + os.path.join("/", folder)) as entries:
            yield from (os.path.join(folder, entry.name) for entry in islice(entries, MAX_FILES))
    except (OSError, ValueError):
        return


def _has_certificate(pid: int, path: str) -> bool:
    handle = open_named(pid, path)
    if handle is None:
        return False
    try:
        return _CERTIFICATE in os.read(handle, MAX_READ_BYTES)
    except OSError:
        return False
    finally:
        os.close(handle)
