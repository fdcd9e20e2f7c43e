#!/usr/bin/env python3
"""Random faults one after the other under load, for as long as wanted. Every minute everything is
verified, all clients leave, and a line of figures is printed.

    tests/chaos/soak.py [--minutes M] [--seed N]

HAWSER_BINARY is build/release/hawser if it is not set.

Exit: 0 nothing was ever untrue or late, 1 otherwise.
"""

import argparse
import collections
import random
import sys
import time

from rig import Rig  # First: it tells where the modules of tests/support are.
from chaos_case import SCRIPT, TOTAL
from servers import eventually
from wire import LATE, UNANSWERED, UNTOLD
from workload import Workload

CALM = 0.7  # Seconds between two faults.


class Sums:
    """Figures of several workloads."""

    def __init__(self):
        self.requests = self.acknowledged = 0
        self.slowest = 0.0
        self.errors = collections.Counter()
        self.wrongs = collections.Counter()

    def add(self, load):
        self.requests += load.requests
        self.acknowledged += load.acknowledged
        self.slowest = max(self.slowest, *load.slowest.values())
        self.errors += load.errors
        self.wrongs += load.wrongs

    def count(self, *kinds):
        return sum(self.wrongs[kind] for kind in kinds)

    def untrue(self):
        """What is worse than late, or told in other words than it should be."""
        return self.wrongs.total() - self.count(LATE, UNANSWERED, UNTOLD)


def round_of_faults(rig, faults, seed, sums, seconds=60.0, requests=None, **options):
    """One workload with faults until it is over, verified. Returns the workload."""
    load = Workload(rig.hawser.port, seed, total=TOTAL, script=SCRIPT, **options)
    load.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end and (requests is None or load.requests < requests):
        time.sleep(CALM)
        faults.next()
    time.sleep(CALM)
    load.stop()
    direct = rig.direct()
    try:
        load.verify(direct)
    except AssertionError as error:
        print(error, flush=True)
    sums.add(load)
    eventually(rig.hawser.at_rest, "no session, request, lease or buffer is left", 10)
    direct("FLUSHALL")
    direct("BGREWRITEAOF")
    direct.close()
    return load


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    sums, end, minute = Sums(), time.monotonic() + arguments.minutes * 60, 0
    with Rig() as rig:
        faults = rig.faults(arguments.seed)
        while (left := end - time.monotonic()) > 0:
            minute += 1
            load = round_of_faults(rig, faults, arguments.seed + minute, sums, min(left, 60))
            errors = " ".join(f"{word}={count}" for word, count in load.errors.most_common())
            print(f"minute {minute}: rss {rig.resident() / (1 << 20):.1f} MiB, open files "
                  f"{rig.descriptors()}, requests {load.requests}, acknowledged "
                  f"{load.acknowledged}, late {load.late}, unanswered {load.unanswered}, "
                  f"slowest {max(load.slowest.values()):.3f} s, {errors}", flush=True)
    print(f"sum: requests {sums.requests}, acknowledged {sums.acknowledged}, slowest "
          f"{sums.slowest:.3f} s, wrong: {dict(sums.wrongs) or 'nothing'}")
    return 1 if sums.wrongs else 0


if __name__ == "__main__":
    sys.exit(main())
