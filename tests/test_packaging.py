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
        if path.suffix in (".py", ".c", ".h") or path.name == "py.typed"
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
    required = config["options"]["install_requires"] + config["options.extras_require"]["dev"]

    assert [line for line in required.split("\n") if line.strip().startswith("bcc")] == []
