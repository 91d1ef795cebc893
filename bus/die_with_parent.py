"""
Run a program that does not outlive the process that started this one, however that ends.

Called as `die_with_parent.py PARENT_PID PROGRAM ARGUMENT...`, standard input being a pipe
that the parent holds open. It stands alone and starts quickly.
"""

import ctypes
import os
import signal
import subprocess
import sys

_PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> int:
    """Run the program, on Linux in place of this one."""
    if sys.platform != "linux":
        return _run_on_lifeline(command)
    if not die_with(parent):
        return 1
    return os.execv(command[0], command)  # noqa: S606 - no shell is wanted


def die_with(parent: int) -> bool:
    """
    Have this process end with its parent, where the system is Linux; False where it has ended.

    The kernel ends it when the *thread* that started it ends; that survives an exec.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    return os.getppid() == parent  # it may have ended before the signal was asked for


def _run_on_lifeline(command: list[str]) -> int:
    # Where there is no such signal: the pipe ends with whoever holds its other end.
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as program:  # noqa: S603 - our own command
        signal.signal(signal.SIGTERM, lambda *_: program.terminate())
        sys.stdin.buffer.read()
        program.kill()
    return 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
