"""A disk that fails: a real process whose reads, writes or syncs of some files return an error."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from conftest import needs

_SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* While the file FAULT exists it says what fails, and with which errno: "write 5". */
static int fails(const char *what, int fd)
{
	char kind[16], link[64], path[4096];
	int error = 0;
	FILE *file = fopen(getenv("FAULT"), "r");
	if (!file)
		return 0;
	int read = fscanf(file, "%15s %d", kind, &error);
	fclose(file);
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t length = readlink(link, path, sizeof path - 1);
	if (read != 2 || strcmp(kind, what) || length < 0)
		return 0;
	path[length] = 0;
	if (!strstr(path, getenv("FAILING")))
		return 0;
	errno = error;
	return 1;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
	return fails("write", fd) ? -1 : NEXT(pwrite64)(fd, data, size, at);
}

ssize_t pread64(int fd, void *data, size_t size, off64_t at)
{
	return fails("read", fd) ? -1 : NEXT(pread64)(fd, data, size, at);
}

int fsync(int fd)
{
	return fails("sync", fd) ? -1 : NEXT(fsync)(fd);
}

int fdatasync(int fd)
{
	return fails("sync", fd) ? -1 : NEXT(fdatasync)(fd);
}
"""


class FailingDisk:
    """Built once for a test; `environment` goes to the process."""

    def __init__(self, folder: Path, name: str) -> None:
        """
        Args:
            folder: Of the test.
            name: What is in the paths of the files that fail.
        """
        self._fault = folder / "fault"
        library = folder / "failing_disk.so"
        command = ["gcc", "-shared", "-fPIC", "-O1", "-o", library, "-xc", "-", "-ldl"]
        subprocess.run(command, input=_SOURCE, text=True, check=True)
        self.environment = {
            "LD_PRELOAD": str(library), "FAULT": str(self._fault), "FAILING": name
        }  # fmt: skip

    def fail(self, what: str, error: int) -> None:
        """From now on: `read`, `write` or `sync`."""
        self._fault.write_text(f"{what} {error}")

    def heal(self) -> None:
        """It works again."""
        self._fault.unlink()


@contextlib.contextmanager
def small(mount: Path) -> Iterator[Path]:
    """A file system of 1 MiB, while it is wanted."""
    mount.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(mount)],
        capture_output=True,
        check=False,
    )
    needs(made.returncode == 0, "root, to mount a small disk")
    try:
        yield mount
    finally:
        subprocess.run(["umount", "--lazy", str(mount)], check=True)


def fill(mount: Path, leave_bytes: int = 0) -> None:
    """Leave no room, or little."""
    with open(mount / "ballast", "wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            pass
        file.truncate(file.tell() - leave_bytes)
