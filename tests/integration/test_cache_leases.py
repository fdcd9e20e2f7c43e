"""Leases: one caller computes a value, the others wait or get the old one; what was computed before
an invalidation is not stored after it."""

import json
import random
import threading
import time
import unittest

from cache_case import CHANNEL, PREFIX, CacheCase, in_threads, index
from resp import Client, ErrorReply, encode
from servers import Hawser, RedisServer, eventually
from way import Way

LEASE = PREFIX + b"lease:"
MISS = [None, b"miss", None]


class Holders(CacheCase):
    is_double = True
    settings = {"cache_wait": "3s"}

    def waiting(self):
        return sum(hawser.metric("hawser_cache_lease_waiters")
                   for hawser in (self.hawser, self.other))

    def test_others_wait_and_get_the_value_at_once(self):
        holder, here, there = self.client(), self.client(), self.client(self.other.port)
        for _ in range(5):
            self.redis_itself("FLUSHALL")
            value, state, token = holder("CACHE.GET", "k", "LEASE", 60000)
            self.assertEqual((value, state), (None, b"miss"))
            for client in (here, there):
                client.send("CACHE.GET", "k", "LEASE", 60000)
            eventually(lambda: self.waiting() == 2, "both wait")
            time.sleep(0.3)  # By now it is asked at the longest intervals.
            self.assertEqual(self.waiting(), 2)
            start = time.monotonic()
            self.assertEqual(holder("CACHE.SET", "k", "v", "TAGS", 1, "t", "LEASE", token), "OK")
            for client in (here, there):
                self.assertEqual(client.read(), [b"v", b"fresh", None])
            self.assertLess(time.monotonic() - start, 0.5)
            self.assertEqual(self.redis_itself("EXISTS", LEASE + b"k"), 0)

    def test_a_fill_without_the_lease_is_as_good(self):
        holder, waiter = self.client(), self.client(self.other.port)
        for words in [("SET", "k", "v"), ("CACHE.SET", "k", "v", "TAGS", 1, "t")]:
            self.redis_itself("FLUSHALL")
            holder("CACHE.GET", "k", "LEASE", 60000)
            waiter.send("CACHE.GET", "k", "LEASE", 60000)
            eventually(lambda: self.waiting() == 1, "it waits")
            self.client()(*words)
            reply, seconds = self.took(waiter)
            self.assertEqual(reply, [b"v", b"fresh", None])
            self.assertLess(seconds, 1)

    def test_a_pipeline_behind_a_wait_goes_on_in_order(self):
        holder, waiter = self.client(), self.client()
        waiting = ("CACHE.GET", "k", "LEASE", 60000)
        token = holder(*waiting)[2]
        waiter.raw(b"".join(encode(*words) for words in [("INCR", "n"), waiting, ("INCR", "n")]))
        self.assertEqual(waiter.read(), 1)
        eventually(lambda: self.redis_itself("GET", "n") == b"2", "nothing is held up")
        self.assertEqual(self.waiting(), 1)
        holder("CACHE.SET", "k", "v", "LEASE", token)
        self.assertEqual([waiter.read(), waiter.read()], [[b"v", b"fresh", None], 2])
        # It may even be what it waits for that comes next.
        holder("DEL", "k")
        holder(*waiting)
        self.assertEqual(waiter.pipeline(waiting, ("CACHE.SET", "k", "w"), ("GET", "k")),
                         [[b"w", b"fresh", None], "OK", b"w"])

    def test_a_holder_that_died_frees_the_lease_with_its_time(self):
        dead = self.client()
        dead("CACHE.GET", "k", "LEASE", 500)
        dead.close()
        start, tokens = time.monotonic(), []

        def work(number):
            client = Client((self.hawser, self.other)[number % 2].port)
            value, state, token = client("CACHE.GET", "k", "LEASE", 60000)
            if token is None:
                assert (value, state) == (b"v", b"fresh"), (value, state)
            else:
                tokens.append(token)
                assert client("CACHE.SET", "k", "v", "LEASE", token) == "OK"
            client.close()

        in_threads(6, work)
        self.assertEqual(len(tokens), 1)
        self.assertTrue(0.4 < time.monotonic() - start < 2)

    def test_a_waiter_that_leaves_takes_nothing_with_it(self):
        holder, stays = self.client(), self.client()
        holder("CACHE.GET", "k", "LEASE", 600)
        for _ in range(5):
            leaves = Client(self.hawser.port)
            leaves.send("CACHE.GET", "k", "LEASE", 60000)
            eventually(lambda: self.waiting() == 1, "it waits")
            leaves.reset()
            eventually(lambda: self.waiting() == 0, "it is forgotten")
        stays.send("CACHE.GET", "k", "LEASE", 60000)
        self.assertIsNotNone(stays.read()[2])

    def test_stale_values_are_served_while_one_refreshes(self):
        clients = [self.client(), self.client(), self.client(self.other.port)]
        clients[0]("CACHE.SET", "k", "old", "PX", 60000, "TAGS", 1, "t")
        self.assertEqual(clients[0]("CACHE.GET", "k", "STALE", 30000, "LEASE", 60000),
                         [b"old", b"fresh", None])
        self.assertEqual(clients[0]("CACHE.GET", "k", "STALE", 90000), [b"old", b"stale", None])
        start = time.monotonic()
        replies = [client("CACHE.GET", "k", "STALE", 90000, "LEASE", 60000) for client in clients]
        self.assertLess(time.monotonic() - start, 1)
        self.assertEqual([reply[:2] for reply in replies], [[b"old", b"stale"]] * 3)
        self.assertEqual([reply[2] is None for reply in replies], [False, True, True])
        # Who does not allow it gets the value as it is: it has not expired.
        self.assertEqual(clients[1]("CACHE.GET", "k", "LEASE", 9999), [b"old", b"fresh", None])
        self.assertEqual(clients[0]("CACHE.SET", "k", "new", "PX", 600000, "LEASE", replies[0][2]),
                         "OK")
        for client in clients:
            self.assertEqual(client("CACHE.GET", "k", "STALE", 90000, "LEASE", 60000),
                             [b"new", b"fresh", None])
        clients[0]("CACHE.SET", "eternal", "v")
        self.assertEqual(clients[0]("CACHE.GET", "eternal", "STALE", 1 << 50, "LEASE", 60000),
                         [b"v", b"fresh", None])

    def test_one_of_200_clients_gets_the_lease(self):
        rounds = 4
        barrier = threading.Barrier(200)
        tokens = [[] for _ in range(rounds)]

        def work(number):
            port = (self.hawser, self.other)[number % 2].port
            client = Client(port)
            for i in range(rounds):
                barrier.wait(30)
                value, state, token = client("CACHE.GET", f"cold:{i}", "LEASE", 60000)
                if token is not None:
                    assert value is None and state == b"miss", (value, state)
                    tokens[i].append(token)
                    time.sleep(0.3)
                    assert client("CACHE.SET", f"cold:{i}", f"v{i}", "LEASE", token) == "OK"
                else:
                    assert (value, state) == (b"v%d" % i, b"fresh"), (value, state)
            client.close()

        in_threads(200, work)
        self.assertEqual([len(each) for each in tokens], [1] * rounds)

    def test_values_are_never_mistaken(self):
        """Readers, writers under leases and invalidations at once: a value belongs to its key, a
        miss has none, and what was invalidated is not stored afterwards."""
        end = time.monotonic() + 4
        versions = [0] * 5  # Of each tag's source; raised before its invalidation.
        done = [0] * 12

        def work(number):
            client = Client((self.hawser, self.other)[number % 2].port)
            rnd = random.Random(number)
            while time.monotonic() < end:
                at = rnd.randrange(5)
                if number < 2:
                    versions[at] += number == 0
                    floor = versions[at]
                    client("CACHE.INVALIDATE", f"t{at}")
                    value = client("CACHE.GET", f"k{at}")[0]
                    assert value is None or int(value.split(b":")[1]) >= floor, (value, floor)
                    time.sleep(rnd.random() / 20)
                    continue
                value, state, token = client("CACHE.GET", f"k{at}", "LEASE", 2000)
                if value is not None:
                    assert state == b"fresh" and token is None
                    assert value.startswith(b"k%d:" % at), (value, at)
                else:
                    assert state == b"miss"
                if token is not None:
                    computed = versions[at]
                    time.sleep(rnd.random() / 50)
                    stored = client("CACHE.SET", f"k{at}", f"k{at}:{computed}", "TAGS", 1, f"t{at}",
                                    "LEASE", token)
                    assert stored in ("OK", None), stored
                    done[number] += stored == "OK"
            client.close()

        in_threads(12, work)
        self.assertGreater(sum(done), 20)


class Full(CacheCase):
    def test_a_miss_is_a_miss_though_no_lease_can_be_granted(self):
        client, direct = self.client(), self.direct()
        direct("CONFIG", "SET", "maxmemory", 1)
        try:
            self.assertEqual(client("CACHE.GET", "k", "LEASE", 1000), MISS)
        finally:
            direct("CONFIG", "SET", "maxmemory", 0)
        self.assertIsNotNone(client("CACHE.GET", "k", "LEASE", 1000)[2])


class ShortWait(CacheCase):
    settings = {"cache_wait": "300ms"}

    def test_after_the_wait_it_is_a_plain_miss(self):
        holder, waiter = self.client(), self.client()
        for resp, miss in [(2, b"*3\r\n$-1\r\n$4\r\nmiss\r\n$-1\r\n"),
                           (3, b"*3\r\n_\r\n$4\r\nmiss\r\n_\r\n")]:
            self.redis_itself("FLUSHALL")
            waiter("HELLO", resp)
            token = holder("CACHE.GET", "k", "LEASE", 60000)[2]
            start = time.monotonic()
            self.assert_bytes(waiter, ["CACHE.GET", "k", "LEASE", "60000"], miss)
            self.assertTrue(0.29 < time.monotonic() - start < 1.5)
            self.assertEqual(holder("CACHE.SET", "k", "v", "LEASE", token), "OK")

    def test_without_a_lease_nobody_waits(self):
        holder, other = self.client(), self.client()
        holder("CACHE.GET", "k", "LEASE", 60000)
        start = time.monotonic()
        for words in [("CACHE.GET", "k"), ("CACHE.GET", "k", "STALE", 1000)]:
            self.assertEqual(other(*words), MISS)
        other("SELECT", 3)
        self.assertIsNotNone(other("CACHE.GET", "k", "LEASE", 60000)[2])
        self.assertLess(time.monotonic() - start, 0.25)


class Tokens(CacheCase):
    """What makes a token stale, and what does not."""

    def token(self, client, key="k", life=60000):
        token = client("CACHE.GET", key, "LEASE", life)[2]
        self.assertIsNotNone(token)
        return token

    def message(self, **fields):
        return self.client()("PUBLISH", CHANNEL, json.dumps(fields))

    def test_what_was_invalidated_meanwhile_is_not_stored(self):
        client = self.client()
        tag = lambda *words: lambda: self.client()("CACHE.INVALIDATE", *words)  # noqa: E731
        stale = [("a tag", tag("t")), ("another tag", tag("u")), ("both", tag("x", "u", "t")),
                 ("async", tag("ASYNC", "t")),
                 ("tags by message", lambda: self.message(type="tags", target=["u"])),
                 ("one tag by message", lambda: self.message(type="tags", target="t")),
                 ("key by message", lambda: self.message(type="keys", target=["x", "k"])),
                 ("pattern by message", lambda: self.message(type="pattern", target=["k*"])),
                 ("FLUSHDB", lambda: self.client()("FLUSHDB")),
                 ("FLUSHALL", lambda: self.client()("FLUSHALL")),
                 ("everything evicted", lambda: self.client()(
                     "DEL", *self.redis_itself("KEYS", PREFIX + b"*")))]
        good = [("nothing", lambda: None), ("an unrelated tag", tag("v", "x")),
                ("a tag like it", tag("t*", "tt", "T")),
                ("another key", lambda: self.message(type="keys", target=["l"])),
                ("tags by message", lambda: self.message(type="tags", target=["v"])),
                ("no pattern", lambda: self.message(type="tags", target=["*"]))]
        for resp in (2, 3):
            client("HELLO", resp)
            for actions, want in [(stale, None), (good, "OK")]:
                for name, action in actions:
                    client("DEL", "k")
                    token = self.token(client)
                    action()
                    words = ("CACHE.SET", "k", "v", "TAGS", 2, "t", "u", "LEASE", token)
                    self.assertEqual(client(*words), want, name)
                    self.assertEqual(client("GET", "k"), b"v" if want else None, name)
                    self.assertEqual(client(*words), None, "used twice")

    def test_an_invalidation_before_the_lease_does_no_harm(self):
        client = self.client()
        for _ in range(50):
            client("CACHE.INVALIDATE", "t")
            token = self.token(client)
            self.assertEqual(client("CACHE.SET", "k", "v", "TAGS", 1, "t", "LEASE", token), "OK")
            self.assertEqual(client("CACHE.INVALIDATE", "t"), 1)

    def test_one_of_another_database_or_of_many_before(self):
        client, other = self.client(), self.client()
        client("SELECT", 3)
        token = self.token(client)
        other("CACHE.INVALIDATE", "t")
        self.assertEqual(other("CACHE.SET", "k", "v", "LEASE", token), None)
        self.assertEqual(client("CACHE.SET", "k", "v", "TAGS", 1, "t", "LEASE", token), "OK")
        token = self.token(other, "l")
        other("CACHE.INVALIDATE", "t")
        other.pipeline(*[("CACHE.INVALIDATE", f"x{i}", f"y{i}") for i in range(300)])
        self.assertIsNone(other("CACHE.SET", "l", "v", "TAGS", 1, "t", "LEASE", token))

    def test_its_time(self):
        client = self.client()
        token = self.token(client, life=150)
        eventually(lambda: not self.redis_itself("EXISTS", LEASE + b"k"), "its time is over")
        self.assertIsNone(client("CACHE.SET", "k", "v", "LEASE", token))
        second = self.token(client)
        self.assertNotEqual(token, second)
        self.assertIsNone(client("CACHE.SET", "k", "v", "LEASE", token))
        self.assertEqual(client("CACHE.SET", "k", "v", "LEASE", second), "OK")

    def test_a_refused_write_keeps_the_lease(self):
        client = self.client()
        token = self.token(client)
        self.redis_itself("SET", index("taken"), "x")
        self.assertIsInstance(
            client("CACHE.SET", "k", "v", "TAGS", 1, "taken", "LEASE", token), ErrorReply)
        self.assertIsNone(client("GET", "k"))
        self.assertEqual(client("CACHE.SET", "k", "v", "TAGS", 1, "t", "LEASE", token), "OK")

    def test_malformed_or_forged(self):
        client = self.client()
        token = self.token(client)
        server, generation, sequence, nonce = token.decode().split("-")
        words = ("CACHE.SET", "k", "v", "TAGS", 1, "t", "LEASE")
        for bad in ["", "-", "---", "x", "1-2-3", "1-2-3-", "-1-2-3", "1--2-3", "1-2-3-4-5",
                    "g-a-1-b", "1-g-1-b", "1-a-f-b", "1-a-1-g", "1-a-1-b ", " 1-a-1-b",
                    "A-a-1-b", "1-a-1-B", "1-a-+1-b", "1" * 17 + "-a-1-b", "1-a-" + "1" * 17 + "-b",
                    b"1-a-1-\x00", token + b"\r\n"]:
            self.assertEqual(client(*words, bad), "ERR invalid lease token", bad)
        for forged in ["1-a-1-b", f"{server}-{generation}-{sequence}-0",
                       f"0-{generation}-{sequence}-{nonce}"]:
            self.assertIsNone(client(*words, forged), forged)
        self.assertIsNone(client("CACHE.SET", "l", "v", "LEASE", token))
        self.assertEqual(client(*words, token), "OK")
        client("DEL", "k")
        server, generation, sequence, nonce = self.token(client).decode().split("-")
        self.assertIsNone(client(*words, f"{server}-0-{sequence}-{nonce}"))
        self.assertIsNone(client("GET", "k"))

    def test_forgetting_old_invalidations_forgets_no_young_one(self):
        """However many tags were invalidated, what is noted of it is bounded by time alone."""
        client = self.client()
        client("CACHE.INVALIDATE", "old")
        invalidated = PREFIX + b"invalidated"
        self.redis_itself("ZADD", invalidated, 1, "told")  # As of 1970.
        token = self.token(client)
        client("CACHE.INVALIDATE", "t")
        self.assertIsNone(self.redis_itself("ZSCORE", invalidated, "told"))
        self.assertIsNone(client("CACHE.SET", "k", "v", "TAGS", 1, "t", "LEASE", token))


class OtherServer(unittest.TestCase):
    def client(self, server):
        client = Client(server.port)
        self.addCleanup(client.close)
        return client

    def test_a_restart_makes_tokens_stale(self):
        for keeps in (False, True):
            redis = RedisServer()
            self.addCleanup(redis.stop)
            hawser = Hawser(redis)
            self.addCleanup(hawser.stop)
            client = self.client(hawser)
            token = client("CACHE.GET", "k", "LEASE", 60000)[2]
            client("SET", "other", 1)
            if keeps:
                self.assertEqual(self.client(redis)("SAVE"), "OK")
            redis.kill()
            redis.start()
            self.assertEqual(self.client(redis)("EXISTS", LEASE + b"k"), int(keeps))
            self.assertIsNone(client("CACHE.SET", "k", "v", "TAGS", 1, "t", "LEASE", token))
            self.assertIsNone(client("GET", "k"))
            self.client(redis)("DEL", LEASE + b"k")
            token = client("CACHE.GET", "k", "LEASE", 60000)[2]
            self.assertEqual(client("CACHE.SET", "k", "v", "LEASE", token), "OK")

    def test_a_token_used_across_a_restart_it_did_not_see(self):
        """The connection is found lost only as the token is used."""
        redis = RedisServer()
        self.addCleanup(redis.stop)
        hawser = Hawser(redis)
        self.addCleanup(hawser.stop)
        for _ in range(5):
            client = self.client(hawser)
            eventually(lambda: client("PING") == "PONG", "it is back")
            token = client("CACHE.GET", "k", "LEASE", 60000)[2]
            nonce = token.rpartition(b"-")[2]
            redis.kill()
            client.send("CACHE.SET", "k", "v", "LEASE", token)
            redis.start()
            self.client(redis)("SET", LEASE + b"k", nonce)
            reply = client.read()
            self.assertTrue(reply is None or reply.startswith("PROXY"), reply)
            self.assertEqual(self.client(redis)("EXISTS", "k"), 0)
            self.client(redis)("DEL", LEASE + b"k")

    def test_a_failover_makes_tokens_stale(self):
        old, new = RedisServer(), RedisServer()
        self.addCleanup(old.stop)
        self.addCleanup(new.stop)
        path = f"/tmp/hawser-cache-{old.port}.sock"
        way = Way(old.port, path=path)
        self.addCleanup(way.stop)
        hawser = Hawser(f"unix://{path}")
        self.addCleanup(hawser.stop)
        client, primary, replica = self.client(hawser), self.client(old), self.client(new)
        token = client("CACHE.GET", "k", "LEASE", 60000)[2]
        replica("REPLICAOF", "127.0.0.1", old.port)
        eventually(lambda: replica("EXISTS", LEASE + b"k") == 1, "the lease is on the replica")
        # What the old primary is told now the new one never hears of.
        replica("REPLICAOF", "NO", "ONE")
        client("CACHE.INVALIDATE", "t")
        way.target = new.port  # New connections only.
        primary("REPLICAOF", "127.0.0.1", new.port)
        words = ("CACHE.SET", "k", "v", "TAGS", 1, "t", "LEASE", token)
        reply = client(*words)
        self.assertTrue(reply is None or isinstance(reply, ErrorReply), reply)
        self.assertEqual(client("SET", "n", 1), "OK")
        self.assertEqual(replica("GET", "n"), b"1")
        self.assertEqual(replica("EXISTS", LEASE + b"k"), 1)
        self.assertIsNone(client(*words))
        self.assertEqual(replica("EXISTS", "k"), 0)


if __name__ == "__main__":
    unittest.main()
