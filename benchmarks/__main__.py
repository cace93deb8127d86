"""Run the measurements that the arguments name, or all of them."""

import os
import sys
from collections.abc import Callable

from benchmarks import accept, claim, dispatch, fit, pace

MEASUREMENTS: dict[str, Callable[[], None]] = {
    "accept": accept.measure,
    "claim": claim.measure,
    "dispatch": dispatch.measure,
    "fit": fit.measure,
    "pace": pace.measure,
}

if __name__ == "__main__":
    # What is measured has the first core for itself; the load comes from the last.
    os.sched_setaffinity(0, {(os.cpu_count() or 1) - 1})
    for name in sys.argv[1:] or MEASUREMENTS:
        MEASUREMENTS[name]()
