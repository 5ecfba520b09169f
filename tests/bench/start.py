"""How long a command waits until it is observed, and what for."""

import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from lab import parts

from modpulse.agent.binary.plan import plan
from modpulse.agent.kernel.attach import Compilation, Kernel, KernelOptions
from modpulse.agent.machine.findgo import find_go, read_image

from .report import line

ROUNDS = 30
_PROGRAM = "import sys; from modpulse.agent.cli import main; sys.exit(main())"
_RUN = [sys.executable, "-c", _PROGRAM, "run", "--"]
_SILENT = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def armed_seconds() -> float:
    """From the start of `modpulse run` to the exec of its command, which tells the time."""
    date = shutil.which("date") or "/bin/date"
    started_ns = time.time_ns()
    told = subprocess.run(
        [*_RUN, date, "+%s%N"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
    )
    return (int(told.stdout) - started_ns) / 1e9


def python_seconds(code: str) -> float:
    """To start Python, execute a line and end."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, **_SILENT)
    return time.perf_counter() - started


def compile_seconds() -> float:
    """From the start of the child to the descriptors."""
    started = time.perf_counter()
    descriptors = Compilation(KernelOptions.of_command()).descriptors()
    took = time.perf_counter() - started
    for descriptor in descriptors.values():
        os.close(descriptor)
    return took


def plan_seconds() -> float:
    """To read every `go` binary of this machine."""
    started = time.perf_counter()
    for found in find_go(os.environ):
        image = read_image(found.path)
        if image is not None:
            with contextlib.suppress(ValueError):
                plan(image)
    return time.perf_counter() - started


def attach_seconds() -> float:
    """All links, without the compilation that they wait for."""
    compilation = Compilation(KernelOptions.of_command())
    descriptors = compilation.descriptors()
    compilation.descriptors = lambda: descriptors  # type: ignore[method-assign]
    started = time.perf_counter()
    kernel = Kernel(compilation)
    took = time.perf_counter() - started
    kernel.close()
    return took


def main() -> None:
    """Print medians."""
    parts.machine_go()
    _print("command started after", armed_seconds, ROUNDS, "≤ 0.7 s idle")
    _print("  python, nothing imported", lambda: python_seconds("pass"))
    _print(
        "  python, until the compilation starts",
        lambda: python_seconds("import modpulse.agent.cli, modpulse.agent.kernel.compilation"),
    )
    _print("  python, everything of `run` imported", lambda: python_seconds(_IMPORTS))
    _print("  compile and load, in the child", compile_seconds)
    count = len(list(find_go(os.environ)))
    _print(f"  read the {count} go binaries found, meanwhile", plan_seconds)
    _print("  attach all but the uprobes", attach_seconds)


_IMPORTS = (
    "import modpulse.agent.cli, modpulse.agent.commands.run, modpulse.agent.waterfall.waterfall"
)


def _print(name: str, measure: Callable[[], float], rounds: int = 9, target: str = "") -> None:
    took = sorted(measure() for _ in range(rounds))
    line(name, f"{statistics.median(took):.3f} s (best {took[0]:.3f}, n={rounds})", target)
