"""
Which file systems keep their own files, so that nobody writes to one past a lease.

A network's, FUSE and what shows the files of a host to a guest do not: who writes there, or to what
lies below, opens another inode or none of this kernel. Source: include/uapi/linux/magic.h, and for
file systems that are not in it their own sources.
"""

import ctypes
import errno
import os

OWN_FILES = frozenset(
    {
        0xEF53,  # ext2, ext3, ext4
        0x58465342,  # xfs
        0x9123683E,  # btrfs
        0x01021994,  # tmpfs
        0x858458F6,  # ramfs
        0x794C7630,  # overlayfs: its layers must not be written while it is mounted
        0xF2F52010,  # f2fs
        0x2FC12FC1,  # zfs
        0xCA451A4E,  # bcachefs
        0x3153464A,  # jfs
        0x3434,  # nilfs2
        0x73717368,  # squashfs
        0xE0F5E1E2,  # erofs
        0x9660,  # iso9660
        0x15013346,  # udf
    }
)
_STATFS_BYTES = 256
"""struct statfs has 120, of which f_type is the first long."""
_libc = ctypes.CDLL(None, use_errno=True)


def kind_of(descriptor: int) -> int:
    """
    Return f_type of the file system of an open file, see statfs(2).

    Raises:
        OSError: it cannot be told.
    """
    told = ctypes.create_string_buffer(_STATFS_BYTES)
    if _libc.fstatfs(descriptor, told) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return ctypes.c_ulong.from_buffer(told).value & 0xFFFFFFFF


def require_own(descriptor: int) -> None:
    """
    Raises:
        OSError: EOPNOTSUPP: an open file may be written by others without this kernel's knowledge.
    """
    kind = kind_of(descriptor)
    if kind not in OWN_FILES:
        words = f"its file system ({kind:#x}) may be written past a lease"
        raise OSError(errno.EOPNOTSUPP, words)
