"""Holding up the shared connection, hawser's one thread, or its memory."""

import resource
import time
import unittest

from adversary_case import AdversaryCase, joined
from cache_case import in_threads
from resp import Client, ErrorReply, encode
from servers import eventually

MIB = 1 << 20


def flood(client, data, most):
    """Sends until nobody takes any more; returns how much was taken."""
    client.socket.settimeout(0.3)
    sent = 0
    try:
        while sent < most:
            sent += client.socket.send(data)
    except OSError:
        pass
    return sent


class Blocking(AdversaryCase):
    def test_commands_that_wait_hold_nobody_up(self):
        """Each of them, on the shared connection, would stop everybody for good."""
        for hidden in [("BLPOP", "none", 0), ("blPOP", "none", "0x0"), ("BLPOP", "none", "0e5"),
                       ("BLMPOP", 0, 1, "none", "LEFT"), ("BZMPOP", 0, 1, "none", "MIN"),
                       ("BLMOVE", "none", "to", "LEFT", "LEFT", 0), ("BRPOPLPUSH", "none", "to", 0),
                       ("XREAD", "BLOCK", 0, "STREAMS", "none", "$"),
                       ("XREAD", "COUNT", 1, "bLoCk", 0, "STREAMS", "none", "$"),
                       ("XREAD", "COUNT", 1, "COUNT", 1, "BLOCK", 0, "STREAMS", "none", "$"),
                       ("XREAD", "BLOCK", 1, "BLOCK", 0, "STREAMS", "none", "$"),
                       ("XREADGROUP", "GROUP", "STREAMS", "c", "BLOCK", 0, "STREAMS", "stream",
                        ">"),
                       ("XREADGROUP", "GROUP", "g", "STREAMS", "BLOCK", 0, "STREAMS", "stream",
                        ">"),
                       ("XREADGROUP", "GROUP", "COUNT", "1", "NOACK", "BLOCK", 0, "STREAMS",
                        "stream", ">"),
                       ("XREADGROUP", "BLOCK", 0, "GROUP", "g", "c", "STREAMS", "stream", ">"),
                       ("XREADGROUP", "NOACK", "GROUP", "BLOCK", "5", "BLOCK", 0, "STREAMS",
                        "stream", ">"),
                       ("WAIT", 9, 0), ("WAIT", 9, 100000)]:
            direct = self.direct()
            for group in ("STREAMS", "g", "COUNT", "BLOCK"):
                direct("XGROUP", "CREATE", "stream", group, "$", "MKSTREAM")
            with self.subTest(hidden):
                blocked = self.client()
                blocked.send(*hidden)
                eventually(lambda: b"blocked_clients:1" in direct("INFO", "clients"), "it blocks")
                self.check_bystanders()
                blocked.reset()
                self.clients.remove(blocked)
                eventually(lambda: b"blocked_clients:0" in direct("INFO", "clients"), "it is gone")

    def test_commands_that_wait_inside_others_do_not(self):
        client = self.client()
        self.assertIsNone(client("EVAL", "return redis.call('BLMPOP', 0, 1, 'none', 'LEFT')", 0))
        self.assertIsInstance(client("EVAL",
                                     "return redis.call('XREAD', 'BLOCK', 0, 'STREAMS', 'none', "
                                     "'$')", 0), ErrorReply)
        self.assertEqual(client.pipeline(("MULTI",), ("BLPOP", "none", 0),
                                         ("XREAD", "BLOCK", 0, "STREAMS",
                                         "none", "$"), ("WAIT", 1, 0), ("EXEC",))[-1],
                                         [None, None, 0])

    def test_nothing_is_popped_for_who_has_gone(self):
        """Clients that leave at any moment around their element."""
        direct = self.direct()
        for i in range(40):
            client = Client(self.hawser.port)
            client.raw(joined(("GET", "x"), ("BLPOP", f"queue{i}", 0), ("PING",)))
            if i % 4 == 0:
                client.read()
            if i % 2:
                client.reset()
            else:
                client.close()
        eventually(lambda: self.hawser.metric("hawser_pinned_in_use") == 0, "all leases ended")
        eventually(lambda: b"blocked_clients:0" in direct("INFO", "clients"), "Redis forgets them")
        for i in range(40):
            direct("RPUSH", f"queue{i}", "kept")
            self.assertEqual(direct("LPOP", f"queue{i}"), b"kept")

    def test_one_client_unblocks_only_whom_it_names(self):
        victim, thief = self.client(), self.client()
        number = victim("CLIENT", "ID")
        victim.send("BLPOP", "none", 0)
        eventually(lambda: b"blocked_clients:1" in self.direct()("INFO", "clients"), "blocked")
        upstream = [int(line.split(b" ")[0][3:]) for line in self.direct()("CLIENT",
                                                                           "LIST").splitlines()
                    if b":pinned" in line]
        for lie in [i for i in upstream + [0, -1, 2**63 - 1, 2**64 + number] if i != number]:
            self.assertNotEqual(thief("CLIENT", "UNBLOCK", lie), 1)
        self.assert_silent(victim)
        self.assertEqual(thief("CLIENT", "UNBLOCK", number), 1)
        self.assertIsNone(victim.read())


class Exhaustion(AdversaryCase):
    settings = {"pinned_max": 4, "pinned_wait": "200ms", "contexts_max": 4, "clients_max": 600,
                "contexts_idle": "300ms"}

    def test_all_pinned_connections_taken(self):
        holders = []
        for _ in range(12):
            holder = self.client()
            holder.send("BLPOP", "none", 0)
            holders.append(holder)
        eventually(lambda: self.hawser.metric("hawser_pinned_in_use") == 4, "all are taken")
        late = self.client()
        # Whole transactions and ordinary commands need none.
        self.assertEqual(late.pipeline(("MULTI",), ("INCR", "late"), ("EXEC",), ("GET", "late")),
                         ["OK", "QUEUED", [1], b"1"])
        self.check_bystanders()
        got = late.pipeline(("WATCH", "late"), ("MULTI",), ("INCR", "late"), ("EXEC",))
        self.assertEqual(got[0], "PROXYFULL pinned.max reached, command not executed")
        self.assertTrue(all(isinstance(r, ErrorReply) for r in got), got)
        self.assertEqual(self.direct()("GET", "late"), b"1")
        for holder in holders:
            holder.reset()
            self.clients.remove(holder)
        eventually(lambda: self.hawser.metric("hawser_pinned_in_use") == 0, "all are free")
        self.assertEqual(self.client()("NOSUCH", "x")[:19], "ERR unknown command")

    def test_all_contexts_taken(self):
        """Who is served goes on; new ones get a place once somebody's was idle."""
        greedy = self.client()
        got = greedy.pipeline(*[("SELECT", i) for i in range(16)])
        self.assertTrue(all(r == "OK" or r.startswith("PROXYFULL contexts.max") for r in got), got)
        self.assertTrue(any(r.startswith("PROXYFULL") for r in got))
        self.check_bystanders()
        late = self.client()
        eventually(lambda: late("SELECT", 9) == "OK", "a place is free again")

    def test_databases_that_do_not_exist(self):
        """Each wants a connection that Redis refuses; numbers overflow."""
        for _ in range(3):
            clients = [self.client() for _ in range(5)]
            for client in clients:
                client.raw(joined(*[("SELECT", n) for n in (
                    16, 17, 99999, 2147483647, 2147483648, 4294967296, 4294967297, 99999999999999,
                    -1,
                    "99999999999999999999", -2147483649)], ("ECHO", "end"), ("GET", "nothing")))
            for client in clients:
                got = [client.read() for _ in range(13)]
                self.assertTrue(all(isinstance(r, ErrorReply) for r in got[:11]), got)
                self.assertEqual(got[11:], [b"end", None])
        self.check_bystanders()

    def test_hundreds_that_come_and_go(self):
        def come_and_go(number):
            for i in range(70):
                client = Client(self.hawser.port)
                if i % 4 == 0:
                    client.raw(encode("SET", "gone", i) * 5 + b"*2\r\n$3\r\nGE")
                if i % 4 == 1:
                    self.assertEqual(client("ECHO", f"{number}.{i}"), f"{number}.{i}".encode())
                (client.reset if i % 3 else client.close)()
        in_threads(8, come_and_go)
        self.check_bystanders()

    def test_more_clients_than_there_may_be(self):
        crowd = [Client(self.hawser.port) for _ in range(620)]
        self.check_bystanders()
        for client in crowd:
            client.reset()


class Readers(AdversaryCase):
    """Limits that a test reaches soon."""

    patience = 2.5
    settings = {"clients_output_limit": "1MiB", "clients_stall": "300ms",
                "buffers_max_bytes": "128MiB",
                "lanes_max_bytes": "32MiB", "pubsub_output_hard": "4MiB"}

    def setUp(self):
        super().setUp()
        client = self.client()
        client("SET", "short", "x" * 100)
        client("SET", "long", "x" * (MIB // 4))
        client("SET", "longer", "x" * (4 * MIB))

    def memory(self):
        with open(f"/proc/{self.hawser.process.pid}/statm") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize()

    def test_clients_that_never_read(self):
        """Replies pile up in hawser, or in the connection of all."""
        before = self.memory()
        for words in [("GET", "long"), ("GET", "longer"), ("MGET", *["long"] * 20), ("KEYS", "*"),
                      ("EVAL", "return redis.call('GET', 'longer')", 0), ("COMMAND",)]:
            deaf = [self.client() for _ in range(4)]
            for client in deaf:
                client.raw(encode(*words) * 10)
            time.sleep(0.1)
            self.check_bystanders()
            for client in deaf:
                client.reset()
                self.clients.remove(client)
        self.assertLess(self.memory() - before, 256 * MIB)

    def test_a_pipeline_without_end_and_without_reading(self):
        """A gigabyte of requests: it stops being taken."""
        before = self.memory()
        clients = [self.client() for _ in range(4)]
        for client in clients:
            taken = flood(client, encode("GET", "short") * 1000, 1 << 30)
            self.assertLess(taken, 64 * MIB)
        echo = self.client()
        flood(echo, encode("ECHO", "x" * 1000) * 100, 1 << 30)
        self.check_bystanders()
        self.assertLess(self.memory() - before, 256 * MIB)

    def test_slow_readers(self):
        slow = [self.client() for _ in range(3)]
        for client in slow:
            client.send("GET", "longer")
        left = [4 * MIB + len(b"$4194304\r\n\r\n")] * len(slow)
        while any(left):
            for i, client in enumerate(slow):
                if left[i]:
                    left[i] -= len(client.file.read(min(left[i], MIB)))
        self.check_bystanders()

    def test_who_hears_long_replies_hears_the_next_ones_apart(self):
        slow = self.client()
        self.assertEqual(len(slow("GET", "longer")), 4 * MIB)
        connections = "hawser_pinned_wait_seconds_count"
        before = self.hawser.metric(connections)
        for i in range(3):
            self.assertEqual(len(slow("GET", "longer")), 4 * MIB)
            self.assertEqual(self.hawser.metric(connections), before + i + 1)
        for _ in range(110):
            slow("PING")
        self.assertGreater(self.hawser.metric(connections), before + 3)
        before = self.hawser.metric(connections)
        slow("GET", "longer")
        self.assertEqual(self.hawser.metric(connections), before)

    def test_a_slow_and_large_request(self):
        """Trickling in, it must hold no place in the shared connection."""
        slow = self.client()
        whole = encode("SET", "trickle", "y" * (3 * MIB))
        for at in range(0, len(whole), 300000):
            slow.raw(whole[at:at + 300000])
            time.sleep(0.005)
        self.assertEqual(slow.read(), "OK")
        for cut in (1, 100, 70000, 2 * MIB):
            client = Client(self.hawser.port)
            client.raw(whole[:cut])
            client.reset()

    def test_a_subscriber_that_never_reads(self):
        deaf, loud = self.client(), self.client()
        deaf("SUBSCRIBE", "loud")
        for _ in range(40):
            loud.send("PUBLISH", "loud", "z" * 500000)
        for _ in range(40):
            loud.read()
        self.check_bystanders()

    def test_monitor_that_is_not_read(self):
        deaf = self.client()
        deaf("MONITOR")
        loud = self.client()
        for _ in range(60):
            loud.send("ECHO", "x")
            loud.send("SET", "watched", "z" * 500000)
        for _ in range(120):
            loud.read()
        self.check_bystanders()


class SlowRedis(AdversaryCase):
    """While Redis itself is held up nobody can be served; then everything goes on where it was."""

    patience = 2.5

    def test_what_holds_redis_up_for_a_moment_costs_nobody_a_reply(self):
        client = self.client()
        for words in [("DEBUG", "SLEEP", "0.3"),
                      ("EVAL", "local t = redis.call('TIME') local s = t[1] + t[2] / 1e6 repeat "
                               "t = redis.call('TIME') until t[1] + t[2] / 1e6 > s + 0.3 return 1",
                               0),
                      ("DEBUG", "POPULATE", 30000, "many", 10), ("KEYS", "*"), ("DEBUG", "JMAP"),
                      ("EVAL", "for i = 1, 1000000 do end return 1", 0)]:
            client(*words)
        deep = self.client()
        for _ in range(5):
            deep.send("KEYS", "many:*")
            deep.send("SORT", "none")
        self.check_bystanders()

    def test_a_proxy_to_itself(self):
        """Redis sent to hawser for its data, which is Redis."""
        client = self.client()
        client("SET", "moving", "x")
        reply = client("MIGRATE", "127.0.0.1", self.hawser.port, "moving", 0, 300)
        self.assertIsInstance(reply, ErrorReply)
        self.assertEqual(client("GET", "moving"), b"x")


if __name__ == "__main__":
    unittest.main()
