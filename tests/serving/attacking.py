"""Twenty hostile clients of a server: python -m serving.attacking PORT KIND; until it is killed."""

import sys
import threading
import time
from contextlib import suppress
from itertools import cycle, islice

from serving.hostile import CASES, exchange, png, request, scans, trickle

CLIENTS = 20
COSTLY = [request(content) for content in (png(7000, 7000), png(4000, 3999), scans(80))]
KINDS = {"mixed": [content for _, content in CASES.values()] + COSTLY, "costly": COSTLY}


def attack(port: int, requests: list[bytes], number: int) -> None:
    """Send what is hostile, a request a second; every fourth client trickles."""
    for content in islice(cycle(requests), number, None):
        if number % 4 == 0:
            trickle(port, request(b"", length=1000), 0.5, lambda: False)
        else:
            with suppress(OSError):  # a connection that is reset
                exchange(port, content)
            time.sleep(1)


if __name__ == "__main__":
    for number in range(CLIENTS):
        arguments = int(sys.argv[1]), KINDS[sys.argv[2]], number
        threading.Thread(target=attack, args=arguments).start()
