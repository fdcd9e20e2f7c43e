"""Redis, a fault proxy and hawser for figures and soak, which are scripts and no unittest."""

import contextlib
import os
import random
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.environ.setdefault("HAWSER_BINARY", os.path.join(ROOT, "build/release/hawser"))
sys.path.insert(0, os.path.join(ROOT, "tests/support"))

from chaos_case import SETTINGS  # noqa: E402
from fault_proxy import FaultProxy  # noqa: E402
from faults import RandomFaults  # noqa: E402
from resp import Client  # noqa: E402
from servers import Hawser, RedisServer  # noqa: E402


class Rig(contextlib.ExitStack):
    """`short`: hawser's settings are those of the chaos tests, else its defaults."""

    def __init__(self, proxied=True, short=True, **settings):
        super().__init__()
        folder = self.enter_context(tempfile.TemporaryDirectory(prefix="hawser-rig-"))
        self.redis = RedisServer("--appendonly", "yes", "--appendfsync", "no", "--dir", folder,
                                 "--busy-reply-threshold", "300")
        self.callback(self.redis.stop)
        self.proxy = None
        if proxied:
            self.proxy = FaultProxy(self.redis.port)
            self.callback(self.proxy.stop)
        self.hawser = Hawser(f"redis://127.0.0.1:{(self.proxy or self.redis).port}",
                             **{**(SETTINGS if short else {}), **settings})
        self.callback(self.end_hawser)

    def end_hawser(self):
        code = self.hawser.stop()
        if code != 0:
            raise AssertionError(f"hawser ended with {code}")

    def faults(self, seed):
        return RandomFaults(self.redis, self.proxy, random.Random(seed))

    def direct(self):
        return Client(self.redis.port)

    def resident(self):
        """Hawser's memory, bytes."""
        with open(f"/proc/{self.hawser.process.pid}/status") as status:
            return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmRSS"))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.hawser.process.pid}/fd"))
