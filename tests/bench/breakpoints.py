"""What one breakpoint costs: when it is hit, by the instruction it replaces, and at each start."""

import mmap
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab import parts

from modpulse.agent.binary.plan import plan
from modpulse.agent.kernel.attach import Compilation, KernelOptions
from modpulse.agent.kernel.bpfcall import link_uprobes

from .report import line

CALLS, ROUNDS, MAPPINGS = 20_000, 7, 400
CALLED = bytes.fromhex("55 5d 4889e0 c3")
INSTRUCTIONS = {"push": 0, "pop": 1, "mov": 2, "ret": 5}
"""Where they are in it."""
_COOKIE = 0xFF00
"""Of a layout that does not exist: our program looks at the hit and filters it."""
_SETTLE_S = 0.3
"""The kernel takes breakpoints out a moment after their link is closed."""
_SOURCE = r"""
#include <stdio.h>
#include <time.h>

__attribute__((noinline, naked)) void called(void)
{
	__asm__("push %rbp\n pop %rbp\n mov %rsp, %rax\n ret\n");
}

int main(void)
{
	double best_ns = 1e18;

	for (int round = 0; round < ROUNDS; round++) {
		struct timespec from, to;

		clock_gettime(CLOCK_MONOTONIC, &from);
		for (int i = 0; i < CALLS; i++)
			called();
		clock_gettime(CLOCK_MONOTONIC, &to);
		double ns = ((to.tv_sec - from.tv_sec) * 1e9 + to.tv_nsec - from.tv_nsec) / CALLS;
		best_ns = ns < best_ns ? ns : best_ns;
	}
	printf("%.0f\n", best_ns);
	return 0;
}
"""


@contextmanager
def breakpoints(program: int, path: Path, offsets: Sequence[int]) -> Iterator[None]:
    """Set them while the block runs."""
    link = link_uprobes(program, os.fsencode(path), offsets, [_COOKIE] * len(offsets))
    yield
    os.close(link)
    time.sleep(_SETTLE_S)


def call_ns(binary: Path) -> float:
    """Call the function in a loop, the best of some rounds."""
    return float(subprocess.run([binary], check=True, stdout=subprocess.PIPE).stdout)


def map_us(go: Path) -> float:
    """Map the code of a `go` as its start does, which sets the breakpoints; median."""
    (code,) = (part for part in plan(go.read_bytes()).segments if part.executable)
    took = []
    with go.open("rb") as file:
        for _ in range(MAPPINGS):
            started = time.perf_counter_ns()
            mapped = mmap.mmap(
                file.fileno(), code.size, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC,
                offset=code.offset,
            )  # fmt: skip
            took.append(time.perf_counter_ns() - started)
            mapped.close()
    return statistics.median(took) / 1e3


def main() -> None:
    """Print nanoseconds per hit, and microseconds per start."""
    program = Compilation(KernelOptions()).descriptors()["on_go_multi"]
    with tempfile.TemporaryDirectory() as folder:
        binary = Path(folder, "binary")
        defines = [f"-DROUNDS={ROUNDS}", f"-DCALLS={CALLS}"]
        command = ["gcc", "-O1", *defines, "-x", "c", "-o", str(binary), "-"]
        subprocess.run(command, input=_SOURCE.encode(), check=True)
        image = binary.read_bytes()
        if image.count(CALLED) != 1:
            raise RuntimeError("the function is not where it should be")
        line("call without a breakpoint", f"{call_ns(binary):.0f} ns")
        for name, into in INSTRUCTIONS.items():
            with breakpoints(program, binary, [image.index(CALLED) + into]):
                line(f"  with one on its {name}", f"{call_ns(binary):.0f} ns")
    go = Path(parts.machine_go())
    points = [point.offset for point in plan(go.read_bytes()).points]
    line("map the code of go", f"{map_us(go):.1f} µs")
    with breakpoints(program, go, points):
        line(f"  with {len(points)} breakpoints", f"{map_us(go):.1f} µs")
