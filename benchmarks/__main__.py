"""Run the measurements that the arguments name, or all of them."""

import sys
from collections.abc import Callable

from benchmarks import accept, dispatch

MEASUREMENTS: dict[str, Callable[[], None]] = {
    "accept": accept.measure,
    "dispatch": dispatch.measure,
}

if __name__ == "__main__":
    for name in sys.argv[1:] or MEASUREMENTS:
        MEASUREMENTS[name]()
