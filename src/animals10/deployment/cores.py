"""How many cores this process may use."""

import math
import os
from pathlib import Path

# In a container, the limits of its own cgroup (version 2).
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def count(quota: Path = _QUOTA) -> int:
    """Count the cores that a process may use, at least 1.

    `os.cpu_count` counts the machine's, also in a container that is limited to two of 64. With 64
    threads it would use up its time at once, and wait for the rest of each period.

    Args:
        quota: a file of the kernel: microseconds of processor time or "max", and the period in
            which they may be used. A fraction of a core counts as one, as in Go and in Java.
            Source: https://docs.kernel.org/admin-guide/cgroup-v2.html
    """
    cores = _in_affinity()
    if not quota.is_file():  # no container, or no Linux
        return cores
    time, period = quota.read_text(encoding="ascii").split()
    return cores if time == "max" else min(cores, math.ceil(int(time) / int(period)))


def _in_affinity() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
