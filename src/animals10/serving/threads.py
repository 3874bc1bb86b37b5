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
    return ThreadPoolExecutor(count, name, _give_way)


def _give_way() -> None:
    if sys.platform == "linux":  # elsewhere it would be of the whole process
        os.nice(_NICENESS)
