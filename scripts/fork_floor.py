"""Prints what fork, exit and wait cost a process that has imported the example project: no warm run can be quicker.

Run by the benchmark with the measured interpreter, in the example project's folder. The one argument is how many times.
"""

import gc
import json
import os
import sys
import time
from pathlib import Path


def one_fork() -> float:
    """Return the seconds from before a fork until its child, which exits at once, was waited for."""
    begin = time.perf_counter()
    pid = os.fork()
    if not pid:
        os._exit(0)  # noqa: TID251 - the exit is part of what is measured, and there is nothing to flush
    os.waitpid(pid, 0)
    return time.perf_counter() - begin


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    __import__("pytest")
    __import__("market")
    gc.collect()
    gc.freeze()
    json.dump([one_fork() for _ in range(int(sys.argv[1]))], sys.stdout)
