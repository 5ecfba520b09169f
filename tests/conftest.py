"""Fixtures that need the machine: the lab, once per test process."""

import os
import shutil
from collections.abc import Iterator

import pytest
from lab.lab import Lab


def needs(condition: bool, what: str) -> None:
    """Skip a test that lacks `what`; in CI nothing may be lacking, so there it fails."""
    if condition:
        return
    if os.environ.get("CI") == "true":
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
