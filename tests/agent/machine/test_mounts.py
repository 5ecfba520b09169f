"""Mount points from /proc/self/mountinfo."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.machine.mounts import Mount, mount_point, other_paths, parse_mountinfo

HYBRID = """\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
38 31 0:35 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:9 master:1 - cgroup2 cgroup2 rw
60 23 0:12 / /sys/kernel/tracing rw,nosuid shared:7 - tracefs tracefs rw
"""


@pytest.mark.parametrize(
    ("text", "kind", "point"),
    [
        (HYBRID, "cgroup2", "/sys/fs/cgroup/unified"),
        (HYBRID, "tracefs", "/sys/kernel/tracing"),
        (HYBRID, "bpf", None),
        ("", "cgroup2", None),
        ("1 2 0:3 /a /part rw - cgroup2 c rw\n4 5 0:6 / /whole rw - cgroup2 c rw", "cgroup2",
         "/whole"),
    ],
)  # fmt: skip
def test_mount_point(text, kind, point):
    """A file system is found by its type, the whole of it before a part of it."""
    assert mount_point(text, kind) == point


def test_spaces_in_a_path():
    """Spaces and the like are written in octal."""
    line = r"1 2 0:3 / /my\040folder rw - tracefs t rw"

    assert list(parse_mountinfo(line)) == [Mount("/my folder", "/", "tracefs", 1, "0:3")]


@given(st.text())
def test_any_text(text):
    """No text makes it fail."""
    assert all(isinstance(mount, Mount) for mount in parse_mountinfo(text))


def mount(point: str, root: str = "/", device: str = "8:1") -> Mount:
    return Mount(point, root, "ext4", 1, device)


@pytest.mark.parametrize(
    ("path", "theirs", "ours", "expected"),
    [
        ("/usr/bin/go", mount("/"), mount("/run/merged"), ["/run/merged/usr/bin/go"]),
        ("/usr/bin/go", mount("/"), mount("/"), ["/usr/bin/go"]),
        ("/cache/go", mount("/cache", "/srv/c"), mount("/"), ["/srv/c/go"]),
        ("/cache/go", mount("/cache", "/srv/c"), mount("/c", "/srv/c"), ["/c/go"]),
        ("/go", mount("/go", "/srv/go"), mount("/other", "/srv/go"), ["/other"]),
        ("/cache/go", mount("/cache", "/srv/c"), mount("/c", "/srv/ca"), []),
        ("/cached/go", mount("/cache"), mount("/"), []),
        ("/usr/bin/go", mount("/"), mount("/", device="8:2"), []),
    ],
)
def test_other_paths(path: str, theirs: Mount, ours: Mount, expected: list[str]) -> None:
    """What another namespace shows of the same file system, whichever part of it is mounted."""
    assert list(other_paths(path, theirs, [ours])) == expected
