#!/usr/bin/env python3
"""Prints what hawser reaches when Redis fails, beside what it must reach.

    tests/chaos/figures.py [options]      HAWSER_BINARY: build/release/hawser, if it is not set

    --only PART     refusal, recovery, attempts or chaos; repeatable; all without it
    --runs N        runs of each kind of outage (20)
    --parallel N    of these at the same time, each with a Redis and a hawser of its own (5)
    --long          also outages of 120 s
    --requests N    under chaos (100000)
    --seed N

These are times: the machine has to be quiet. Exit: 0 all figures are reached, 1 otherwise.
"""

import argparse
import collections
import concurrent.futures
import contextlib
import math
import random
import socket
import sys
import time

from rig import Rig  # First: it tells where the modules of tests/support are.
from lossy_link import LossyLink
from resp import Client, ErrorReply, encode
from servers import Hawser
from soak import Sums, round_of_faults
from wire import LATE, UNANSWERED, UNTOLD
from workload import Workload

CLIENTS = 200
REFUSALS = 20000
ATTEMPTS_SECONDS = 15
ROUND = 300000  # Requests under chaos before everything is verified.


def percentile(values, share):
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


class Table:
    def __init__(self):
        self.reached = True

    def line(self, what, value, must, good):
        self.reached &= good
        print(f"{what:58} {value:>24}   {must:16} {'ok' if good else 'MISSED'}", flush=True)


def connected(port):
    client = socket.create_connection(("127.0.0.1", port))
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.settimeout(10)
    return client


def round_trips(clients, request, wanted):
    """Times of REFUSALS round trips, one at a time, in turn over the clients; microseconds."""
    times, others = [], 0
    for number in range(REFUSALS):
        client = clients[number % len(clients)]
        began = time.perf_counter_ns()
        client.sendall(request)
        reply = client.recv(4096)
        took = time.perf_counter_ns() - began
        if reply.startswith(wanted):
            times.append(took / 1000)
        else:
            others += 1
    return times, others


def refusal(table):
    with Rig(proxied=False, short=False) as rig:
        clients = [connected(rig.hawser.port) for _ in range(CLIENTS)]
        local, _ = round_trips(clients, encode("ECHO", "x"), b"$1\r\nx")
        print(f"(a command hawser answers itself: p50 {percentile(local, 0.5):.0f} us, "
              f"p99 {percentile(local, 0.99):.0f} us, measured in the same way)")
        rig.redis.kill()
        client = Client(rig.hawser.port)
        end = time.monotonic() + 15
        while not (opened := str(client("GET", "k")).startswith("PROXYOPEN")):
            if time.monotonic() > end:
                break
            time.sleep(0.02)
        if not opened:
            table.line("refusal while open, p99, 200 clients", "the circuit never opens", "< 1 ms",
                       False)
            return
        times, others = round_trips(clients, encode("GET", "k"), b"-PROXYOPEN")
        worst = percentile(times, 0.99) if times else math.inf
        table.line(f"refusal while open, p99, 200 clients ({others} other answers)",
                   f"{worst / 1000:.3f} ms", "< 1 ms", worst < 1000 and not others)
        for each in clients:
            each.close()


def outage(kind, seconds, delay):
    """From Redis being back to the first success, seconds; and what else was wrong."""
    time.sleep(delay)  # Runs that go on at the same time do not end at the same time.
    with Rig(proxied=False, short=False) as rig:
        client = Client(rig.hawser.port)
        client("SET", "k", 0)
        load = Workload(rig.hawser.port, 1, clients=1, total=4, script=10, pause=0.05, heavy=False)
        load.start()
        if kind == "kill -9":
            rig.redis.kill()
            time.sleep(seconds)
            rig.redis.start()
        else:
            rig.redis.freeze()
            time.sleep(seconds)
            rig.redis.thaw()
        back = time.monotonic()
        while isinstance(client("SET", "k", 1), ErrorReply):
            time.sleep(0.002)
        took = time.monotonic() - back
        load.stop()
        with contextlib.suppress(AssertionError):
            load.verify(rig.direct())
        client.close()
        return took, load.wrongs


def recovery(table, runs, parallel, outages):
    for seconds in outages:
        for kind in ("kill -9", "SIGSTOP"):
            # Processes: threads would wait for each other.
            with concurrent.futures.ProcessPoolExecutor(parallel) as pool:
                jobs = [pool.submit(outage, kind, seconds, 0.2 * (n % parallel))
                        for n in range(runs)]
                results = [job.result() for job in jobs]
            times = [took for took, _ in results]
            wrongs = sum((wrong for _, wrong in results), collections.Counter())
            table.line(f"first success after {kind}, out for {seconds} s, p95 of {runs} "
                       f"(p50 {percentile(times, 0.5) * 1000:.0f} ms)",
                       f"{percentile(times, 0.95) * 1000:.0f} ms", "< 1000 ms",
                       percentile(times, 0.95) < 1)
            if wrongs:
                table.line(f"answers late or untrue meanwhile: {dict(wrongs)}",
                           f"{wrongs.total()}", "0", False)


def attempts(table):
    """Connection attempts a second with 200 clients that keep asking."""
    with contextlib.ExitStack() as stack:
        link = LossyLink(1)
        stack.callback(link.close)
        hawser = Hawser(f"redis://{link.host}:6379")
        stack.callback(hawser.stop)
        attempts_of(table, "refused", hawser, lambda: link.attempts)
    with Rig(short=False) as rig:
        rig.proxy.reset_new = True
        rig.proxy.cut()
        attempts_of(table, "reset", rig.hawser, lambda: rig.proxy.accepted)


def attempts_of(table, how, hawser, tried):
    clients = [connected(hawser.port) for _ in range(CLIENTS)]
    for each in clients:
        each.setblocking(False)
    ask(clients, 3)
    before, began = tried(), time.monotonic()
    ask(clients, ATTEMPTS_SECONDS)
    rate = (tried() - before) / (time.monotonic() - began)
    table.line(f"connection attempts a second while {how}, 200 clients", f"{rate:.2f}",
               "at most 2", 0 < rate <= 2)
    for each in clients:
        each.close()


def ask(clients, seconds):
    """Each client sends a request about every 50 ms, whatever became of the last one."""
    end, request = time.monotonic() + seconds, encode("INCR", "n")
    while time.monotonic() < end:
        for each in clients:
            each.send(request)
            try:
                each.recv(65536)
            except BlockingIOError:
                pass
        time.sleep(0.05)


def chaos(table, requests, seed):
    sums, began = Sums(), time.monotonic()
    with Rig() as rig:
        faults = rig.faults(seed)
        while sums.requests < requests:
            seed += 1
            round_of_faults(rig, faults, seed, sums, 3600, min(ROUND, requests - sums.requests),
                            clients=16, pause=0.004)
    print(f"(under chaos: {sums.requests} requests in {time.monotonic() - began:.0f} s, "
          f"{sums.acknowledged} acknowledged, errors {dict(sums.errors)})")
    late, untold = sums.count(LATE, UNANSWERED), sums.count(UNTOLD)
    table.line("requests answered past their deadline + 100 ms, or not", f"{late}", "0", not late)
    table.line("errors that do not tell whether it was executed", f"{untold}", "0", not untold)
    table.line(f"crossed, lost, doubled or reordered in {sums.requests}", f"{sums.untrue()}", "0",
               not sums.untrue())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append",
                        choices=("refusal", "recovery", "attempts", "chaos"))
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--parallel", type=int, default=5)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--requests", type=int, default=100000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}")
    table, parts = Table(), arguments.only or ("refusal", "attempts", "recovery", "chaos")
    if "refusal" in parts:
        refusal(table)
    if "attempts" in parts:
        attempts(table)
    if "recovery" in parts:
        outages = (1, 10, 120) if arguments.long else (1, 10)
        recovery(table, arguments.runs, arguments.parallel, outages)
    if "chaos" in parts:
        chaos(table, arguments.requests, arguments.seed)
    return 0 if table.reached else 1


if __name__ == "__main__":
    sys.exit(main())
