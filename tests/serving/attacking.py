"""Twenty hostile clients of a server: python -m serving.attacking PORT; until it is killed."""

import sys
import threading
import time
from contextlib import suppress
from itertools import cycle

from serving.hostile import CASES, exchange, png, request, trickle

CLIENTS = 20


def attack(port: int, number: int) -> None:
    """Send what is hostile, a request a second; every fourth client trickles."""
    requests = [content for _, content in CASES.values()] + [request(png(7000, 7000))]
    for content in cycle(requests[number:] + requests[:number]):
        if number % 4 == 0:
            trickle(port, request(b"", length=1000), 0.5, lambda: False)
        else:
            with suppress(OSError):  # a connection that is reset
                exchange(port, content)
            time.sleep(1)


if __name__ == "__main__":
    for number in range(CLIENTS):
        threading.Thread(target=attack, args=(int(sys.argv[1]), number)).start()
