"""The workload notices every lie, and does not accuse an honest server. The fault proxy does what
it says. Without these, a chaos suite that passes would say nothing."""

import socket
import time
import unittest

from fault_proxy import FaultProxy
from lying_server import LIES, LyingServer
from resp import Client, Closed
from wire import ReplyStream
from workload import Workload

TOTAL = 0.4  # What the workload is told that hawser's deadline is, seconds.


class Lies(unittest.TestCase):
    def verdict(self, lie):
        # Only the last transaction can be seen to be torn from outside: all of them are.
        server = LyingServer(lie, every=1 if lie == "torn" else 25)
        self.addCleanup(server.stop)
        load = Workload(server.port, seed=1, clients=6, total=TOTAL, script=TOTAL, vanishing=0)
        load.start()
        time.sleep(0.8)
        load.stop()
        server.lie = None
        direct = Client(server.port)
        self.addCleanup(direct.close)
        try:
            load.verify(direct)
        except AssertionError as error:
            return str(error)
        self.assertGreater(load.acknowledged, 300, load.summary())
        return None

    def test_an_honest_server_is_not_accused(self):
        self.assertIsNone(self.verdict("truth"))

    def test_each_lie_is_noticed_and_told_with_its_seed(self):
        for lie, words in LIES.items():
            if lie != "truth":
                with self.subTest(lie):
                    verdict = self.verdict(lie)
                    self.assertIn("seed 1", str(verdict))
                    self.assertIn(words, verdict)


class Replies(unittest.TestCase):
    def test_as_deep_as_hawser_hands_them_on(self):
        stream = ReplyStream()
        self.assertEqual(stream.feed(b"*1\r\n" * 10000), [])
        inside, depth = stream.feed(b":7\r\n+OK\r\n"), 0
        self.assertEqual(inside.pop(), "OK")
        while isinstance(inside, list):
            inside, depth = inside[0], depth + 1
        self.assertEqual((inside, depth), (7, 10001))


class Proxy(unittest.TestCase):
    def setUp(self):
        self.server = LyingServer("truth")
        self.addCleanup(self.server.stop)
        self.proxy = FaultProxy(self.server.port)
        self.addCleanup(self.proxy.stop)

    def client(self, **options):
        client = Client(self.proxy.port, **options)
        self.addCleanup(client.close)
        return client

    def seconds(self, client, *words):
        began = time.monotonic()
        client(*words)
        return time.monotonic() - began

    def test_passes_delays_throttles_and_dribbles(self):
        client, long = self.client(), "x" * 20000
        self.assertEqual(client("PING", long), long.encode())
        self.proxy.delay = 0.1
        self.assertGreater(self.seconds(client, "PING", "x"), 0.19)
        self.proxy.delay, self.proxy.rate = 0, 100000
        self.assertGreater(self.seconds(client, "PING", long), 0.3)
        self.proxy.rate, self.proxy.dribble = None, True
        self.assertEqual(client("PING", long), long.encode())

    def test_what_is_held_goes_on_later(self):
        client = self.client(timeout=0.2)
        self.assertEqual(client("INCR", "n"), 1)
        self.proxy.hold = {"down"}
        client.send("INCR", "n")
        self.assertRaises(socket.timeout, client.read)
        client.file = client.socket.makefile("rb")
        self.assertEqual(self.server.strings[b"n"], b"2")
        self.proxy.hold = {"up"}
        client.send("INCR", "n")
        self.assertEqual(client.read(), 2)
        self.assertEqual(self.server.strings[b"n"], b"2")
        self.proxy.pass_all()
        self.assertEqual(client.read(), 3)

    def test_cuts_with_and_without_a_reset(self):
        for reset in (True, False):
            client = self.client()
            client("PING", "x")
            self.assertEqual(self.proxy.cut(reset), 1)
            self.assertRaises((Closed, OSError), client, "PING", "x")

    def test_refuses_comes_back_resets_and_counts(self):
        self.proxy.refuse()
        self.assertRaises(ConnectionRefusedError, Client, self.proxy.port)
        self.proxy.come_back()
        before = self.proxy.accepted
        self.proxy.reset_new = True
        with self.assertRaises((Closed, OSError)):
            self.client()("PING", "x")
        self.assertEqual(self.proxy.accepted, before + 1)
        self.proxy.pass_all()
        other = LyingServer("truth")
        self.addCleanup(other.stop)
        other.strings[b"k"] = b"other"
        self.proxy.retarget(other.port)
        self.assertEqual(self.client()("GET", "k"), b"other")

    def test_alters_what_redis_says(self):
        client = self.client()
        self.proxy.alter = lambda data: data.replace(b"$", b"?")
        self.assertRaises(AssertionError, client, "PING", "x")


if __name__ == "__main__":
    unittest.main()
