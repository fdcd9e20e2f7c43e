"""The indexes of tags: never without a key that is there, never for long with one that is not; and
the scripts behind them, which Redis may forget."""

import os
import pathlib
import random
import tempfile
import time
import unittest

from cache_case import CHANNEL, PREFIX, CacheCase, in_threads, index
from resp import Client, Closed, ErrorReply
from servers import Hawser, RedisServer, eventually
from way import Way


class Odd(CacheCase):
    """Invalidations in a Redis that is full, or has something else where an index should be."""

    def test_a_full_redis_can_be_emptied(self):
        client, direct = self.client(), self.direct()
        client("CACHE.SET", "k", "v", "TAGS", 1, "t")
        direct("CONFIG", "SET", "maxmemory", 1)
        try:
            self.assertTrue(client("SET", "x", 1).startswith("OOM"))
            self.assertEqual(client("CACHE.INVALIDATE", "t"), 1)
        finally:
            direct("CONFIG", "SET", "maxmemory", 0)
        self.assertIsNone(client("GET", "k"))

    def test_an_index_of_another_type_is_told_and_the_rest_is_done(self):
        client, listener = self.client(), self.client()
        client("CACHE.SET", "k", "v", "TAGS", 1, "good")
        self.direct()("SET", index("bad"), "x")
        listener("SUBSCRIBE", CHANNEL)
        self.assertTrue(client("CACHE.INVALIDATE", "good", "bad").startswith("WRONGTYPE"))
        self.assertIsNone(client("GET", "k"))
        self.assertIn(b"good", listener.read()[2])


class ClockSetBack(unittest.TestCase):
    def client(self, port):
        client = Client(port)
        self.addCleanup(client.close)
        return client

    def test_an_invalidation_that_begins_afterwards_keeps_its_word(self):
        folder = tempfile.TemporaryDirectory(prefix="hawser-clock-")
        self.addCleanup(folder.cleanup)
        offset = pathlib.Path(folder.name) / "offset"
        offset.write_text("0")
        redis = RedisServer(prefix=("env", f"HAWSER_CLOCK_OFFSET={offset}",
                                    f"LD_PRELOAD={os.environ['HAWSER_CLOCK_OFFSET_LIBRARY']}"))
        self.addCleanup(redis.stop)
        hawser = Hawser(redis, cache_batch=1)
        self.addCleanup(hawser.stop)
        direct, writer = self.client(redis.port), self.client(hawser.port)

        def fill(prefix, count):
            writer.pipeline(*[("CACHE.SET", f"{prefix}{i}", "v", "TAGS", 1, "t")
                              for i in range(count)])

        # What the second one is to delete is set apart when the first has done its part.
        jobs = [self.client(hawser.port) for _ in range(3)]
        fill("a", 2000)
        jobs[0].send("CACHE.INVALIDATE", "t")
        eventually(lambda: direct("EXISTS", PREFIX + b"drain:t") == 1, "it is at it")
        fill("b", 2000)
        jobs[1].send("CACHE.INVALIDATE", "t")
        deleted = jobs[0].read()  # They do it together.
        eventually(lambda: direct("EXISTS", PREFIX + b"drain:t") == 1, "the second is at it")
        now = direct("TIME")
        offset.write_text("-30")
        eventually(lambda: direct("TIME") < now, "the clock is set back")
        fill("c", 100)
        deleted += jobs[2]("CACHE.INVALIDATE", "t")
        self.assertEqual(direct("EXISTS", *[f"c{i}" for i in range(100)]), 0)
        self.assertEqual(deleted + jobs[1].read(), 4100)


class OtherDatabase(CacheCase):
    def test_what_was_left_there_is_finished_by_the_next_one_that_starts(self):
        direct = self.client(self.redis.port)
        direct("SELECT", 3)
        doomed = Hawser(self.redis, cache_batch=1)
        client = self.client(doomed.port)
        client("SELECT", 3)
        client.pipeline(*[("CACHE.SET", f"k{i}", "v", "TAGS", 1, "t") for i in range(5000)])
        client.send("CACHE.INVALIDATE", "t")
        eventually(lambda: direct("EXISTS", PREFIX + b"drain:t") == 1, "it is at it")
        doomed.process.kill()
        doomed.process.wait()
        self.assertGreater(direct("ZCARD", PREFIX + b"drain:t"), 0)
        later = Hawser(self.redis)
        self.addCleanup(later.stop)
        eventually(lambda: direct("EXISTS", "k4999", PREFIX + b"drain:t") == 0, "finished", 20)


class Atomic(CacheCase):
    """A value is never there without its memberships."""

    def assert_all_tagged(self):
        self.redis_itself = self.direct()  # It may have been killed as well.
        keys = set(self.redis_itself("KEYS", "k:*"))
        for tag in (b"t", b"u"):
            self.assertEqual(keys - set(self.members(tag)), set())
        return len(keys)

    def write(self, port, number, is_over):
        i = 0
        while not is_over():
            try:
                client = Client(port)
                while not is_over():
                    client.pipeline(*[("CACHE.SET", f"k:{number}:{i + j}", b"v" * (j * 40),
                                       "TAGS", 2, "t", "u") for j in range(20)])
                    i += 20
            except (Closed, OSError):
                pass
            finally:
                client.close()

    def test_while_connections_are_killed(self):
        end = time.monotonic() + 3
        is_over = lambda: time.monotonic() > end  # noqa: E731
        direct = Client(self.redis.port)

        def work(number):
            if number > 0:
                self.write(self.hawser.port, number, is_over)
                return
            while not is_over():
                direct("CLIENT", "KILL", "TYPE", "normal")
                time.sleep(random.random() / 10)

        in_threads(6, work)
        direct.close()
        self.assertGreater(self.assert_all_tagged(), 100)

    def test_while_connections_are_cut_in_the_middle(self):
        left = {}

        def on_data(number, upwards, data):
            if not upwards:
                return data
            room = left.setdefault(number, random.randrange(1000, 60000))
            left[number] = room - len(data)
            return data[:max(room, 0)]

        way = Way(self.redis.port, on_data)
        self.addCleanup(way.stop)
        hawser = Hawser(f"redis://127.0.0.1:{way.port}", reconnect_initial="5ms",
                        circuit_failures=100000)
        self.addCleanup(hawser.stop)
        end = time.monotonic() + 4
        in_threads(4, lambda i: self.write(hawser.port, i, lambda: time.monotonic() > end))
        self.assertGreater(len(way.pairs), 10)
        self.assertGreater(self.assert_all_tagged(), 100)


class ScriptCache(CacheCase):
    """Redis forgets scripts; nobody notices."""

    def assert_all_is_well(self, disturb, seconds, refusals=""):
        """Clients write in pipelines while Redis is disturbed: each has its replies in order, and
        nothing is done twice. What begins with one of `refusals` was not done."""
        end = time.monotonic() + seconds
        refused = [0]

        def work(number):
            if number == 0:
                while time.monotonic() < end:
                    disturb()
                return
            client = Client(self.hawser.port)
            key, done, last, i = f"k:{number}", 0, None, 0
            while time.monotonic() < end:
                commands = []
                for _ in range(10):
                    i += 1
                    commands += [("CACHE.SET", key, i, "TAGS", 2, "t", f"t:{number}"),
                                 ("APPEND", key, "x"), ("GET", key), ("CACHE.GET", key),
                                 ("CACHE.UNTAG", key, 1, f"t:{number}")]
                replies = client.pipeline(*commands)
                for at in range(0, len(commands), 5):
                    stored, appended, value, got, untagged = replies[at:at + 5]
                    for reply in replies[at:at + 5]:
                        if isinstance(reply, ErrorReply):
                            assert refusals and reply.startswith(refusals), reply
                            refused[0] += 1
                    if stored == "OK":
                        last = b"%d" % commands[at][2]
                    if isinstance(appended, int):
                        last = (last or b"") + b"x"
                        assert appended == len(last), (appended, last)
                    if not isinstance(value, ErrorReply):
                        assert value == last, (value, last)
                    if not isinstance(got, ErrorReply):
                        assert got == [last, b"fresh", None], (got, last)
                    if stored == "OK":
                        done += 1
                        assert untagged == 1 or isinstance(untagged, ErrorReply), untagged
            assert done > 50, done
            client.close()

        in_threads(9, work)
        return refused[0]

    def test_flushed_again_and_again(self):
        direct = Client(self.redis.port)
        self.addCleanup(direct.close)

        def disturb():
            direct("SCRIPT", "FLUSH", random.choice(["SYNC", "ASYNC"]))
            time.sleep(random.random() / 5)

        # What is sent behind a script that Redis forgot cannot be overtaken by it.
        refused = self.assert_all_is_well(disturb, 4, ("PROXYDOWN",))
        print("refused", refused)

    def test_one_command_at_a_time_never_fails(self):
        client = self.client()
        for i in range(100):
            self.redis_itself("SCRIPT", "FLUSH")
            self.assertEqual(client("CACHE.SET", "k", i, "TAGS", 1, "t"), "OK")
            self.redis_itself("SCRIPT", "FLUSH")
            self.assertEqual(client("CACHE.GET", "k"), [b"%d" % i, b"fresh", None])
            self.redis_itself("SCRIPT", "FLUSH")
            self.assertEqual(client("CACHE.INVALIDATE", "t"), 1)
            self.redis_itself("SCRIPT", "FLUSH")
            token = client("CACHE.GET", "k", "LEASE", 9999)[2]
            self.redis_itself("SCRIPT", "FLUSH")
            self.assertEqual(client("CACHE.SET", "k", i, "LEASE", token), "OK")

    def test_after_a_restart(self):
        client = self.client()
        for _ in range(3):
            self.assertEqual(client("CACHE.SET", "k", "v", "TAGS", 1, "t"), "OK")
            self.assertEqual(client("CACHE.GET", "k"), [b"v", b"fresh", None])
            self.redis.kill()
            self.redis.start()
            eventually(lambda: client("PING") == "PONG" and client("GET", "k") is None,
                       "it is back")
            self.assertEqual(client("CACHE.GET", "k"), [None, b"miss", None])
            self.assertEqual(client("CACHE.TAG", "k", 1, "t"), 0)
        self.assertEqual(client("CACHE.SET", "k", "v", "TAGS", 1, "t"), "OK")
        self.assertEqual(client("CACHE.INVALIDATE", "t"), 1)
        self.redis_itself = self.direct()


class Pruning(CacheCase):
    """An index does not outgrow the keys that live, without ever being looked through."""

    def test_later_writes_remove_what_has_expired(self):
        client = self.client()
        client.pipeline(*[("CACHE.SET", f"old:{i}", "v", "PX", 20, "TAGS", 1, "t")
                          for i in range(300)])
        for key in ("extended", "kept"):
            client("CACHE.SET", key, "v", "PX", 400, "TAGS", 1, "t")
        client("PEXPIRE", "extended", 60000)
        client("PERSIST", "kept")
        time.sleep(0.5)
        self.age("t")
        for i in range(400):
            client("CACHE.SET", f"new:{i % 10}", "v", "TAGS", 1, "t")
        want = {b"extended", b"kept"} | {b"new:%d" % i for i in range(10)}
        self.assertEqual(set(self.members("t")), want)
        self.assertEqual(client("CACHE.INVALIDATE", "t"), 12)

    def test_whatever_the_order_of_the_tags(self):
        client = self.client()
        for tags in (2, 16, 17):
            names = [f"t{tags}:{i}" for i in range(tags)]
            client.pipeline(*[("CACHE.SET", f"old:{i}:{tag}", "v", "PX", 1, "TAGS", 1, tag)
                              for tag in names for i in range(20)])
            time.sleep(0.05)
            for tag in names:
                self.age(tag)
            client.pipeline(*[("CACHE.SET", f"new:{tag}", "v", "TAGS", 1, tag)
                              for _ in range(200) for tag in names])
            for tag in names:
                self.assertEqual(self.members(tag), [f"new:{tag}".encode()])

    def test_short_lived_keys_by_the_thousand(self):
        client, most = self.client(), 0
        for i in range(40):
            replies = client.pipeline(*[("CACHE.SET", f"k:{i}:{j}", "v", "PX", 1, "TAGS", 1, "t")
                                        for j in range(500)])
            self.assertEqual(set(replies), {"OK"})
            most = max(most, self.redis_itself("ZCARD", index("t")))
            self.redis_itself("EVAL", "for _, k in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do "
                              "redis.call('ZADD', KEYS[1], 'XX', 1, k) end", 1, index("t"))
        self.assertLess(most, 2500)


class Sweep(CacheCase):
    settings = {"cache_sweep": "200ms"}

    def test_what_is_gone_leaves_the_indexes(self):
        client = self.client()
        for database in (0, 5):
            client("SELECT", database)
            client.pipeline(*[("CACHE.SET", f"dead:{i}", "v", "TAGS", 2, "t", "u")
                              for i in range(700)])
            client("CACHE.SET", "short", "v", "PX", 50, "TAGS", 1, "t")
            for key in ("extended", "kept"):
                client("CACHE.SET", key, "v", "PX", 600, "TAGS", 1, "t")
            client("PEXPIRE", "extended", 60000)
            client("PERSIST", "kept")
            client("DEL", *[f"dead:{i}" for i in range(700)])
        time.sleep(0.7)
        for database in (0, 5):
            eventually(lambda: self.members("t", database) == [b"extended", b"kept"], "swept")
            eventually(lambda: self.members("u", database) == [], "swept")
        self.assertGreaterEqual(self.hawser.metric("hawser_cache_swept_members_total"), 2800)
        self.assertEqual(client("CACHE.INVALIDATE", "t"), 2)


if __name__ == "__main__":
    unittest.main()
