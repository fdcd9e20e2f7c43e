"""What the tests of cached data share: servers, keys under tags, the invalidation bus."""

import json
import threading
import time
import unittest
import urllib.request

from resp import Client, ErrorReply
from servers import Hawser, RedisServer, eventually

CHANNEL = b"cache:invalidate"
PREFIX = "__hawser__:"

# Stores keys <prefix><first>.. under a tag, as CACHE.SET would; here, since there are many.
FILL = """
local time = redis.call('TIME')
local score = string.format('%.0f', 1e15 + time[1] * 1000)
for i = ARGV[2], ARGV[3] do
  redis.call('SET', ARGV[1] .. i, ARGV[4])
  redis.call('ZADD', KEYS[1], score, ARGV[1] .. i)
end
"""
# Of <prefix>0.. those that exist.
COUNT = """
local count = 0
for i = 0, ARGV[2] - 1 do count = count + redis.call('EXISTS', ARGV[1] .. i) end
return count
"""
# The same, but only those that are in none of the tag's lists any more.
LOST = """
local count = 0
for i = 0, ARGV[2] - 1 do
  local key = ARGV[1] .. i
  if redis.call('EXISTS', key) == 1 and not redis.call('ZSCORE', KEYS[1], key)
    and not redis.call('ZSCORE', KEYS[2], key) then count = count + 1 end
end
return count
"""


class CacheCase(unittest.TestCase):
    """Every test starts the servers it needs."""

    def redis(self, *options):
        server = RedisServer(*options)
        self.addCleanup(server.stop)
        return server

    def hawser(self, upstream, **settings):
        server = Hawser(upstream, **settings)
        self.addCleanup(self.stop, server)
        return server

    def stop(self, hawser):
        is_killed = hawser.process.poll() is not None
        code = hawser.stop()
        self.assertEqual(code, -9 if is_killed else 0, "hawser's exit code")

    def client(self, server, *login, resp=2, database=0):
        client = Client(server.port)
        self.addCleanup(client.close)
        if login:
            self.assertEqual(client("AUTH", *login), "OK")
        if resp != 2:
            client("HELLO", resp)
        if database:
            self.assertEqual(client("SELECT", database), "OK")
        return client

    def subscriber(self, server, *login, channel=CHANNEL, command="SUBSCRIBE", resp=2):
        client = self.client(server, *login, resp=resp)
        client(command, channel)
        return client

    def together(self, *jobs, within=60):
        """Runs each in a thread of its own; an error of any is the test's."""
        errors = []

        def run(job):
            try:
                job()
            except BaseException as error:  # pylint: disable=broad-except
                errors.append(error)
        threads = [threading.Thread(target=run, args=(job,), daemon=True) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(within)
            self.assertFalse(thread.is_alive(), "it goes on for ever")
        if errors:
            raise errors[0]

    @staticmethod
    def fill(direct, tag, count, prefix=None, value="old"):
        for first in range(0, count, 10000):
            last = min(first + 10000, count) - 1
            direct("EVAL", FILL, 1, f"{PREFIX}tag:{tag}", prefix or f"{tag}:", first, last, value)

    @staticmethod
    def left(direct, tag, count, prefix=None):
        return direct("EVAL", COUNT, 0, prefix or f"{tag}:", count)

    @staticmethod
    def lost(direct, tag, count):
        lists = [f"{PREFIX}{list_}:{tag}" for list_ in ("tag", "drain")]
        return direct("EVAL", LOST, 2, *lists, f"{tag}:", count)

    @staticmethod
    def unfinished(direct):
        """What is left of invalidations that did not come to an end."""
        return (direct("KEYS", PREFIX + "drain:*") + direct("HKEYS", PREFIX + "drains")
                + direct("ZRANGE", PREFIX + "draining", 0, -1))

    def assert_told(self, subscriber, kind, target, **fields):
        """The next message on the bus."""
        frame = subscriber.read()
        self.assertEqual(frame[:2], [b"message", CHANNEL])
        told = json.loads(frame[2])
        self.assertEqual((told["type"], told["target"]), (kind, target))
        self.assertRegex(told["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertIsInstance(told["sequence"], int)
        self.assertTrue(told["origin"])
        for name, value in fields.items():
            self.assertEqual(told[name], value, name)
        return told

    def assert_silent(self, subscriber, seconds=0.3):
        """Nothing more is said."""
        subscriber.socket.settimeout(seconds)
        try:
            told = subscriber.socket.recv(1 << 16)
        except TimeoutError:
            told = b""
        subscriber.socket.settimeout(20)
        self.assertEqual(told, b"")

    def assert_error(self, reply, word):
        self.assertIsInstance(reply, ErrorReply)
        self.assertTrue(reply.startswith(word), reply)

    def circuit(self, hawser, change):
        """The operator's hand: "open" or "auto"."""
        request = urllib.request.Request(f"http://127.0.0.1:{hawser.admin}/circuit/{change}",
                                         data=b"")
        self.assertEqual(urllib.request.urlopen(request, timeout=5).status, 200)
        wanted = 2 if change == "open" else 0
        self.wait_for_circuit(hawser, wanted)

    def wait_for_circuit(self, hawser, wanted):
        def state():
            return next(float(line.rpartition(" ")[2])
                        for line in hawser.get("/metrics")[1].splitlines()
                        if line.startswith("hawser_circuit_state{"))
        eventually(lambda: state() == wanted, f"the circuit's state is {wanted}", 15)


class Monitored:
    """What Redis executes within a `with`: the words of each command, in `.commands`."""

    def __init__(self, redis):
        self.client, self.control = Client(redis.port), Client(redis.port)
        self.commands = []

    def __enter__(self):
        self.client("MONITOR")
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()
        return self

    def read(self):
        while True:
            line = self.client.read()
            if "monitor-is-over" in line:
                return
            words = line.partition("] ")[2]
            self.commands.append([word for word in words[1:-1].split('" "')])

    def __exit__(self, *_):
        self.control("ECHO", "monitor-is-over")
        self.thread.join(20)
        self.client.close()
        self.control.close()

    def of(self, *names):
        return [words for words in self.commands if words[0].upper() in names]
