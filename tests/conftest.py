"""Fixtures that need the machine: the lab, once per test process."""

import importlib.util
import os
import shutil
from collections.abc import Iterator

import pytest
from eyes import Eyes
from hypothesis import settings
from lab.lab import Lab

# The same examples in each run of CI: what chance finds belongs into a test of its own. No
# deadline: these machines are shared.
settings.register_profile("fast", deadline=None, derandomize=os.environ.get("CI") == "true")
settings.register_profile("deep", deadline=None, max_examples=20_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))


IN_CI = os.environ.get("CI") == "true"
"""There nothing may be lacking, so nothing is skipped for want of it."""


def needs(condition: bool, what: str) -> None:
    """Skip a test that lacks `what`; in CI nothing may be lacking, so there it fails."""
    if condition:
        return
    if IN_CI:
        pytest.fail(f"CI must have {what}")
    pytest.skip(f"needs {what}")


@pytest.fixture(scope="session")
def running_lab() -> Iterator[Lab]:
    """The servers of the lab; tests take `lab`."""
    needs(os.geteuid() == 0, "root, to make network namespaces")
    needs(shutil.which("dnsmasq") is not None, "dnsmasq")
    needs(shutil.which("go") is not None, "a go command")
    with Lab() as lab:
        yield lab


@pytest.fixture
def lab(running_lab: Lab) -> Lab:
    """The lab, with an empty log of requests."""
    running_lab.forget()
    return running_lab


def has_bpf() -> bool:
    """Whether the distribution's bcc is there; `import bcc` itself takes 70 MB."""
    return importlib.util.find_spec("bcc") is not None


@pytest.fixture(scope="session")
def running_eyes() -> Iterator[Eyes]:
    """The agent's eyes on what this process starts; tests take `eyes`."""
    needs(os.geteuid() == 0, "root, to load eBPF programs")
    needs(has_bpf(), "the Debian package python3-bpfcc")
    with Eyes() as eyes:
        yield eyes


@pytest.fixture
def eyes(running_eyes: Eyes) -> Eyes:
    """The eyes, with nothing seen yet."""
    running_eyes.forget()
    return running_eyes
