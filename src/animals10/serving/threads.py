"""Threads that compute, and give way to the one that speaks with clients."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor

_NICENESS = 5


def workers(count: int, name: str) -> ThreadPoolExecutor:
    """Make threads that compute.

    On Linux they, and the threads that they start, have a lower priority than all others of the
    process. So a refusal or a health check does not wait for them when all cores are busy.
    """
    return ThreadPoolExecutor(count, name, give_way)


def give_way() -> None:
    """Lower the priority of the calling thread, and of what it starts."""
    if sys.platform == "linux":  # elsewhere it would be of the whole process
        os.nice(_NICENESS)
