"""Commands that need an upstream connection of their own."""

import time
import unittest

from case import HawserCase
from resp import Client, Push
from servers import eventually


class Pinned(HawserCase):
    def pinned_in_use(self):
        return self.hawser.metric("hawser_pinned_in_use")

    def test_a_blocked_client_gets_what_another_pushes(self):
        client, other = self.client(), self.client()
        client.send("BLPOP", "queue", 10)
        eventually(lambda: self.pinned_in_use() == 1, "blocked")
        self.assertEqual(other("RPUSH", "queue", "job"), 1)
        self.assertEqual(client.read(), [b"queue", b"job"])
        eventually(lambda: self.pinned_in_use() == 0, "the connection is given back")

    def test_time_outs_of_blocking_commands_are_redis_own(self):
        client = self.client()
        for words in [("BLPOP", "none", "0.2"), ("BRPOPLPUSH", "none", "b", "0.2"),
                      ("BLMPOP", "0.2", 1, "none", "LEFT"), ("BZPOPMIN", "none", "0.2"),
                      ("XREAD", "BLOCK", 200, "STREAMS", "none", "$")]:
            began = time.monotonic()
            self.assertIsNone(client(*words), words)
            self.assertLess(time.monotonic() - began, 0.7, words)
        self.assertEqual(client("WAIT", 0, 100), 0)

    def test_requests_behind_a_blocking_one_wait_for_it(self):
        client = self.client()
        replies = client.pipeline(("BLPOP", "none", "0.2"), ("SET", "behind", 1), ("GET", "behind"))
        self.assertEqual(replies, [None, "OK", b"1"])

    def test_time_behind_the_clients_own_blocking_command_does_not_count(self):
        client = self.client()
        self.assertEqual(client.pipeline(("BLPOP", "none", "4.2"), ("SET", "late", 1),
                                         ("GET", "late")), [None, "OK", b"1"])

    def test_a_blocked_client_that_leaves_is_noticed_behind_all_it_has_sent_ahead(self):
        client, other = Client(self.hawser.port), self.client()
        client.send("BLPOP", "ahead", 0)
        eventually(lambda: self.pinned_in_use() == 1, "blocked")
        client.raw(b"*2\r\n$4\r\nECHO\r\n$60000\r\n" + b"x" * 60000 + b"\r\n" + b"PING\r\n" * 20000)
        client.reset()
        eventually(lambda: self.pinned_in_use() == 0, "the lease has ended")
        other("RPUSH", "ahead", "kept")
        self.assertEqual(other("LPOP", "ahead"), b"kept")

    def test_a_refused_command_never_overtakes_what_a_stream_owes(self):
        client = self.client()
        client.send("SUBSCRIBE", "a")
        self.assertEqual(client.read(), [b"subscribe", b"a", 1])
        client.send("SHUTDOWN")
        self.assertEqual(client.rest(), b"")

    def test_a_blocked_client_that_leaves_takes_no_element(self):
        other = self.client()
        for leave in (Client.close, Client.reset):
            client = Client(self.hawser.port)
            client.send("BLPOP", "jobs", 0)
            eventually(lambda: self.pinned_in_use() == 1, "blocked")
            leave(client)
            eventually(lambda: self.direct()("INFO", "clients").find(b"blocked_clients:0") > 0,
                       "Redis forgets it")
            other("RPUSH", "jobs", "kept")
            self.assertEqual(other("LPOP", "jobs"), b"kept")

    def test_transactions_and_watch(self):
        client, other = self.client(), self.client()
        self.assertEqual(client.pipeline(("MULTI",), ("SET", "m", 1), ("INCR", "m"), ("EXEC",)),
                         ["OK", "QUEUED", "QUEUED", ["OK", 2]])
        self.assertEqual(client("WATCH", "m"), "OK")
        other("SET", "m", 5)
        self.assertEqual(client.pipeline(("MULTI",), ("SET", "m", 9), ("EXEC",)),
                         ["OK", "QUEUED", None])
        self.assertEqual(other("GET", "m"), b"5")
        self.assertEqual(other("EXEC"), "ERR EXEC without MULTI")

    def test_an_open_multi_queues_nobody_elses_commands(self):
        client, other = self.client(), self.client()
        client("MULTI")
        self.assertEqual(other("SET", "between", 1), "OK")
        self.assertEqual(client("SET", "mine", 1), "QUEUED")
        self.assertEqual(other("GET", "between"), b"1")
        self.assertEqual(client("EXEC"), ["OK"])

    def test_subscribers_get_messages(self):
        two, three, publisher = self.client(), self.client(), self.client()
        two.send("SUBSCRIBE", "news", "more")
        self.assertEqual(two.read(), [b"subscribe", b"news", 1])
        self.assertEqual(two.read(), [b"subscribe", b"more", 2])
        three("HELLO", 3)
        three.send("PSUBSCRIBE", "n*")
        self.assertEqual(three.read(), Push([b"psubscribe", b"n*", 1]))
        self.assertEqual(publisher("PUBLISH", "news", "hello"), 2)
        self.assertEqual(two.read(), [b"message", b"news", b"hello"])
        self.assertEqual(three.read(), Push([b"pmessage", b"n*", b"news", b"hello"]))
        self.assertEqual(two("PING"), [b"pong", b""])

    def test_monitor_streams(self):
        client, other = self.client(), self.client()
        self.assertEqual(client("MONITOR"), "OK")
        other("SET", "seen", 1)
        self.assertIn('"SET" "seen"', client.read())

    def test_unknown_commands_have_redis_words_and_disturb_nobody(self):
        client, direct = self.client(), self.direct()
        for words in [("NOSUCH",), ("NOSUCH", "a", "b"), ("CONFIG", "NOSUCH"), ("",)]:
            self.assertEqual(client(*words), direct(*words))
        self.assertEqual(client("PING"), "PONG")


class PinnedCap(HawserCase):
    settings = {"pinned_max": 2, "pinned_wait": "300ms"}

    def test_beyond_the_cap_a_client_waits_and_then_is_told(self):
        blocked, direct = [self.client(), self.client()], self.direct()
        for count, client in enumerate(blocked, 1):  # Redis serves the one that waits longest.
            client.send("BLPOP", "none", 0)
            eventually(lambda: b"blocked_clients:%d" % count in direct("INFO", "clients"), "blocked")
        third = self.client()
        began = time.monotonic()
        self.assertEqual(third("BLPOP", "none", 0),
                         "PROXYFULL pinned.max reached, command not executed")
        self.assertGreater(time.monotonic() - began, 0.25)
        third.send("BLPOP", "none", "0.1")
        self.client()("RPUSH", "none", "x")
        self.assertEqual(blocked[0].read(), [b"none", b"x"])
        self.assertIsNone(third.read())


if __name__ == "__main__":
    unittest.main()
