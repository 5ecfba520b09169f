"""What is in the folders is what is installed."""

import configparser
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[1]
FOLDERS = ("agent", "bpf", "collector")


@pytest.fixture(scope="module")
def config():
    parser = configparser.ConfigParser()
    parser.read(TOP / "setup.cfg")
    return parser


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The names in the wheel; made from a copy, as setuptools builds in the source tree."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=TOP,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in tracked.stdout.split("\0"):
        if name.startswith(("agent/", "bpf/", "collector/")) or "/" not in name:
            if not (TOP / name).is_file():
                continue
            target = source / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((TOP / name).read_bytes())
    build = "from setuptools import build_meta; build_meta.build_wheel('..')"
    done = subprocess.run(
        [sys.executable, "-c", build], cwd=source, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


def test_every_package_is_listed(config):
    """An editable install hides a package that setup.cfg forgets; a wheel does not."""
    listed = config["options"]["packages"].split()
    found = [
        "modpulse." + ".".join(init.parent.relative_to(TOP).parts)
        for folder in FOLDERS
        for init in (TOP / folder).rglob("__init__.py")
    ]

    assert sorted(listed) == sorted(found)


def test_the_wheel_has_every_file(wheel):
    """Python, C and headers: nothing that is in a folder is missing in the wheel."""
    wanted = {
        f"modpulse/{path.relative_to(TOP)}"
        for folder in FOLDERS
        for path in (TOP / folder).rglob("*")
        if path.suffix in (".py", ".c", ".h", ".toml", ".html", ".js", ".css", ".svg")
        or path.name == "py.typed"
    }

    assert wanted - wheel == set()


def test_the_wheel_has_nothing_else(wheel):
    """No test, no top-level package `agent` in anybody's site-packages."""
    tops = {name.split("/")[0] for name in wheel}

    assert {top for top in tops if not top.startswith("modpulse-")} == {"modpulse"}


def test_the_programs_are_functions(config):
    """Each console script names a function that is there."""
    scripts = config["options.entry_points"]["console_scripts"].split("\n")
    for script in filter(None, scripts):
        module, _, function = script.partition("=")[2].strip().partition(":")
        source = (TOP / Path(*module.split(".")[1:])).with_suffix(".py").read_text()

        assert f"\ndef {function}(" in source


def test_bcc_is_not_required(config):
    """The package of that name on PyPI is an unrelated one."""
    extras = config["options.extras_require"].values()
    required = "\n".join([config["options"]["install_requires"], *extras])

    assert [line for line in required.split("\n") if line.strip().startswith("bcc")] == []


def test_the_licences_are_in_the_wheel(wheel):
    """The programs in bpf/ are also under the GPL, whose text comes with them."""
    texts = {name.rpartition("/")[2] for name in wheel if ".dist-info/" in name}

    assert {"LICENSE", "LICENSE.GPL-2.0"} <= texts


def test_the_agent_needs_packages_of_debian_only(config):
    """Each requirement of the agent is met by what Debian 12 has of that library."""
    in_debian = {
        "capstone": (4, 0, 2), "cryptography": (38, 0, 4), "dnspython": (2, 3, 0),
        "msgpack": (1, 0, 3), "scapy": (2, 5, 0),
    }  # fmt: skip
    lines = config["options"]["install_requires"] + config["options.extras_require"]["agent"]
    wanted = dict(line.split(" >= ") for line in lines.split("\n") if line.strip())
    oldest = {name: tuple(map(int, version.split("."))) for name, version in wanted.items()}

    assert set(oldest) == set(in_debian)
    assert {name for name in oldest if oldest[name] > in_debian[name]} == set()
