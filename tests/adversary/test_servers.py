"""Servers that are not as usual: renamed commands, no RESP3, small limits. What one client gets out
of that is its own affair."""

import time
import unittest

from adversary_case import AdversaryCase, joined
from resp import Client
from servers import Hawser, RedisServer


class Renamed(unittest.TestCase):
    """The bystanders of the other tests need these commands themselves."""

    def started(self, *renamed):
        redis = RedisServer(*[word for name in renamed for word in ("--rename-command", name, "")])
        self.addCleanup(redis.stop)
        hawser = Hawser(redis)
        self.addCleanup(hawser.stop)
        return redis, hawser

    def client(self, server):
        client = Client(server.port)
        self.addCleanup(client.close)
        return client

    def test_a_transaction_that_cannot_be_ended(self):
        redis, hawser = self.started("EXEC")
        other, direct = self.client(hawser), self.client(redis)
        block = (("MULTI",), ("SET", "k", 1), ("EXEC",))
        for round_ in range(1, 4):
            client = self.client(hawser)
            replies = client.pipeline(*block)
            self.assertEqual(replies[:2], ["OK", "QUEUED"])
            self.assertTrue(replies[2].startswith("ERR unknown command 'EXEC'"), replies)
            self.assertEqual(other("INCR", "n"), round_)
            self.assertEqual(other.pipeline(("GET", "n"), ("PING",)), [str(round_).encode(), "PONG"])
        # Once it is known nobody's connection is lost over it.
        before = hawser.metric("hawser_upstream_reconnects_total")
        for i in range(20):
            other.send("INCR", "m")
            self.client(hawser).pipeline(*block)
            self.assertEqual(other.read(), i + 1)
        self.assertEqual(hawser.metric("hawser_upstream_reconnects_total"), before)
        self.assertIsNone(direct("GET", "k"))

    def test_resp3_of_a_server_that_has_none(self):
        redis, hawser = self.started("HELLO")
        other, client, direct = self.client(hawser), self.client(hawser), self.client(redis)
        self.assertEqual(other("SET", "a", 1), "OK")
        for words in (("HELLO", 3), ("HELLO",), ("HELLO", 2, "AUTH", "default", "x")):
            self.assertTrue(direct(*words).startswith(client(*words)), words)
        for i in range(100):
            self.assertEqual(client("GET", "a"), b"1")
            self.assertEqual(other("INCR", "n"), i + 1)


    def test_a_password_of_a_server_without_hello(self):
        redis = RedisServer("--rename-command", "HELLO", "", "--requirepass", "pw")
        self.addCleanup(redis.stop)
        hawser = Hawser(redis)
        self.addCleanup(hawser.stop)
        for words in (("AUTH", "pw"), ("AUTH", "default", "pw")):
            client = self.client(hawser)
            self.assertEqual(client(*words), "OK")
            self.assertIsNone(client("GET", "a"))
        self.assertTrue(self.client(hawser)("AUTH", "guess").startswith("WRONGPASS"))


class SmallLimits(AdversaryCase):
    redis_options = ("--proto-max-bulk-len", "1mb")

    def test_a_large_request_behind_others(self):
        """Redis closes the connection on which such a request comes."""
        for _ in range(10):
            client = self.client()
            client.raw(joined(("SET", "mine", 1), ("SET", "big", "x" * 1100000), ("GET", "mine")),
                       may_fail=True)
            self.assertEqual(client.read(), "OK")
            self.assertRegex(client.read(), "ERR Protocol error: invalid bulk length|^PROXYLOST")
        self.check_bystanders()


if __name__ == "__main__":
    unittest.main()
