"""Faults one after the other, in random order, on a Redis behind a fault proxy. Each ends with
Redis being well again."""

import time

from resp import Client

SLOW_SCRIPT = """local t = redis.call('TIME') local stop = t[1] * 1000000 + t[2] + ARGV[1]
                 repeat t = redis.call('TIME') until t[1] * 1000000 + t[2] > stop"""


class RandomFaults:
    """`redis`: a RedisServer with an append-only file; `proxy`: the FaultProxy in front of it."""

    def __init__(self, redis, proxy, random):
        self.redis, self.proxy, self.random = redis, proxy, random
        self.kinds = [self.frozen, self.killed, self.reset, self.closed, self.half_open,
                      self.stalled, self.slow, self.throttled, self.dribbling, self.refusing,
                      self.full, self.locked, self.blocked]
        self.order = []

    def next(self):
        """Makes the next fault, all kinds in turn; returns its name."""
        if not self.order:
            self.order = self.random.sample(self.kinds, len(self.kinds))
        kind = self.order.pop()
        kind()
        return kind.__name__

    def wait(self):
        time.sleep(self.random.uniform(0.05, 1.6))

    def frozen(self):
        self.redis.freeze()
        self.wait()
        self.redis.thaw()

    def killed(self):
        self.redis.kill()
        self.wait()
        self.redis.start()

    def reset(self):
        for _ in range(5):
            self.proxy.cut(reset=True)
            time.sleep(self.random.uniform(0.01, 0.2))

    def closed(self):
        for _ in range(5):
            self.proxy.cut(reset=False)
            time.sleep(self.random.uniform(0.01, 0.2))

    def half_open(self):
        self.proxy.hold = frozenset(self.random.choice((["up"], ["down"], ["up", "down"])))
        self.wait()
        if self.random.random() < 0.5:
            self.proxy.cut()
        self.proxy.pass_all()

    def stalled(self):
        self.proxy.stall()
        self.wait()
        self.proxy.release()

    def slow(self):
        self.proxy.delay = self.random.choice((0.02, 0.2, 0.6))
        self.wait()
        self.proxy.pass_all()

    def throttled(self):
        self.proxy.rate = 30000
        self.wait()
        self.proxy.pass_all()

    def dribbling(self):
        self.proxy.dribble = True
        self.wait()
        self.proxy.pass_all()

    def refusing(self):
        self.proxy.refuse()
        self.proxy.cut()
        self.wait()
        self.proxy.reset_new = self.random.random() < 0.5
        self.proxy.come_back()
        self.wait()
        self.proxy.pass_all()

    def full(self):
        self.told(lambda direct: direct("CONFIG", "SET", "maxclients", 1),
                  lambda direct: direct("CONFIG", "SET", "maxclients", 10000))

    def locked(self):
        self.told(lambda direct: direct("CONFIG", "SET", "requirepass", "changed"),
                  lambda direct: direct("CONFIG", "SET", "requirepass", ""))

    def told(self, begin, end):
        direct = Client(self.redis.port)
        begin(direct)
        kill_clients(direct)
        self.wait()
        end(direct)
        direct.close()

    def blocked(self):
        direct = Client(self.redis.port)
        direct("EVAL", SLOW_SCRIPT, 0, self.random.randrange(100000, 1300000))
        direct.close()


def kill_clients(direct):
    """All connections but this one."""
    for kind in ("normal", "pubsub"):
        direct("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
