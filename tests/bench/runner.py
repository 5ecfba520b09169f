"""
Runs commands within the lab and times them there, so that entering it is not part of the time.

`python -m bench.runner`: a JSON array [argv, cwd, environment] a line in, a JSON array
[exit code, seconds, CPU seconds, stderr] a line out.
"""

import json
import os
import subprocess
import sys
import time


def main() -> None:
    """Until stdin ends."""
    for request in sys.stdin:
        argv, cwd, environment = json.loads(request)
        started = time.perf_counter()
        process = subprocess.Popen(
            argv,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        assert process.stderr is not None
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stderr.close()
        cpu_seconds = usage.ru_utime + usage.ru_stime
        answer = [process.returncode, seconds, cpu_seconds, said.decode("utf-8", "replace")]
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
