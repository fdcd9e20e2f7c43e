"""Commands that need an upstream connection of their own."""

import socket
import time
import unittest

from case import HawserCase
from resp import Client, Push, encode
from servers import eventually


class PinnedCase(HawserCase):
    def pinned_in_use(self):
        return self.hawser.metric("hawser_pinned_in_use")


class Pinned(PinnedCase):
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
        self.assertEqual(client("MONITOR"), "OK")
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

    def test_client_unblock_takes_hawsers_ids(self):
        client, other = self.client(), self.client()
        number = client("CLIENT", "ID")
        self.assertEqual(other("CLIENT", "UNBLOCK", number), 0)
        for reason, expected in [((), None), (("TIMEOUT",), None),
                                 (("ERROR",), "UNBLOCKED client unblocked via CLIENT UNBLOCK")]:
            client.send("BLPOP", "none", 0)
            eventually(lambda: b"blocked_clients:1" in self.direct()("INFO", "clients"), "blocked")
            self.assertEqual(other("CLIENT", "UNBLOCK", number, *reason), 1)
            self.assertEqual(client.read(), expected)
        client("WATCH", "w")
        client.send("BLPOP", "none", 0)
        eventually(lambda: b"blocked_clients:1" in self.direct()("INFO", "clients"), "blocked")
        self.assertEqual(other("CLIENT", "UNBLOCK", number), 1)
        self.assertIsNone(client.read())
        self.assertEqual(other("CLIENT", "UNBLOCK", number), 0)
        self.assertEqual(client("UNWATCH"), "OK")
        direct = self.direct()
        for words in [("x",), (1, "x"), (1, "ERROR", "y")]:
            self.assertEqual(other("CLIENT", "UNBLOCK", *words), direct("CLIENT", "UNBLOCK", *words))

    def test_monitor_streams(self):
        client, other = self.client(), self.client()
        self.assertEqual(client("MONITOR"), "OK")
        other("SET", "seen", 1)
        self.assertIn('"SET" "seen"', client.read())

    def test_what_was_refused_leaves_the_client_as_it_was(self):
        """READONLY and its like pin a client for life, but only where the server takes them."""
        for words in [("READONLY",), ("READWRITE",), ("ASKING",), ("CLIENT", "CACHING", "YES")]:
            seen = []
            for port in (self.redis.port, self.hawser.port):
                client = self.client(port)
                client("CLIENT", "SETNAME", "mine")
                seen.append(client.pipeline(words, ("MULTI",), ("SET", "k", 1), ("EXEC",),
                                            ("CLIENT", "GETNAME"), ("CLIENT", "REPLY", "ON")))
                client.send("SUBSCRIBE", "a", "b")
                seen[-1] += [client.read(), client.read(), client("PING")]
            self.assertEqual(seen[0], seen[1])
            self.assertEqual(self.hawser.metric("hawser_pinned_waiting"), 0)

    def test_unknown_commands_have_redis_words_and_disturb_nobody(self):
        client, direct = self.client(), self.direct()
        for words in [("NOSUCH",), ("NOSUCH", "a", "b"), ("CONFIG", "NOSUCH"), ("",)]:
            self.assertEqual(client(*words), direct(*words))
        self.assertEqual(client("PING"), "PONG")


class Large(PinnedCase):
    """Large requests have a connection of their own, one at a time and for no longer."""

    settings = {"timeout_total": "1s", "timeout_command": "700ms"}
    large = "x" * (2 << 20)

    def test_only_for_the_request(self):
        client = self.client()
        number = client("CLIENT", "ID")
        for words in [("PING", self.large), ("SET", "k", self.large), ("GETRANGE", "k", 0, 0),
                      ("EVAL", "return #ARGV[1]", 0, self.large), ("UNWATCH",)]:
            client(*words)
            self.assertEqual(self.pinned_in_use(), 0, words[0])
            self.assertEqual(client("CLIENT", "ID"), number, words[0])

    def test_in_order_among_small_ones(self):
        client = self.client()
        self.assertEqual(client.pipeline(("APPEND", "o", "a"), ("SET", "o", self.large),
                                         ("APPEND", "o", "b"), ("SET", "o", self.large),
                                         ("STRLEN", "o")),
                         [1, "OK", len(self.large) + 1, "OK", len(self.large)])

    def test_of_a_client_that_has_ended_its_side(self):
        for requests, answers in [([("SET", "e", self.large)], b"+OK\r\n"),
                                  ([("DEL", "e"), ("APPEND", "e", "x"), ("SET", "e", self.large)],
                                   b":1\r\n:1\r\n+OK\r\n")]:
            client = self.client()
            client.raw(b"".join(encode(*words) for words in requests))
            client.socket.shutdown(socket.SHUT_WR)
            self.assertEqual(client.rest(), answers)

    def test_of_a_client_that_has_ended_its_side_while_redis_is_slow(self):
        client = self.client()
        client("GET", "k")
        self.redis.freeze()
        try:
            client.raw(encode("SET", "s", self.large) + encode("SET", "s", "x" * 200000)
                       + encode("STRLEN", "s"))
            client.socket.shutdown(socket.SHUT_WR)
            time.sleep(0.4)  # It is looked at each 100 ms whether it is still there.
        finally:
            self.redis.thaw()
        self.assertEqual(client.rest(), b"+OK\r\n+OK\r\n:200000\r\n")

    def test_what_is_behind_one_has_its_own_time(self):
        client = self.client()
        client("GET", "k")
        self.redis.freeze()
        try:
            began = time.monotonic()
            client.raw(encode("SET", "k", self.large) + encode("GET", "k") * 3)
            replies = [client.read() for _ in range(4)]
            self.assertLess(time.monotonic() - began, 1.5)
        finally:
            self.redis.thaw()
        self.assertTrue(all(reply.startswith("PROXY") for reply in replies), replies)
        eventually(lambda: client("PING") == "PONG", "it goes on")


class PinnedCap(HawserCase):
    redis_options = ("--user default on nopass ~* &* +@all "
                     "--user app on >word ~* &* +@all -client|unblock").split()
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
        began = time.monotonic()
        self.assertIsNone(third("BLPOP", "none", "0.6"))  # Its own time, beyond pinned.wait.
        self.assertAlmostEqual(time.monotonic() - began, 0.6, delta=0.4)
        number = third("CLIENT", "ID")
        third.send("BLPOP", "none", 3)
        eventually(lambda: self.hawser.metric("hawser_pinned_waiting") == 1, "in line")
        without_right = self.client()
        without_right("AUTH", "app", "word")
        self.assertTrue(without_right("CLIENT", "UNBLOCK", number).startswith("NOPERM"))
        self.assertEqual(self.hawser.metric("hawser_pinned_waiting"), 1)
        self.assertEqual(self.client()("CLIENT", "UNBLOCK", number, "ERROR"), 1)
        self.assertEqual(third.read(), "UNBLOCKED client unblocked via CLIENT UNBLOCK")
        third.send("BLPOP", "none", "0.1")
        self.client()("RPUSH", "none", "x")
        self.assertEqual(blocked[0].read(), [b"none", b"x"])
        self.assertIsNone(third.read())

    def test_the_time_in_line_is_part_of_a_commands_own(self):
        blocked = [self.client(), self.client()]
        for client in blocked:
            client.send("BLPOP", "line", "0.6")
        waits = self.client()
        time.sleep(0.2)
        began = time.monotonic()
        self.assertIsNone(waits("BLPOP", "none", "1"))
        self.assertLess(time.monotonic() - began, 1.4)
        for client in blocked:
            self.assertIsNone(client.read())


if __name__ == "__main__":
    unittest.main()
