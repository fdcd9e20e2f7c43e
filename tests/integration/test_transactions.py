"""MULTI, WATCH and CLIENT TRACKING: as on Redis itself, and without a trace for anybody else."""

import collections
import itertools
import time
import unittest

from case import HawserCase
from resp import Client, ErrorReply, Push, encode
from servers import Hawser, RedisServer, eventually
from way import Way

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
        self.assertEqual(self.hawser.metric(waited), before)
        self.assertEqual(client.pipeline(("MULTI",), ("SET", "m", 9), ("DISCARD",), ("GET", "m")),
                         ["OK", "QUEUED", "OK", b"2"])

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
            [("MULTI",), ("CLIENT", "NOSUCH"), ("EXEC",), ("GET", "a")],
            [("MULTI",), ("SET", "a", 1), ("RESET", "x"), ("EXEC",), ("GET", "a")],
            [("WATCH", "a"), ("CLIENT", "NOSUCH"), ("SET", "a", 1), ("MULTI",), ("EXEC",)],
            [("CLIENT", "TRACKING", "ON", "REDIRECT", "x"), ("CLIENT", "GETREDIR")],
            [("WATCH", "a"), ("CLIENT", "TRACKING", "ON", "REDIRECT", "+1"), ("UNWATCH",)],
        ]
        for resp in (2, 3):
            self.both(*scripts, resp=resp)

    def test_exec_with_arguments_ends_the_transaction(self):
        for begin in ("MULTI",), ("WATCH", "k"):
            seen = []
            for port in (self.redis.port, self.hawser.port):
                client = self.client(port)
                seen.append([client(*begin), client("EXEC", "x"),
                             client.pipeline(("SUBSCRIBE", "c"), ("GET", "k"))])
            self.assertEqual(seen[0], seen[1])

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

    def test_a_cache_command_is_refused_in_a_transaction(self):
        client = self.client()
        commands = [(("CACHE.SET", "k", "v"), "ERR Command not allowed inside a transaction"),
                    (("cache.invalidate", "tag"), "ERR Command not allowed inside a transaction"),
                    (("CACHE.SET", "k"),
                     "ERR wrong number of arguments for 'cache.set' command")]
        for (words, refusal), watch, resp in itertools.product(commands, (False, True), (2, 3)):
            client("HELLO", resp)
            script = [("MULTI",), ("SET", "refused", 1), words, ("SET", "refused", 2), ("EXEC",)]
            want = ["OK", "QUEUED", refusal, "QUEUED", ABORTED]
            if watch:
                script, want = [("WATCH", "w"), *script], ["OK", *want]
            self.assertEqual(client.pipeline(*script), want)
            self.assertEqual([client(*each) for each in script], want)
            client("MULTI")
            self.assertEqual([client(*words), client("DISCARD")], [refusal, "OK"])
        self.assertEqual(client.pipeline(("GET", "refused"), ("MULTI",), ("PING",), ("EXEC",)),
                         [None, "OK", "QUEUED", ["PONG"]])

    def test_a_cache_command_under_watch_is_as_ever(self):
        client, other = self.client(), self.client()
        for words in [("CACHE.GET", "uncached"), ("CACHE.GET",)]:
            usual = other(*words)
            self.assertEqual(client.pipeline(("WATCH", "w"), ("SET", "o", 1), words, ("INCR", "o"),
                                             words, ("MULTI",), ("INCR", "o"), ("EXEC",)),
                             ["OK", "OK", usual, 2, usual, "OK", "QUEUED", [3]])

    def test_what_is_large_leaves_a_watch_alone(self):
        other = self.client()
        for words in [("PUBLISH", "ch", "x" * (2 << 20)), ("SET", "own", "x" * (2 << 20)),
                      ("CACHE.SET", "own", "x" * (2 << 20), "TAGS", 1, "t")]:
            client = self.client()
            client("WATCH", "w")
            client(*words)
            other("INCR", "w")
            self.assertEqual(client.pipeline(("MULTI",), ("SET", "w", 0), ("EXEC",))[-1], None, words)

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


    def test_an_answer_longer_than_the_output_limit_is_handed_on_while_it_arrives(self):
        client = self.client()
        client("SET", "giant", b"x" * (8 << 20))
        client("WATCH", "w")
        replies = client.pipeline(("MULTI",), *[("GET", "giant")] * 20, ("EXEC",))
        self.assertEqual([len(value) for value in replies[-1]], [8 << 20] * 20)
        eventually(lambda: self.hawser.metric("hawser_pinned_in_use") == 0, "given back")
        client("DEL", "giant")

    def test_a_user_who_may_not_discard_harms_nobody_else(self):
        self.direct()("ACL", "SETUSER", "keeper", "on", ">p", "~*", "&*", "+@all", "-discard")
        client, other = self.client(), self.client()
        for each in (client, other):
            self.assertEqual(each("AUTH", "keeper", "p"), "OK")
        for _ in range(20):
            # Both arrive in one turn of hawser's loop and share a write.
            self.redis.freeze()
            client.raw(b"".join(encode(*w) for w in [("MULTI",), ("SET", "d", 1), ("DISCARD",)]))
            other.send("GET", "none")
            time.sleep(0.005)
            self.redis.thaw()
            self.assertTrue([client.read() for _ in range(3)][2].startswith("NOPERM"))
            self.assertIsNone(other.read())
            self.assertEqual(client("EXEC"), ABORTED)

    def test_a_user_who_may_not_begin_a_transaction_is_in_none(self):
        self.direct()("ACL", "SETUSER", "plain", "on", ">p", "~*", "&*", "+@all", "-multi")
        client = self.client()
        client("AUTH", "plain", "p")
        self.assertTrue(client("MULTI").startswith("NOPERM"))
        self.assertIsNone(client("GET", "none"))
        eventually(lambda: self.hawser.metric("hawser_pinned_in_use") == 0, "nothing is held")
        client("WATCH", "w")
        self.assertTrue(client("MULTI").startswith("NOPERM"))
        self.assertIsNone(client("GET", "none"))
        self.assertEqual(client("UNWATCH"), "OK")
        eventually(lambda: self.hawser.metric("hawser_pinned_in_use") == 0, "nothing is held")


class ShortTimes(HawserCase):
    settings = {"timeout_command": "300ms", "timeout_total": "600ms"}

    def test_what_is_sent_behind_a_blocking_command_has_its_time_when_that_is_over(self):
        for first in [("WATCH", "a"), ("CLIENT", "TRACKING", "ON")]:
            client = self.client()
            client("HELLO", 3)
            self.assertEqual(client(*first), "OK")
            self.direct()("SET", "behind", 1)
            self.assertEqual(client.pipeline(("BLPOP", "none", "1.2"), ("GET", "behind")),
                             [None, b"1"])
            self.assertEqual(client.pipeline(("MULTI",), ("SET", "a", 1), ("EXEC",))[2], ["OK"])

    def test_time_outs_in_any_notation_are_waited_for(self):
        client, other = self.client(), self.client()
        self.direct()("XGROUP", "CREATE", "stream", "group", "$", "MKSTREAM")
        for words in [("BLPOP", "none", "+1"), ("BLPOP", "none", "0x1"),
                      ("XREADGROUP", "COUNT", 1, "BLOCK", 1000, "GROUP", "group", "c", "STREAMS",
                       "stream", ">"),
                      ("XREAD", "BLOCK", 1, "BLOCK", 1000, "STREAMS", "stream", "$")]:
            client.send(*words)
            # On a connection of its own: nobody else waits for it.
            self.assertIsNone(other("GET", "none"), words)
            self.assertIsNone(client.read(), words)


class LongReplies(HawserCase):
    settings = {"clients_output_limit": "1MiB"}

    def test_whoever_hears_them_keeps_its_watch(self):
        other, direct = self.client(), self.direct()
        direct("SETRANGE", "long", 3 << 20, "x")
        for words in [("PUBLISH", "ch", "m"), ("COMMAND", "INFO", "get"), ("GET", "x")]:
            client = self.client()
            client("GET", "long")
            client("WATCH", "w")
            client.pipeline(words, ("GET", "x"))
            other("INCR", "w")
            self.assertEqual(client.pipeline(("MULTI",), ("SET", "w", 0), ("EXEC",))[-1], None, words)


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

    def assert_next_transaction_does_not_happen(self, why):
        self.direct("SET", "a", "theirs")
        replies = [self.client(*w) for w in [("MULTI",), ("SET", "a", "mine"), ("EXEC",)]]
        self.assertEqual(replies[2], ABORTED, why)
        self.assertEqual(self.direct("GET", "a"), b"theirs", why)
        self.assertEqual(self.client.pipeline(("MULTI",), ("SET", "a", 1), ("EXEC",))[2], ["OK"])

    def test_a_lost_watch_is_not_forgotten_over_other_commands(self):
        between = [(("WATCH", "b"), "OK"), (("BLPOP", "none", "0.05"), None),
                   (("WAIT", 0, 10), 0), (("XREAD", "BLOCK", 10, "STREAMS", "s", "$"), None),
                   (("NOSUCH", "x"), ErrorReply), (("SELECT", 0), "OK"), (("EXEC",), ErrorReply),
                   (("DISCARD",), ErrorReply), (("SET", "big", b"x" * (2 << 20)), "OK"),
                   (("OBJECT", "NOSUCH", "x"), ErrorReply), (("CLIENT", "NOSUCH"), ErrorReply),
                   (("FUNCTION", "KILL"), ErrorReply), (("CLIENT", "TRACKING", "OFF"), "OK"),
                   (("MONITOR",), ErrorReply), (("CLIENT", "GETNAME"), None)]
        for words, want in between:
            self.client("WATCH", "a")
            self.lose_pinned()
            reply = self.client(*words)
            if want is ErrorReply:
                self.assertIsInstance(reply, ErrorReply, words)
            else:
                self.assertEqual(reply, want, words)
            self.assert_next_transaction_does_not_happen(words)
        eventually(lambda: self.hawser.metric("hawser_pinned_in_use") == 0, "nothing is held")

    def test_a_lost_watch_is_not_forgotten_over_a_blocking_command_that_is_lost_too(self):
        self.client("WATCH", "a")
        self.lose_pinned()
        self.client.send("BLPOP", "none", 0)
        blocked = lambda: b"cmd=blpop" in self.direct("CLIENT", "LIST")  # noqa: E731
        eventually(blocked, "it blocks")
        self.lose_pinned()
        self.assertTrue(self.client.read().startswith("PROXYLOST"))
        # While Redis is away it waits for its return, as any other.
        self.redis.kill()
        self.client.send("BLPOP", "list", 5)
        self.redis.start()
        self.direct = Client(self.redis.port)
        self.addCleanup(self.direct.close)
        eventually(blocked, "it blocks again")
        self.direct("RPUSH", "list", b"x" * (1 << 20))
        self.assertEqual(len(self.client.read()[1]), 1 << 20)
        self.assert_next_transaction_does_not_happen("blocking commands")

    def test_a_lost_watch_is_not_forgotten_over_tracking(self):
        self.client("HELLO", 3)
        self.client("WATCH", "a")
        self.lose_pinned()
        self.assertEqual(self.client("CLIENT", "TRACKING", "ON", "NOLOOP"), "OK")
        self.assertIsNone(self.client("GET", "tracked"))
        self.direct("SET", "tracked", 1)
        self.assertEqual(self.client.read(), Push([b"invalidate", [b"tracked"]]))
        self.assert_next_transaction_does_not_happen("tracking")
        self.assertEqual(self.client("CLIENT", "TRACKING", "OFF"), "OK")
        eventually(lambda: self.hawser.metric("hawser_pinned_in_use") == 0, "nothing is held")

    def test_a_watch_lost_under_another_command_is_lost(self):
        for words in [("SELECT", 3), ("EXEC",), ("DISCARD",), ("HELLO", 3), ("WATCH", "b"),
                      ("CLIENT", "TRACKINGINFO")]:
            self.client("WATCH", "a")
            self.redis.freeze()
            self.client.send(*words)
            time.sleep(0.05)
            self.redis.kill()
            self.redis.start()
            self.assertIsInstance(self.client.read(), ErrorReply, words)
            self.direct = Client(self.redis.port)
            self.addCleanup(self.direct.close)
            eventually(lambda: self.client("GET", "none") is None, "Redis is back")
            self.assert_next_transaction_does_not_happen(words)

    def test_reset_ends_a_lost_watch(self):
        self.client("WATCH", "a")
        self.lose_pinned()
        self.assertEqual(self.client("RESET"), "RESET")
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
        eventually(lambda: self.client("GET", "a") is None, "Redis is back")


class Full(HawserCase):
    settings = {"pinned_max": 1, "pinned_wait": "100ms", "timeout_command": "400ms",
                "timeout_total": "500ms"}

    def setUp(self):
        super().setUp()
        self.taker = self.client()
        self.taker("WATCH", "taken")

    def test_a_watch_that_was_refused_leaves_no_transaction_unguarded(self):
        client = self.client()
        replies = client.pipeline(("WATCH", "a"), ("WATCH", "b"), ("MULTI",), ("SET", "a", 1),
                                  ("EXEC",), ("GET", "a"))
        self.assertTrue(replies[0].startswith("PROXYFULL"))
        self.assertEqual(replies[4:], [ABORTED, None])
        self.assertEqual(client.pipeline(("MULTI",), ("SET", "b", 1), ("EXEC",))[2], ["OK"])

    def test_a_client_that_gave_up_after_its_watch_was_refused_goes_on(self):
        client = self.client()
        self.assertTrue(client("WATCH", "a").startswith("PROXYFULL"))
        self.assertEqual(client("SET", "c", 1), "OK")
        time.sleep(0.6)
        self.assertEqual(client("GET", "c"), b"1")
        self.assertEqual(client.pipeline(("MULTI",), ("SET", "c", 2), ("EXEC",))[2], ["OK"])

    def test_what_was_sent_behind_a_refused_multi_is_not_executed(self):
        client = self.client()
        replies = client.pipeline(("MULTI",), ("SET", "d", 1), ("ECHO", "x"), ("EXEC",), ("GET", "d"))
        self.assertTrue(replies[0].startswith("PROXYFULL"))
        self.assertEqual(replies[1:], [ABORTED, ABORTED, ABORTED, None])

    def test_a_client_that_gave_up_after_its_multi_was_refused_goes_on(self):
        client = self.client()
        self.assertTrue(client("MULTI").startswith("PROXYFULL"))
        self.assertEqual(client("SET", "e", 1), ABORTED)
        time.sleep(0.6)
        # Two at once may be the rest of a slow pipeline.
        self.assertEqual(client.pipeline(("SET", "e", 2), ("SET", "e", 3))[0], ABORTED)
        self.assertEqual(client("SET", "e", 4), "OK")

    def test_a_refused_multi_can_be_tried_again(self):
        client = self.client()
        self.assertTrue(client("MULTI").startswith("PROXYFULL"))
        self.assertTrue(client("MULTI").startswith("PROXYFULL"))
        self.taker("UNWATCH")
        self.assertEqual([client("MULTI"), client("SET", "f", 1), client("EXEC")],
                         ["OK", "QUEUED", ["OK"]])


class LostBehindExec(unittest.TestCase):
    def test_a_transaction_that_happened_is_told_though_its_connection_is_lost(self):
        redis = RedisServer()
        self.addCleanup(redis.stop)
        sent = collections.defaultdict(bytes)  # On each connection.

        def on_data(number, upwards, data):
            sent[number] += data if upwards else b""
            return None if upwards and b":subscriber" in sent[number] else data

        way = Way(redis.port, on_data)
        self.addCleanup(way.stop)
        hawser = Hawser(f"redis://127.0.0.1:{way.port}", timeout_command="1s", timeout_total="1s")
        self.addCleanup(hawser.stop)
        client = Client(hawser.port)
        self.addCleanup(client.close)
        direct = Client(redis.port)
        self.addCleanup(direct.close)
        for words in [("MULTI",), ("SET", "a", 1), ("SUBSCRIBE", "ch"), ("SELECT", 3)]:
            client(*words)
        client.send("EXEC")
        eventually(lambda: direct("GET", "a") == b"1", "it happened")
        time.sleep(0.3)  # And its reply has come.
        way.cut(next(number for number, words in sent.items() if b":pinned" in words))
        reply = client.read()
        self.assertIsInstance(reply, list)
        self.assertEqual((reply[0], reply[2]), ("OK", "OK"))
        self.assertIsInstance(reply[1], ErrorReply)  # Hawser's own part did not.
        self.assertIsNone(client("GET", "a"))  # Of database 3.


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
        # What Redis refuses changes nothing.
        self.assertIsInstance(client("CLIENT", "TRACKING", "ON", "NOSUCH"), ErrorReply)
        self.assertIsInstance(client("CLIENT", "TRACKING", "ON", "REDIRECT", 999999), ErrorReply)
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
