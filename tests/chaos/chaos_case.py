"""The fixture of the chaos tests: Redis, perhaps a fault proxy, hawser, and a workload that goes on
while faults are made."""

import os
import random
import tempfile
import time
import unittest

from fault_proxy import FaultProxy
from resp import Client
from servers import Hawser, RedisServer, eventually
from workload import Workload

# How long each test makes faults, seconds; at least one round is made.
SECONDS = float(os.environ.get("HAWSER_CHAOS_SECONDS", "2.5"))
SEED = os.environ.get("HAWSER_CHAOS_SEED")
# Hawser's time-outs, short so that a fault outlasts them in a test's time. A circuit that opens
# again soon is held open: the faults here follow each other too quickly for that.
COMMAND, TOTAL, SCRIPT, CONNECT = 0.7, 1.0, 1.5, 0.5
SETTINGS = {"timeout_command": "700ms", "timeout_total": "1s", "timeout_script": "1500ms",
            "timeout_connect": "500ms", "circuit_flap": "0s"}
NORMAL_WITHIN = 1.0  # Seconds after Redis is well, until no request fails any more.
CALM = 0.5  # Seconds after that in which nothing may fail.
MEMORY_MAX = 256 << 20


class ChaosCase(unittest.TestCase):
    def setUp(self):
        self.seed = int(SEED) if SEED else random.SystemRandom().randrange(1 << 31)
        self.random = random.Random(self.seed)
        print(f"\n  {self._testMethodName}: HAWSER_CHAOS_SEED={self.seed}", flush=True)
        self.folder = tempfile.TemporaryDirectory(prefix="hawser-chaos-")
        self.addCleanup(self.folder.cleanup)
        self.redis = self.proxy = self.hawser = None
        self.requests = 0

    def redis_server(self, *options, name="redis", **where):
        """With an append-only file: what it acknowledged is there after SIGKILL."""
        folder = os.path.join(self.folder.name, name)
        os.mkdir(folder)
        server = RedisServer("--appendonly", "yes", "--appendfsync", "no", "--dir", folder,
                             "--protected-mode", "no", "--repl-diskless-sync-delay", "0",
                             *options, **where)
        self.addCleanup(server.stop)
        return server

    def fault_proxy(self, server):
        proxy = FaultProxy(server.port, server.host)
        self.addCleanup(proxy.stop)
        return proxy

    def begin(self, *options, proxied=False, **settings):
        """Redis and hawser, with or without a fault proxy in between."""
        self.redis = self.redis_server(*options)
        if proxied:
            self.proxy = self.fault_proxy(self.redis)
        self.start_hawser(f"redis://127.0.0.1:{(self.proxy or self.redis).port}", **settings)

    def start_hawser(self, url, **settings):
        self.hawser = Hawser(url, **{**SETTINGS, **settings})
        self.addCleanup(self.end_hawser)

    def end_hawser(self):
        self.assertEqual(self.hawser.stop(), 0, "hawser's exit code")

    def direct(self, server=None):
        """A client of Redis itself."""
        server = server or self.redis
        client = Client(server.port, host=server.host)
        self.addCleanup(client.close)
        return client

    def client(self):
        client = Client(self.hawser.port)
        self.addCleanup(client.close)
        return client

    def workload(self, **options):
        return Workload(self.hawser.port, self.seed, total=TOTAL, script=SCRIPT, **options)

    def endure(self, fault, within=NORMAL_WITHIN, server=None, settled=None, **options):
        """Makes the fault again and again under a workload, then everything must be true. `fault()`
        returns when Redis is well again; `settled()` is called when all must be normal; `server()`:
        where the data are in the end."""
        load = self.workload(**options)
        load.start()
        try:
            time.sleep(0.3)
            began = time.monotonic()
            while True:
                fault()
                load.healed()
                time.sleep(within + CALM)
                if settled:
                    settled()
                back, normal = load.recovered_in, load.normal_after()
                if time.monotonic() - began > SECONDS:
                    break
                if not self.is_well(back, normal, within):
                    break
        finally:
            load.stop()
        self.report(load)
        load.verify(self.direct(server() if server else None))
        self.at_rest()
        self.assertTrue(self.is_well(back, normal, within),
                        f"seed {self.seed}: first success after {back} s, "
                        f"no failure after {normal} s")
        return load

    @staticmethod
    def is_well(back, normal, within):
        return back is not None and back <= within and normal <= within

    def at_rest(self):
        eventually(self.hawser.at_rest, "no session, request, lease or buffer is left", 10)
        for gauge in ("hawser_pinned_in_use", "hawser_pubsub_subscriptions"):
            eventually(lambda: self.hawser.metric(gauge) == 0, f"{gauge} is 0", 5)
        peak = memory_peak(self.hawser.process.pid)
        self.assertLess(peak, MEMORY_MAX, "hawser's memory, bytes")

    def report(self, load):
        print(f"    {load.summary()}; memory peak "
              f"{memory_peak(self.hawser.process.pid) / (1 << 20):.0f} MiB", flush=True)


def memory_peak(pid):
    """Bytes."""
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM"))

