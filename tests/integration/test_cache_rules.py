"""Rules: plain writes get tags, and nothing else of them changes."""

import time
import unittest

from cache_case import CacheCase, in_threads, index, with_rules
from resp import Client, ErrorReply, encode
from servers import Hawser, RedisServer, eventually

RULES = (("r:{a}:*", ["t:{a}", "all"]), ("r:{a}:x{b}", ["{b}"]), ("\\*{c}", ["star"]),
         ("__hawser__:*", ["own"]))
TAGGED = 'hawser_cache_rule_writes_total{result="tagged"}'
REFUSED = 'hawser_cache_rule_writes_total{result="refused"}'
UNAVAILABLE = 'hawser_cache_rule_writes_total{result="unavailable"}'
K = "r:1:k"


def far(seconds):
    return int(time.time()) + seconds


class Rules(CacheCase):
    rules = RULES

    def same(self, script, resp=2, prepare=(), client=None):
        """The script's replies and what it leaves in Redis are as without hawser."""
        seen = []
        for port in (self.redis.port, self.hawser.port):
            self.redis_itself("FLUSHALL")
            for words in prepare:
                self.redis_itself(*words)
            client = self.client(port)
            client("HELLO", resp)
            replies = [client(*words) for words in script]
            client.close()
            self.clients.remove(client)
            left = {}
            for key in sorted(self.redis_itself("KEYS", "*")):
                if not key.startswith(b"__hawser__:"):
                    left[key] = self.redis_itself("DUMP", key), self.redis_itself("PTTL", key)
            seen.append((replies, left))
        (wanted, wanted_left), (got, left) = seen
        self.assertEqual(got, wanted, script)
        for a, b in zip(got, wanted):
            self.assertIs(type(a), type(b), script)
        self.assertEqual(left.keys(), wanted_left.keys(), script)
        for key, (value, ttl) in left.items():
            self.assertEqual(value, wanted_left[key][0], (script, key))
            self.assertAlmostEqual(ttl, wanted_left[key][1], delta=2000, msg=(script, key))
        return got

    def writes(self):
        """(Words, the keys that are written when there is nothing yet)."""
        return [(("SET", K, "v"), [K]), (("set", K, "v", "EX", 100), [K]),
                (("SET", K, "v", "px", 90000), [K]), (("SET", K, "v", "EXAT", far(100)), [K]),
                (("SET", K, "v", "PXAT", far(100) * 1000), [K]), (("SET", K, "v", "KEEPTTL"), [K]),
                (("SET", K, "v", "NX"), [K]), (("SET", K, "v", "GET"), [K]),
                (("SET", K, "v", "NX", "EX", 100), [K]), (("SET", K, "v", "GET", "PX", 90000), [K]),
                (("SETEX", K, 100, "v"), [K]), (("PSETEX", K, 90000, "v"), [K]),
                (("GETSET", K, "v"), [K]), (("MSET", K, "v"), [K]),
                (("MSET", "plain", 1, K, 2, "r:1:l", 3, K, 4), [K, "r:1:l"]),
                (("SET", K, b"\x00\r\n$5\r\n"), [K]), (("SET", K, ""), [K])]

    def test_every_write_is_as_without_hawser_and_tagged(self):
        for resp in (2, 3):
            for prepare in [(), [("SET", K, "old")], [("SET", K, "old", "EX", 1000)]]:
                for words, keys in self.writes():
                    self.same([words, ("GET", K)], resp, prepare)
                    is_written = not (prepare and "NX" in words)
                    want = sorted(key.encode() for key in keys) if is_written else []
                    # To be in an index without having been written does no harm.
                    for tag in ("t:1", "all"):
                        if is_written:
                            self.assertEqual(self.members(tag), want, words)
                        self.assertEqual(self.redis_itself("PTTL", index(tag)),
                                         -1 if self.members(tag) else -2)
                    deleted = self.client()("CACHE.INVALIDATE", "t:1")
                    if is_written:
                        self.assertEqual(deleted, len(want), words)
                        self.assertEqual(self.redis_itself("EXISTS", *keys), 0)

    def test_xx(self):
        for resp in (2, 3):
            for words in [("SET", K, "v", "XX"), ("SET", K, "v", "XX", "GET", "EX", 9)]:
                self.same([words], resp)
                self.same([words, ("GET", K)], resp, [("SET", K, "old", "EX", 1000)])
                self.assertEqual(self.members("all"), [K.encode()])

    def test_errors_byte_for_byte(self):
        scripts = [("SET", K), ("SET", K, "v", "EX"), ("SET", K, "v", "EX", 0),
                   ("SET", K, "v", "EX", "x"), ("SET", K, "v", "EX", 1, "PX", 1),
                   ("SET", K, "v", "NX", "XX"), ("SET", K, "v", "NOSUCH"),
                   ("SET", K, "v", "EX", 1 << 62), ("SETEX", K, 0, "v"), ("SETEX", K, "x", "v"),
                   ("SETEX", K, 1), ("PSETEX", K, -1, "v"), ("MSET", K), ("MSET", K, 1, "x"),
                   ("GETSET", K), ("SETEX", K, 1 << 62, "v"), ("MSET", "x", 1, K),
                   ("SET", K, "v", "NX", "NX"), ("SET", K, "v", "KEEPTTL", "EX", 1)]
        for resp in (2, 3):
            self.same(scripts, resp)
            got = self.same([("GETSET", K, "v"), ("SET", K, "v", "GET"), ("TYPE", K),
                             ("SET", K, "v"), ("TYPE", K)], resp, [("LPUSH", K, 1)])
            self.assertTrue(got[0].startswith("WRONGTYPE"))

    def test_in_transactions(self):
        for resp in (2, 3):
            for words, keys in self.writes():
                for before in [(), [("WATCH", "w")]]:
                    self.same([*before, ("MULTI",), ("SET", "plain", 1), words, ("GET", K),
                               ("EXEC",)], resp, [("SET", "w", 1)])
                    self.assertEqual(self.members("all"), sorted(k.encode() for k in keys), words)
                # Whole, in one piece.
                self.redis_itself("FLUSHALL")
                client = self.client()
                client("HELLO", resp)
                replies = client.pipeline(("MULTI",), words, ("EXEC",))
                self.redis_itself("FLUSHALL")
                direct = self.direct()
                direct("HELLO", resp)
                self.assertEqual(replies, direct.pipeline(("MULTI",), words, ("EXEC",)))
                self.redis_itself("FLUSHALL")
                client.pipeline(("MULTI",), words, ("EXEC",))
                self.assertEqual(self.members("t:1"), sorted(k.encode() for k in keys), words)
            self.same([("MULTI",), ("SET", K, "v", "NOSUCH"), ("SET", K, "w"), ("EXEC",)], resp)
            self.same([("MULTI",), ("SET", K), ("SET", K, "w"), ("EXEC",), ("GET", K)], resp)
            self.same([("MULTI",), ("GETSET", K, "v"), ("SET", K, "w"), ("EXEC",)], resp,
                      [("LPUSH", K, 1)])
            self.same([("MULTI",), ("SET", K, "v"), ("DISCARD",), ("GET", K)], resp)
        client = self.client()
        client("WATCH", K)
        self.assertEqual(client.pipeline(("SET", K, "mine"), ("GET", K), ("MULTI",), ("EXEC",)),
                         ["OK", b"mine", "OK", None])
        self.assertEqual(self.members("all"), [K.encode()])

    def test_pipelined_in_order(self):
        client = self.client()
        commands, want = [], []
        for i in range(300):
            commands += [("SET", K, i), ("GET", K), ("INCR", K), ("SETEX", f"r:{i}:x", 9, i),
                         ("MSET", K, i, "plain", i), ("GETSET", K, "x")]
            want += ["OK", b"%d" % i, i + 1, "OK", "OK", b"%d" % i]
        self.assertEqual(client.pipeline(*commands), want)
        self.assertEqual(len(self.members("all")), 301)

    def test_several_rules(self):
        client = self.client()
        before = self.hawser.metric(TAGGED)
        for key, tags in [("r:7:xy", ["t:7", "all", "y"]), ("r:7:y", ["t:7", "all"]),
                          ("*any", ["star"]), ("r:7", []), ("x*any", [])]:
            self.redis_itself("FLUSHALL")
            self.assertEqual(client("SET", key, "v"), "OK")
            self.assertEqual(sorted(self.redis_itself("KEYS", "__hawser__:tag:*")),
                             sorted(index(tag) for tag in tags), key)
            for tag in tags:
                self.assertEqual(self.members(tag), [key.encode()])
        self.assertEqual(self.hawser.metric(TAGGED) - before, 3)
        self.redis_itself("FLUSHALL")
        client("SET", index("x"), "v")  # The index of a tag "x" is no value of theirs.
        self.assertEqual(self.redis_itself("DBSIZE"), 1)

    def test_without_replies_and_large(self):
        client = self.client()
        for size in (10, 2 << 20):
            for _ in range(2):
                self.redis_itself("SCRIPT", "FLUSH")
                self.assertEqual(client("SET", K, b"x" * size), "OK")
                self.assertEqual(client("STRLEN", K), size)
                self.assertEqual(client("GETSET", K, b"y" * size), b"x" * size)
                self.assertEqual(client("CACHE.INVALIDATE", "all"), 1)
                client.raw(b"".join(encode(*words) for words in [
                    ("CLIENT", "REPLY", "OFF"), ("SET", K, b"x" * size), ("SET", "plain", 1),
                    ("CLIENT", "REPLY", "ON"), ("STRLEN", K)]))
                self.assertEqual([client.read(), client.read()], ["OK", size])
                self.assertEqual(self.members("all"), [K.encode()])

    def test_scripts_that_redis_forgets(self):
        client = self.client()
        for i in range(300):
            if i % 20 == 0:  # Seldom enough for the budget of requests that are sent again.
                self.redis_itself("SCRIPT", "FLUSH")
            self.assertEqual(client("SET", K, i), "OK")
            self.assertEqual(client("GET", K), b"%d" % i)

    def test_an_index_that_redis_refuses_leaves_the_write_alone(self):
        for resp in (2, 3):
            client = self.client()
            client("HELLO", resp)
            before = self.hawser.metric(REFUSED)
            prepare = [("SET", index("t:1"), "theirs")]
            for words in [("SET", K, "v"), ("SETEX", K, 9, "v"), ("GETSET", K, "w"),
                          ("MSET", "plain", 1, K, 2), ("SET", K, "x", "NX"),
                          ("SET", K, "v", "GET"), ("SET", K, b"\r\n$1\r\n"), ("GETSET", K, "w")]:
                self.same([words, ("GET", K), words, ("GET", K)], resp, prepare)
                self.assertEqual(self.redis_itself("GET", index("t:1")), b"theirs")
                # The other index has it.
                self.assertEqual(self.members("all"), [K.encode()], words)
            self.assertEqual(self.hawser.metric(REFUSED) - before, 16)
            self.same([("MULTI",), ("SET", K, "v"), ("GETSET", K, "w"), ("EXEC",)], resp, prepare)

    def test_a_busy_redis_turns_no_rules_off(self):
        self.client()("SET", K, 1)
        direct = self.direct()
        direct("CONFIG", "SET", "busy-reply-threshold", 50)
        runner = self.direct()
        runner.send("EVAL", "while true do end", 0)
        eventually(lambda: str(direct("PING")).startswith("BUSY"), "busy")
        hawser = Hawser(self.redis, arguments=self.arguments)  # It asks Redis about itself now.
        self.addCleanup(hawser.stop)
        client = self.client(hawser.port)
        client.send("GET", K)
        eventually(lambda: str(direct("SCRIPT", "KILL")) == "OK", "killed")
        client.read()
        eventually(lambda: client("SET", K, 2) == "OK", "it goes on")
        self.assertEqual(self.members("all"), [K.encode()])

    def test_a_users_missing_rights_leave_nothing_that_stops_others(self):
        self.user("lim", "+@all", "-hget", "~*", "&*")
        client = self.client()
        client("AUTH", "lim", "p")
        self.assertTrue(client("CACHE.GET", K).startswith("ERR cache commands are not available"))
        hawser = Hawser(self.redis)  # It asks about its own rights.
        self.addCleanup(hawser.stop)
        self.assertEqual(self.client(hawser.port)("CACHE.SET", "r:2", "v", "TAGS", 1, "t"), "OK")
        self.assertEqual(self.members("t"), [b"r:2"])

    def test_users(self):
        self.user("noeval", "+@all", "-eval", "~*", "&*")
        self.user("narrow", "+@all", "~r:*", "~plain", "&*")
        self.user("wide", "+@all", "~r:*", "~plain", "~__hawser__:*", "&*")
        for name in ("noeval", "narrow"):
            client = self.client()
            client("AUTH", name, "p")
            before = self.hawser.metric(UNAVAILABLE)
            self.assertEqual(client.pipeline(("SET", K, 1), ("GET", K), ("SETEX", K, 9, 2),
                                             ("GETSET", K, 3)), ["OK", b"1", "OK", b"2"])
            self.assertEqual(client.pipeline(("MULTI",), ("SET", K, 4), ("EXEC",))[2], ["OK"])
            self.assertEqual(self.members("all"), [])
            self.assertEqual(self.hawser.metric(UNAVAILABLE) - before, 4)
            told = f'"user":"{name}"'
            eventually(lambda: told in self.hawser.log(), "it is told")
            self.assertIn("NOPERM", next(line for line in self.hawser.log().splitlines()
                                         if told in line))
            self.assertTrue(client("CACHE.GET", K).startswith(
                "ERR cache commands are not available: NOPERM"))
        client = self.client()
        client("AUTH", "wide", "p")
        self.assertEqual(client("SET", K, 1), "OK")
        self.assertEqual(self.members("all"), [K.encode()])
        for words in [("SET", "elsewhere", 1), ("SET", "*any", 1), ("MSET", K, 1, "*any", 1)]:
            direct = self.direct()
            direct("AUTH", "wide", "p")
            self.assertEqual(client(*words), direct(*words), words)

    def test_rights_that_become_narrower(self):
        for i, watch in enumerate([(), [("WATCH", "w")]]):
            self.user(f"less{i}", "+@all", "~*", "&*")
            client = self.client()
            client("AUTH", f"less{i}", "p")
            self.assertEqual(client("SET", K, 1), "OK")
            self.user(f"less{i}", "+@all", "-eval", "-evalsha", "~*", "&*")
            transaction = [*watch, ("MULTI",), ("SET", K, 2), ("EXEC",)]
            client.pipeline(*transaction)  # That finds it out.
            self.assertEqual(client.pipeline(*transaction)[-1], ["OK"])
            self.assertEqual(client("SET", K, 3), "OK")

    def test_more_keys_than_lua_hands_on_at_a_time(self):
        keys = [f"r:1:{i}" for i in range(20000)]
        words = ["MSET", *[word for key in keys for word in (key, "v")]]
        for before, after in [((), ()), ([("MULTI",)], [("EXEC",)])]:
            client = self.client()
            client.pipeline(*before, words, *after)
            self.assertEqual(client("GET", keys[-1]), b"v")
            self.assertEqual(self.redis_itself("ZCARD", index("all")), len(keys))
            self.assertEqual(client("CACHE.INVALIDATE", "all"), len(keys))
            self.assertEqual(client("EXISTS", *keys), 0)
        self.assertEqual(client(*words[:-1]), self.redis_itself(*words[:-1]))
        self.assertEqual(client("EXISTS", *keys), 0)

    def test_a_user_who_writes_in_transactions_only(self):
        for i, watch in enumerate([(), [("WATCH", "w")]]):
            self.user(f"new{i}", "+@all", "~*", "&*")
            client = self.client()
            client("AUTH", f"new{i}", "p")

            def is_tagged():
                replies = [client(*words) for words in [*watch, ("MULTI",), ("SET", K, 1),
                                                        ("EXEC",)]]
                self.assertEqual(replies[-1], ["OK"])
                return self.members("all") == [K.encode()]

            eventually(is_tagged, "it is found out what the user may do", 5)
            self.redis_itself("FLUSHALL")

    def test_databases(self):
        client = self.client()
        client.pipeline(("SELECT", 3), ("SET", K, 1), ("SELECT", 4), ("MULTI",), ("SELECT", 5),
                        ("SET", K, 1), ("EXEC",))
        self.assertEqual([self.members("all", i) for i in (0, 3, 4, 5)],
                         [[], [K.encode()], [], [K.encode()]])

    def test_later_writes_prune(self):
        client = self.client()
        client.pipeline(*[("PSETEX", f"r:1:{i}", 20, "v") for i in range(300)])
        client("PSETEX", "r:1:kept", 400, "v")
        client("PERSIST", "r:1:kept")
        time.sleep(0.5)
        self.age("all")
        for i in range(600):
            client("SET", "r:2:k", "v", "KEEPTTL")
        self.assertEqual(self.members("all"), [b"r:1:kept", b"r:2:k"])


class Sweep(CacheCase):
    """Only rules: nobody uses a command of the cache."""

    rules = RULES
    settings = {"cache_sweep": "200ms"}

    def test_what_is_gone_leaves_the_indexes(self):
        client = self.client()
        for words in [("SET", K, "v"), ("MSET", "r:1:l", 1, "r:1:m", 2)]:
            client(*words)
        client("MULTI")
        client("SET", "r:1:n", "v")
        client("EXEC")
        client("SELECT", 4)
        client("SET", K, "v")
        client("DEL", K)
        client("SELECT", 0)
        client("DEL", K, "r:1:l", "r:1:n")
        eventually(lambda: self.members("all") == [b"r:1:m"], "the sweep", 5)
        eventually(lambda: self.members("all", 4) == [], "the sweep", 5)


class Refusals(unittest.TestCase):
    def setUp(self):
        self.redis = RedisServer()
        self.addCleanup(self.redis.stop)
        arguments = with_rules(type(self), *RULES)
        self.hawser = Hawser(self.redis, arguments=arguments)
        self.addCleanup(self.hawser.stop)
        self.client, self.direct = Client(self.hawser.port), Client(self.redis.port)
        self.addCleanup(self.client.close)
        self.addCleanup(self.direct.close)
        self.client("SET", K, "v")

    def same(self, is_queued=False):
        """`is_queued`: inside a transaction the error comes with EXEC, not before."""
        for words in [("SET", K, 1), ("SETEX", K, 9, 1), ("GETSET", K, 1), ("MSET", K, 1)]:
            got = self.client(*words)
            self.assertIsInstance(got, ErrorReply)
            self.assertEqual(got, self.direct(*words), words)
        script = [("MULTI",), ("SET", K, 1), ("EXEC",)]
        want = self.direct.pipeline(*script)
        if is_queued:
            want = ["OK", "QUEUED", [want[1]]]
        self.assertEqual(self.client.pipeline(*script), want)
        self.assertEqual([self.client(*words) for words in script], want)
        self.assertNotEqual(self.client("GET", K), b"1")

    def test_without_memory(self):
        self.direct("CONFIG", "SET", "maxmemory", 1)
        self.same()
        self.direct("CONFIG", "SET", "maxmemory", 0)
        self.assertEqual(self.client("SET", K, "w"), "OK")

    def test_a_replica(self):
        other = RedisServer()
        self.addCleanup(other.stop)
        self.direct("REPLICAOF", "127.0.0.1", other.port)
        eventually(lambda: self.direct("SET", "x", 1).startswith("READONLY"), "it is a replica")
        self.same(is_queued=True)

    def test_too_few_replicas(self):
        self.direct("CONFIG", "SET", "min-replicas-to-write", 1)
        self.same(is_queued=True)

    def test_no_write_is_lost_while_the_circuit_opens(self):
        """What is answered OK is there with its tags, however Redis comes and goes."""
        end = time.monotonic() + 3
        stored = set()

        def work(number):
            if number == 0:
                direct = Client(self.redis.port)
                while time.monotonic() < end:
                    time.sleep(0.02)
                    direct("CLIENT", "KILL", "TYPE", "normal")
                    direct("SCRIPT", "FLUSH")
                direct.close()
                return
            client, i = Client(self.hawser.port), 0
            while time.monotonic() < end:
                keys = [f"r:{number}:{i + j}".encode() for j in range(10)]
                i += 10
                for key, reply in zip(keys, client.pipeline(*[("SET", key, "v") for key in keys])):
                    if reply == "OK":
                        stored.add(key)
            client.close()

        in_threads(5, work)
        direct = Client(self.redis.port)
        self.addCleanup(direct.close)
        self.assertGreater(len(stored), 100)
        self.assertEqual(stored - set(direct("ZRANGE", index("all"), 0, -1)), set())
        self.assertEqual(stored - set(direct("KEYS", "r:*")), set())
        self.assertEqual(set(direct("KEYS", "r:*")) - set(direct("ZRANGE", index("all"), 0, -1)),
                         set())


if __name__ == "__main__":
    unittest.main()
