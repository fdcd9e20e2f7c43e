"""MULTI, WATCH and CLIENT TRACKING: as on Redis itself, and without a trace for anybody else."""

import itertools
import time
import unittest

from case import HawserCase
from resp import Client, ErrorReply, Push, encode
from servers import Hawser, RedisServer, eventually

ABORTED = "EXECABORT Transaction discarded because of previous errors."


class Transactions(HawserCase):
    def tearDown(self):
        super().tearDown()
        eventually(lambda: self.hawser.metric("hawser_pinned_in_use") == 0, "no lease is left")

    def both(self, *scripts, resp=2):
        """What each of the scripts gets from Redis and from hawser must be the same."""
        for script in scripts:
            seen = []
            for port in (self.redis.port, self.hawser.port):
                self.direct()("FLUSHALL")
                client = self.client(port)
                client("HELLO", resp)
                seen.append([client(*words) for words in script])
            self.assertEqual(seen[0], seen[1], script)
            for a, b in zip(*seen):
                self.assertIs(type(a), type(b), script)

    def test_a_complete_transaction_rides_the_main_connection(self):
        client, waited = self.client(), "hawser_pinned_wait_seconds_count"
        before = self.hawser.metric(waited)
        self.assertEqual(client.pipeline(("MULTI",), ("SET", "m", 1), ("INCR", "m"), ("EXEC",)),
                         ["OK", "QUEUED", "QUEUED", ["OK", 2]])
        self.assertEqual(client.pipeline(("MULTI",), ("GET",), ("INCR", "m"), ("EXEC",))[3], ABORTED)
        self.assertEqual(client.pipeline(("MULTI",), ("SET", "m", 9), ("DISCARD",), ("GET", "m")),
                         ["OK", "QUEUED", "OK", b"2"])
        self.assertEqual(self.hawser.metric(waited), before)

    def test_transactions_are_as_in_redis(self):
        scripts = [
            [("MULTI",), ("SET", "a", 1), ("INCR", "a"), ("GET", "a"), ("EXEC",), ("GET", "a")],
            [("MULTI",), ("GET",), ("SET", "a", 1), ("EXEC",), ("GET", "a")],
            [("MULTI",), ("NOSUCH", "x"), ("EXEC",), ("EXEC",), ("DISCARD",)],
            [("MULTI",), ("MULTI",), ("SET", "a", 1), ("EXEC",)],
            [("SET", "a", "x"), ("MULTI",), ("INCR", "a"), ("LPUSH", "a", 1), ("EXEC",)],
            [("MULTI",), ("WATCH", "a"), ("SET", "a", 1), ("EXEC",)],
            [("WATCH", "a"), ("SET", "a", 1), ("MULTI",), ("GET", "a"), ("EXEC",), ("GET", "a")],
            [("WATCH", "a"), ("UNWATCH",), ("SET", "a", 1), ("MULTI",), ("GET", "a"), ("EXEC",)],
            [("WATCH", "a"), ("DISCARD",), ("EXEC",), ("MULTI",), ("DISCARD",), ("GET", "a")],
            [("MULTI",), ("SELECT", 3), ("SET", "b", 1), ("EXEC",), ("GET", "b"), ("SELECT", 0),
             ("GET", "b")],
            [("MULTI",), ("SELECT", 3), ("DISCARD",), ("SET", "b", 1), ("SELECT", 3), ("GET", "b")],
            [("MULTI",), ("SELECT", 99), ("SET", "b", 1), ("EXEC",), ("GET", "b")],
            [("MULTI",), ("CLIENT", "SETNAME", "bob"), ("CLIENT", "GETNAME"), ("ECHO", "x"),
             ("PING",), ("PING", "y"), ("EXEC",), ("CLIENT", "GETNAME")],
            [("MULTI",), ("CLIENT", "SETNAME", "bob"), ("DISCARD",), ("CLIENT", "GETNAME")],
            [("MULTI",), ("CLIENT", "SETNAME", "a b"), ("ECHO",), ("EXEC",)],
            [("MULTI",), ("BLPOP", "none", 0), ("BLMOVE", "none", "x", "LEFT", "LEFT", 0),
             ("XREAD", "BLOCK", 0, "STREAMS", "none", 0), ("EXEC",)],
            [("MULTI",), ("PUBLISH", "ch", "x"), ("EXEC",)],
            [("MULTI",), ("EVAL", "return redis.call('SET', KEYS[1], 1)", 1, "a"),
             ("EVAL", "return {err='x'}", 0), ("EXEC",), ("GET", "a")],
            [("MULTI",), ("AUTH", "nobody", "wrong"), ("SET", "a", 1), ("EXEC",), ("GET", "a")],
            [("MULTI",), ("SET", "a", 1), ("RESET",), ("GET", "a"), ("EXEC",)],
            [("WATCH", "a"), ("SELECT", 2), ("SET", "a", 1), ("MULTI",), ("SET", "a", 2), ("EXEC",),
             ("GET", "a")],
            [("MULTI",), ("SUBSCRIBE", "ch"), ("EXEC",), ("PING",), ("UNSUBSCRIBE", "ch")],
            [("MULTI",), ("UNWATCH",), ("EXEC",), ("MULTI", "x"), ("EXEC", "x"), ("EXEC",)],
            [("MULTI",), ("EXEC",)],
        ]
        for resp in (2, 3):
            self.both(*scripts, resp=resp)

    def test_hello_in_a_transaction_moves_the_client_on_success(self):
        client = self.client()
        for words in [("MULTI",), ("GET", "none"), ("HELLO", 3), ("GET", "none"), ("SETNAME",)][:4]:
            client(*words)
        nil, hello, after = client("EXEC")
        self.assertIsNone(nil)
        self.assertEqual((hello[b"proto"], hello[b"mode"]), (3, b"standalone"))
        self.assertEqual(hello[b"id"], client("CLIENT", "ID"))
        self.assertIsNone(after)
        self.assertIsInstance(client("SUBSCRIBE", "x"), Push)

    def test_every_split_of_the_input(self):
        bytes_ = b"".join(encode(*w) for w in [("MULTI",), ("SET", "s", 1), ("ECHO", "x"),
                                               ("EXEC",), ("GET", "s")])
        short = b"".join(encode(*w) for w in [("MULTI",), ("SET", "s", 1), ("EXEC",), ("GET", "s")])
        scripts = [(bytes_, ["OK", "QUEUED", "QUEUED", ["OK", b"x"], b"1"]),
                   (short, ["OK", "QUEUED", ["OK"], b"1"])]
        for resp, (data, want) in itertools.product((2, 3), scripts):
            client = self.client()
            client("HELLO", resp)
            for at in range(1, len(data)):
                client.raw(data[:at])
                time.sleep(0.002)
                client.raw(data[at:])
                self.assertEqual([client.read() for _ in want], want, at)

    def test_a_lane_never_shows_a_trace_of_somebodys_block(self):
        other = self.client()
        for inside in [("SUBSCRIBE", "ch"), ("HELLO", 3), ("SELECT", 5), ("CLIENT", "REPLY", "OFF"),
                       ("CLIENT", "TRACKING", "ON"), ("MONITOR",), ("WATCH", "x"),
                       ("AUTH", "default", "x"), ("RESET",), ("QUIT",)]:
            for end in [("EXEC",), ("DISCARD",)]:
                client = self.client()
                client.raw(b"".join(encode(*w) for w in [("MULTI",), ("SET", "a", 1), inside, end]))
                for _ in range(2):
                    client.read()
                self.assertEqual(other.pipeline(("SET", "t", 1), ("GET", "t"), ("ECHO", "e")),
                                 ["OK", b"1", b"e"], inside)
                client.close()

    def test_a_denied_command_aborts_the_transaction(self):
        client = self.client()
        for pipelined in (True, False):
            words = [("MULTI",), ("SET", "denied", 1), ("SHUTDOWN",), ("SET", "denied", 2), ("EXEC",)]
            replies = client.pipeline(*words) if pipelined else [client(*w) for w in words]
            self.assertEqual(replies, ["OK", "QUEUED", "NOPERM command denied by proxy policy",
                                       "QUEUED", ABORTED])
        self.assertIsNone(client("GET", "denied"))

    def test_quit_in_a_transaction(self):
        client = self.client()
        client("MULTI")
        client("SET", "quit", 1)
        self.assertEqual((client("QUIT"), client.rest()), ("OK", b""))
        self.assertIsNone(self.client()("GET", "quit"))

    def test_the_connection_is_held_only_while_redis_holds_state(self):
        client, other = self.client(), self.client()
        in_use = lambda: self.hawser.metric("hawser_pinned_in_use")  # noqa: E731
        for words, held in [(("WATCH", "w"), 1), (("GET", "w"), 1), (("UNWATCH",), 0),
                            (("WATCH", "w"), 1), (("MULTI",), 1), (("SET", "w", 1), 1),
                            (("EXEC",), 0), (("MULTI",), 1), (("DISCARD",), 0), (("GET", "w"), 0)]:
            client(*words)
            eventually(lambda: in_use() == held, f"{words} leaves {held} in use")
        client("WATCH", "w")
        other("SET", "w", 5)
        client("MULTI")
        client("SET", "w", 9)
        self.assertIsNone(client("EXEC"))
        # The connection went back: nobody else's transaction fails for those keys.
        other("WATCH", "unrelated")
        client("SET", "w", 7)
        other("MULTI")
        other("SET", "unrelated", 1)
        self.assertEqual(other("EXEC"), ["OK"])

    def test_long_transactions(self):
        client = self.client()
        words = [("MULTI",)] + [("INCR", "long")] * 5000 + [("EXEC",)]
        self.assertEqual(client.pipeline(*words)[-1][-1], 5000)
        big = [("MULTI",), ("SET", "big", b"x" * (2 << 20)), ("STRLEN", "big"), ("EXEC",)]
        self.assertEqual(client.pipeline(*big)[-1], ["OK", 2 << 20])


class Pipeline(HawserCase):
    settings = {"clients_pipeline": 20}

    def test_a_transaction_longer_than_the_pipeline_limit(self):
        client = self.client()
        words = [("MULTI",)] + [("INCR", "p")] * 200 + [("EXEC",)]
        self.assertEqual(client.pipeline(*words)[-1], list(range(1, 201)))


class Lost(unittest.TestCase):
    def setUp(self):
        self.redis = RedisServer()
        self.addCleanup(self.redis.stop)
        self.hawser = Hawser(self.redis, timeout_command="500ms", timeout_total="1s")
        self.addCleanup(self.hawser.stop)
        self.client = Client(self.hawser.port)
        self.addCleanup(self.client.close)
        self.direct = Client(self.redis.port)
        self.addCleanup(self.direct.close)

    def lose_pinned(self):
        for line in self.direct("CLIENT", "LIST").decode().splitlines():
            if ":pinned" in line:
                self.direct("CLIENT", "KILL", "ID", line.split()[0][3:])
        time.sleep(0.1)

    def test_a_transaction_whose_connection_is_lost_does_not_happen(self):
        self.client("MULTI")
        self.assertEqual(self.client("SET", "a", 1), "QUEUED")
        self.lose_pinned()
        self.assertIsInstance(self.client("SET", "b", 1), ErrorReply)
        self.assertEqual(self.client("EXEC"), ABORTED)
        self.assertEqual(self.client.pipeline(("GET", "a"), ("GET", "b")), [None, None])

    def test_watched_keys_that_are_lost_keep_the_transaction_from_happening(self):
        self.client("WATCH", "a")
        self.lose_pinned()
        self.assertEqual(self.client("SET", "other", 1), "OK")
        self.assertIsInstance(self.client("MULTI"), ErrorReply)
        self.assertIsInstance(self.client("SET", "a", 1), ErrorReply)
        self.assertEqual(self.client("EXEC"), ABORTED)
        self.assertIsNone(self.client("GET", "a"))
        self.client("WATCH", "a")
        self.lose_pinned()
        self.assertEqual(self.client("UNWATCH"), "OK")
        self.assertEqual(self.client.pipeline(("MULTI",), ("SET", "a", 1), ("EXEC",))[2], ["OK"])

    def test_a_transaction_is_never_sent_twice(self):
        for _ in range(10):
            self.direct("SET", "n", 0)
            self.client.raw(b"".join(encode(*w) for w in [("MULTI",), ("INCR", "n"), ("EXEC",)]))
            self.direct("CLIENT", "KILL", "TYPE", "normal")  # All but its own connection.
            replies = [self.client.read() for _ in range(3)]
            done = int(self.direct("GET", "n"))
            self.assertIn(done, (0, 1))
            if isinstance(replies[2], list):
                self.assertEqual((replies[2], done), ([1], 1))

    def test_with_redis_away_nothing_of_a_transaction_happens(self):
        self.client("SET", "a", 0)
        self.redis.kill()
        replies = self.client.pipeline(("MULTI",), ("INCR", "a"), ("EXEC",))
        self.assertLessEqual({r[:9] for r in replies}, {"PROXYDOWN", "PROXYOPEN"})
        self.assertRegex(self.client("MULTI"), "^PROXY(DOWN|OPEN)")
        self.redis.start()
        self.assertIsInstance(self.client("SET", "a", 1), ErrorReply)
        self.assertEqual(self.client("EXEC"), ABORTED)
        self.assertIsNone(self.client("GET", "a"))


class Tracking(HawserCase):
    def test_invalidations_come_as_pushes_and_disturb_nobody(self):
        client, other = self.client(), self.client()
        client("HELLO", 3)
        self.assertEqual(client("CLIENT", "TRACKING", "ON"), "OK")
        client("GET", "tracked")
        other("SET", "tracked", 1)
        self.assertEqual(client.read(), Push([b"invalidate", [b"tracked"]]))
        self.assertEqual(client("GET", "tracked"), b"1")
        self.assertEqual(client("CLIENT", "GETREDIR"), 0)
        self.assertEqual(client("CLIENT", "TRACKINGINFO")[b"flags"], [b"on"])
        self.assertEqual([client("MULTI"), client("GET", "tracked"), client("EXEC")],
                         ["OK", "QUEUED", [b"1"]])
        self.assertEqual(client("CLIENT", "TRACKING", "OFF"), "OK")
        eventually(lambda: self.hawser.metric("hawser_pinned_in_use") == 0, "given up")

    def test_redirection_names_hawsers_clients(self):
        listener, client, other = self.client(), self.client(), self.client()
        number = listener("CLIENT", "ID")
        listener("SUBSCRIBE", "__redis__:invalidate")
        self.assertEqual(client("CLIENT", "TRACKING", "ON", "REDIRECT", 999999),
                         "ERR The client ID you want redirect to does not exist")
        self.assertEqual(client("CLIENT", "TRACKING", "ON", "REDIRECT", number), "OK")
        self.assertEqual(client("CLIENT", "GETREDIR"), number)
        client("GET", "redirected")
        other("SET", "redirected", 1)
        self.assertEqual(listener.read(),
                         [b"message", b"__redis__:invalidate", [b"redirected"]])

    def test_caching_belongs_to_tracking(self):
        client, direct = self.client(), self.direct()
        self.assertEqual(client("CLIENT", "CACHING", "YES"), direct("CLIENT", "CACHING", "YES"))
        client("HELLO", 3)
        self.assertEqual(client("CLIENT", "TRACKING", "ON", "OPTIN"), "OK")
        self.assertEqual(client("CLIENT", "CACHING", "YES"), "OK")


class ForLife(HawserCase):
    settings = {"pinned_max_for_life": 1, "pinned_wait": "200ms"}

    def test_connections_for_life_have_a_cap_of_their_own(self):
        monitor, other, third = self.client(), self.client(), self.client()
        self.assertEqual(monitor("MONITOR"), "OK")
        self.assertEqual(other("MONITOR"), "PROXYFULL pinned.max reached, command not executed")
        self.assertEqual(third("BLPOP", "none", "0.05"), None)
        monitor.close()
        eventually(lambda: other("MONITOR") == "OK", "there is room again")


if __name__ == "__main__":
    unittest.main()
