"""How a command that the lab started ends."""

import signal
import subprocess

STOP_S = 5.0


def finish(
    process: "subprocess.Popen[str]", timeout_s: float = 60.0
) -> "subprocess.CompletedProcess[str]":
    """Wait for a command of `start_go`; at the time-out it is killed and TimeoutExpired raised."""
    try:
        out, err = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        end(process)
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def end(process: "subprocess.Popen[str] | subprocess.Popen[bytes]", stop_s: float = STOP_S) -> None:
    """Stop a process, kindly first and by force after a while, and close its pipes."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(stop_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe:
            pipe.close()
