"""CACHE.INVALIDATE: what was stored before it is gone when it answers, whatever happens."""

import json
import random
import tempfile
import threading
import time
import unittest

from invalidation_case import CHANNEL, PREFIX, CacheCase, Monitored
from resp import Closed, ErrorReply, encode
from servers import eventually


class Guarantee(CacheCase):
    def test_writers_and_invalidations_at_once(self):
        """A key's tags follow from its name; those of tags 5 to 7 are never invalidated."""
        redis = self.redis()
        hawsers = [self.hawser(redis, cache_batch=20) for _ in range(2)]
        acknowledged = [{} for _ in range(4)]  # Of each writer: key -> value.
        is_over = threading.Event()
        performed = []

        def tags_of(writer, number):
            kind = number % 4
            if kind == 0:
                return [f"tag{number % 5}"]
            if kind == 1:
                return [f"tag{number % 5}", f"tag{5 + number % 3}"]
            if kind == 2:
                return [f"tag{number % 5}", f"tag{(number + writer + 1) % 5}"]
            return [f"tag{5 + number % 3}"]

        def write(writer):
            client = self.client(hawsers[writer % 2])
            version = 0
            while not is_over.is_set():
                version += 1
                numbers = random.sample(range(400), 20)
                values = [f"{version}:{number}" for number in numbers]
                commands = []
                for number, value in zip(numbers, values):
                    tags = tags_of(writer, number)
                    life = random.choice([(), ("PX", 600000)])
                    commands.append(("CACHE.SET", f"k:{writer}:{number}", value, *life, "TAGS",
                                     len(tags), *tags))
                self.assertEqual(client.pipeline(*commands), ["OK"] * 20)
                for number, value in zip(numbers, values):
                    acknowledged[writer][f"k:{writer}:{number}"] = value.encode()

        def invalidate(which):
            client, direct = self.client(hawsers[which % 2]), self.client(redis)
            end = time.monotonic() + 4
            while time.monotonic() < end:
                tags = random.sample([f"tag{i}" for i in range(5)], random.choice([1, 1, 2]))
                before = {}
                for writer, keys in enumerate(acknowledged):
                    before.update({key: value for key, value in keys.copy().items()
                                   if set(tags_of(writer, int(key.split(":")[2]))) & set(tags)})
                count = client("CACHE.INVALIDATE", *tags)
                self.assertIsInstance(count, int)
                performed.append(count)
                if before:
                    found = direct("MGET", *before)
                    old = [key for key, value in zip(before, found) if value == before[key]]
                    self.assertEqual(old, [], tags)
            is_over.set()

        self.together(*[lambda w=w: write(w) for w in range(4)],
                      *[lambda i=i: invalidate(i) for i in range(3)])
        self.assertGreater(len(performed), 20)
        self.assertGreater(sum(performed), 1000)
        direct = self.client(redis)
        for writer, keys in enumerate(acknowledged):
            safe = [key for key in keys if int(key.split(":")[2]) % 4 == 3]
            self.assertGreater(len(safe), 50)
            self.assertEqual(direct("MGET", *safe), [keys[key] for key in safe])
        client = self.client(hawsers[0])
        client("CACHE.INVALIDATE", *[f"tag{i}" for i in range(8)])
        self.assertEqual(direct("KEYS", "k:*"), [])
        self.assertEqual(self.unfinished(direct) + direct("KEYS", PREFIX + "tag:*"), [])

    def test_a_key_under_several_tags_goes_with_any_and_others_stay(self):
        redis = self.redis()
        hawser = self.hawser(redis)
        client, direct = self.client(hawser), self.client(redis)
        for tag in ("a", "b", "c"):
            client("CACHE.SET", "all", 1, "TAGS", 3, "a", "b", "c")
            client("CACHE.SET", "own", 1, "TAGS", 1, "d")
            client("SET", "plain", 1)
            self.assertEqual(client("CACHE.INVALIDATE", tag), 1)
            self.assertEqual(direct("MGET", "all", "own", "plain"), [None, b"1", b"1"])
        self.assertEqual(client("CACHE.INVALIDATE", "a", "b", "none"), 0)
        client("CACHE.TAG", "plain", 1, "late")
        client("CACHE.TAG", "own", 1, "late")
        client("CACHE.UNTAG", "own", 1, "late")
        self.assertEqual(client("CACHE.INVALIDATE", "late"), 1)
        self.assertEqual(direct("MGET", "own", "plain"), [b"1", None])

    def test_many_invalidations_of_one_large_tag_each_keep_their_word(self):
        redis = self.redis()
        hawsers = [self.hawser(redis, cache_batch=100) for _ in range(2)]
        direct = self.client(redis)
        for _ in range(2):
            self.fill(direct, "big", 20000)
            counts, is_over = [], threading.Event()

            def write():
                client = self.client(hawsers[0])
                for number in range(1 << 30):
                    if is_over.is_set():
                        return
                    client.pipeline(*[("CACHE.SET", f"new:{number % 50}:{i}", number, "TAGS", 1,
                                       "big") for i in range(20)])

            def invalidate(which):
                client, check = self.client(hawsers[which % 2]), self.client(redis)
                time.sleep(which * 0.02)
                for turn in range(3):
                    own = [f"own:{which}:{turn}:{i}" for i in range(20)]
                    for key in own:
                        self.assertEqual(client("CACHE.SET", key, 1, "TAGS", 1, "big"), "OK")
                    counts.append(client("CACHE.INVALIDATE", "big"))
                    self.assertEqual(check("EXISTS", *own), 0)
                    self.assertEqual(self.left(check, "big", 20000), 0)

            writer = threading.Thread(target=write)
            writer.start()
            try:
                self.together(*[lambda i=i: invalidate(i) for i in range(6)])
            finally:
                is_over.set()
                writer.join()
            self.assertGreaterEqual(sum(counts), 20000 + 6 * 3 * 20)
        self.client(hawsers[1])("CACHE.INVALIDATE", "big")
        self.assertEqual(direct("KEYS", "new:*") + self.unfinished(direct), [])

    def test_batches_are_small_and_nothing_walks_through_everything(self):
        redis = self.redis()
        hawser = self.hawser(redis, cache_batch=100)
        client, direct = self.client(hawser), self.client(redis)
        self.fill(direct, "big", 5000)
        for i in range(30):
            self.fill(direct, f"many{i}", 30)
        with Monitored(redis) as seen:
            self.assertEqual(client("CACHE.INVALIDATE", "big"), 5000)
            tags = [f"many{i}" for i in range(30)]
            self.assertEqual(client("CACHE.INVALIDATE", *tags), 900)
        sizes = [len(words) - 1 for words in seen.of("UNLINK", "DEL")]
        self.assertGreaterEqual(sum(sizes), 5900)
        self.assertLessEqual(max(sizes), 100)
        self.assertEqual(seen.of("KEYS", "SMEMBERS", "SCAN", "FLUSHDB", "SORT"), [])
        # Also of small tags together no more than that within one script.
        scripts, inside = [], 0
        for words in seen.commands:
            if words[0].upper() in ("EVAL", "EVALSHA"):
                scripts.append(inside)
                inside = 0
            elif words[0] == "UNLINK" and not words[1].startswith(PREFIX):
                inside += len(words) - 1
        self.assertLessEqual(max(scripts + [inside]), 100)

    def test_others_hardly_wait_for_a_large_one(self):
        redis = self.redis()
        hawser = self.hawser(redis)
        other, direct = self.client(hawser), self.client(redis)
        client = self.client(hawser)
        pauses = []
        for _ in range(3):  # The machine may be busy with something else.
            self.fill(direct, "big", 100000)
            direct("CONFIG", "RESETSTAT")
            client.send("CACHE.INVALIDATE", "big")
            longest, asked = 0.0, 0
            while direct("EXISTS", PREFIX + "drain:big") == 1 or asked == 0:
                began = time.monotonic()
                self.assertIsNone(other("GET", "none"))
                longest = max(longest, time.monotonic() - began)
                asked += 1
            self.assertEqual(client.read(), 100000)
            self.assertGreater(asked, 20)
            stats = direct("INFO", "commandstats").decode()
            self.assertNotIn("cmdstat_keys", stats)
            self.assertNotIn("cmdstat_smembers", stats)
            pauses.append(longest)
            if longest < 0.025:
                break
        self.assertLess(min(pauses), 0.025, pauses)

    def test_the_next_requests_of_the_client_wait_and_are_answered_in_order(self):
        redis = self.redis()
        hawser = self.hawser(redis, cache_batch=20)
        direct, other = self.client(redis), self.client(hawser)
        self.fill(direct, "big", 3000)
        some = [f"big:{i}" for i in range(0, 3000, 50)]
        for resp in (2, 3):
            client = self.client(hawser, resp=resp)
            self.fill(direct, "big", 3000)
            self.fill(direct, "big2", 3000)
            replies = client.pipeline(
                ("SET", "a", 1), ("CACHE.SET", "b", 2, "TAGS", 1, "big"), ("MGET", *some[:2]),
                ("CACHE.INVALIDATE", "big"), ("MGET", *some), ("SET", "after", "x"), ("GET", "b"),
                ("CACHE.INVALIDATE", "big2"), ("GET", "big2:2999"), ("CACHE.GET", "after"),
                ("MULTI",), ("INCR", "a"), ("EXEC",))
            self.assertEqual(replies, [
                "OK", "OK", [b"old"] * 2, 3001, [None] * len(some), "OK", None, 3000, None,
                [b"x", b"fresh", None], "OK", "QUEUED", [2]])
        self.fill(direct, "big", 20000)
        client.send("CACHE.INVALIDATE", "big")
        client.send("SET", "later", "x")
        seen = []
        while None in seen[-1:] or not seen:
            seen.append(other("GET", "later"))
            left = direct("EXISTS", PREFIX + "drain:big") or direct("EXISTS", PREFIX + "tag:big")
            self.assertTrue(seen[-1] is None or not left)
        self.assertGreater(len(seen), 20)
        self.assertEqual([client.read(), client.read()], [20000, "OK"])


class Instances(CacheCase):
    """One ends half-way; another goes on."""

    def told(self, subscriber, tags, within):
        """Which of the tags the bus tells of."""
        seen = []
        subscriber.socket.settimeout(1)
        end = time.monotonic() + within
        while not tags <= set(seen) and time.monotonic() < end:
            try:
                seen += json.loads(subscriber.read()[2])["target"]
            except TimeoutError:
                subscriber.file = subscriber.socket.makefile("rb")
        return seen

    def killed(self, redis, direct, tag, count, below, database=0):
        """A hawser killed when fewer than `below` keys are left; None: soon, wherever it is."""
        hawser = self.hawser(redis, cache_batch=5)
        client = self.client(hawser, database=database)
        client("GET", "none")
        client.send("CACHE.INVALIDATE", tag)
        drain, index = PREFIX + "drain:" + tag, PREFIX + "tag:" + tag
        if below is None:
            time.sleep(random.random() * 0.01)
        else:
            while not 0 < direct("ZCARD", drain) < below and direct("EXISTS", drain, index):
                pass
        hawser.process.kill()
        hawser.process.wait()
        try:
            self.assertEqual((client.read(), self.left(direct, tag, count)), (count, 0))
        except (Closed, ConnectionResetError):
            pass

    def test_killed_at_random_points_another_comes_to_the_end_of_it(self):
        redis = self.redis()
        direct, check = self.client(redis), self.client(redis)
        survivor = self.hawser(redis)
        self.client(survivor)("CACHE.SET", "used", 1, "TAGS", 1, "other")
        self.client(survivor, database=3)("CACHE.SET", "used", 1, "TAGS", 1, "other")
        elsewhere = self.client(redis, database=3)
        self.fill(elsewhere, "elsewhere", 3000)
        subscriber = self.subscriber(redis)
        count, rounds = 3000, 22
        tags = [f"big{i}" for i in range(rounds)]
        for tag in tags:
            self.fill(direct, tag, count)
        is_over, lost = threading.Event(), []

        def look():
            while not is_over.is_set():
                for tag in tags[:begun + 2]:
                    lost.append(self.lost(check, tag, count))
                    time.sleep(0.02)
        half, begun = [], 0
        looking = threading.Thread(target=look)
        looking.start()
        try:
            for i, tag in enumerate(tags):
                begun = i
                below = None if i % 7 == 0 else random.randrange(200, count + 1)
                self.killed(redis, direct, tag, count, below)
                if direct("EXISTS", PREFIX + "drain:" + tag) == 1:
                    half.append(tag)
            self.killed(redis, elsewhere, "elsewhere", 3000, 2900, database=3)
            if elsewhere("EXISTS", PREFIX + "drain:elsewhere") == 1:
                half.append("elsewhere")
            self.assertGreater(len(half), rounds / 2)
            # None that was killed has told of what it did not come to the end of.
            for database in (direct, elsewhere):
                eventually(lambda: not self.unfinished(database), "all is finished", 15)
        finally:
            is_over.set()
            looking.join()
        self.assertEqual(set(lost), {0})
        self.assertGreater(len(lost), rounds)
        for tag in tags:
            left = self.left(direct, tag, count)
            members = direct("ZCARD", f"{PREFIX}tag:{tag}")
            self.assertIn((left, members), [(0, 0), (count, count)], tag)
            if tag in half:
                self.assertEqual(left, 0, tag)
        self.assertEqual(self.left(elsewhere, "elsewhere", 3000), 0)
        seen = self.told(subscriber, set(half), 10)
        self.assertEqual([seen.count(tag) for tag in half], [1] * len(half))
        self.assertEqual(direct("GET", "used"), b"1")
        finished = survivor.metric('hawser_cache_invalidations_total{result="finished"}')
        self.assertEqual(finished, len(half))

    def test_restarted_at_once_and_alone_it_comes_to_the_end_of_its_own(self):
        redis = self.redis()
        direct = self.client(redis)
        subscriber = self.subscriber(redis)
        self.fill(direct, "big", 5000)
        self.killed(redis, direct, "big", 5000, 3000)
        self.assertTrue(self.unfinished(direct))
        # What is stored meanwhile is of no concern to it.
        self.fill(direct, "big", 10, prefix="new:")
        self.hawser(redis)  # Nobody uses it.
        eventually(lambda: not self.unfinished(direct), "it is finished", 15)
        self.assertEqual(self.left(direct, "big", 5000), 0)
        self.assertEqual(self.left(direct, "", 10, "new:"), 10)
        self.assert_told(subscriber, "tags", ["big"])

    def test_the_one_who_asks_again_need_not_wait_for_that(self):
        redis = self.redis()
        direct = self.client(redis)
        self.fill(direct, "big", 5000)
        self.killed(redis, direct, "big", 5000, 3000)
        self.fill(direct, "big", 1000, prefix="new:")
        client = self.client(self.hawser(redis))
        began = time.monotonic()
        self.assertGreater(client("CACHE.INVALIDATE", "big"), 1000)
        self.assertLess(time.monotonic() - began, 4)
        self.assertEqual(self.left(direct, "big", 5000) + self.left(direct, "", 1000, "new:"), 0)
        self.assertEqual(self.unfinished(direct), [])


class Faults(CacheCase):
    def test_the_connection_is_lost_again_and_again(self):
        redis = self.redis()
        hawser = self.hawser(redis, cache_batch=50)
        client, direct = self.client(hawser), self.client(redis)
        subscriber = self.subscriber(redis)
        killed = []

        def invalidate():
            self.assertIsInstance(client("CACHE.INVALIDATE", "big"), int)
            self.assertEqual(self.left(direct, "big", 20000), 0)

        def kill():
            control = self.client(redis)
            time.sleep(0.01)
            for _ in range(10):
                for line in control("CLIENT", "LIST").decode().splitlines():
                    fields = dict(field.partition("=")[::2] for field in line.split())
                    if fields["name"].startswith("hawser:") and fields["name"].endswith(":main"):
                        killed.append(control("CLIENT", "KILL", "ID", fields["id"]))
                time.sleep(0.1)
        for _ in range(2):
            self.fill(direct, "big", 20000)
            self.together(invalidate, kill)
            self.assert_told(subscriber, "tags", ["big"])
        self.assertGreater(len(killed), 4)
        self.assertEqual(self.unfinished(direct), [])
        self.assert_silent(subscriber)

    def test_redis_stands_still(self):
        redis = self.redis()
        hawser = self.hawser(redis, cache_batch=50, timeout_command="300ms", timeout_total="500ms")
        client, direct = self.client(hawser), self.client(redis)
        for i in range(2):
            self.fill(direct, "big", 20000)
            client.send("CACHE.INVALIDATE", "big")
            time.sleep(0.05 * i)
            redis.freeze()
            time.sleep(1.5)
            redis.thaw()
            reply = client.read()
            if isinstance(reply, ErrorReply):  # It came too late to be sent: then nothing was done.
                self.assertIn("command not executed", reply)
            else:
                self.assertEqual(self.left(direct, "big", 20000), 0)
            time.sleep(0.2)
            self.assertEqual(self.unfinished(direct), [])
            self.assertIn(self.left(direct, "big", 20000), (0, 20000))
            self.wait_for_circuit(hawser, 0)

    def test_redis_is_restarted(self):
        folder = tempfile.TemporaryDirectory(prefix="hawser-test-")
        self.addCleanup(folder.cleanup)
        redis = self.redis("--appendonly", "yes", "--dir", folder.name)
        hawser = self.hawser(redis, cache_batch=25)
        client, direct = self.client(hawser), self.client(redis)
        self.fill(direct, "big", 20000)
        self.fill(direct, "other", 100)
        client.send("CACHE.INVALIDATE", "big")
        eventually(lambda: 0 < direct("ZCARD", PREFIX + "drain:big") < 19000, "it is half-way")
        redis.kill()
        time.sleep(0.3)
        redis.start()
        self.assertIsInstance(client.read(), int)
        direct = self.client(redis)
        eventually(lambda: not isinstance(direct("PING"), ErrorReply), "it has loaded")
        self.assertEqual((self.left(direct, "big", 20000), self.unfinished(direct)), (0, []))
        self.assertEqual(self.left(direct, "other", 100), 100)


class Deadlines(CacheCase):
    def test_async_answers_first_and_tells_when_it_is_done(self):
        redis = self.redis()
        hawser = self.hawser(redis, cache_batch=10)
        client, direct = self.client(hawser), self.client(redis)
        subscriber = self.subscriber(redis)
        self.fill(direct, "big", 20000)
        self.assertEqual(client("CACHE.INVALIDATE", "ASYNC", "big"), 20000)
        self.assertGreater(direct("ZCARD", PREFIX + "drain:big"), 0)
        self.assertEqual(client("GET", "none"), None)
        self.assert_told(subscriber, "tags", ["big"], source="CACHE.INVALIDATE")
        self.assertEqual((self.left(direct, "big", 20000), self.unfinished(direct)), (0, []))

    def test_after_its_deadline_it_goes_on_and_is_told_of_when_it_is_done(self):
        redis = self.redis()
        hawser = self.hawser(redis, cache_timeout="300ms", cache_batch=1)
        client, direct = self.client(hawser), self.client(redis)
        subscriber = self.subscriber(redis)
        self.fill(direct, "big", 20000)
        began = time.monotonic()
        client.send("CACHE.INVALIDATE", "big")
        client.send("ECHO", "next")
        self.assertEqual(client.read(), "PROXYTIMEOUT no reply within 300 ms, outcome unknown")
        self.assertLess(time.monotonic() - began, 2)
        self.assertGreater(direct("ZCARD", PREFIX + "drain:big"), 0)
        self.assertEqual(client.read(), b"next")
        self.assert_told(subscriber, "tags", ["big"])
        self.assertEqual((self.left(direct, "big", 20000), self.unfinished(direct)), (0, []))
        self.fill(direct, "small", 5)
        self.assertEqual(client("GET", "small:1"), b"old")
        redis.freeze()
        self.assert_error(client("CACHE.INVALIDATE", "small"), "PROXYTIMEOUT no reply within")
        redis.thaw()
        self.assert_told(subscriber, "tags", ["small"])
        self.assertEqual(self.left(direct, "small", 5), 0)

    def test_one_who_leaves_stops_nothing(self):
        redis = self.redis()
        hawser = self.hawser(redis, cache_batch=10)
        client, direct = self.client(hawser), self.client(redis)
        subscriber = self.subscriber(redis)
        self.fill(direct, "big", 5000)
        client.send("CACHE.INVALIDATE", "big")
        eventually(lambda: direct("EXISTS", PREFIX + "drain:big") == 1, "it has begun")
        client.reset()
        self.assert_told(subscriber, "tags", ["big"])
        self.assertEqual((self.left(direct, "big", 5000), self.unfinished(direct)), (0, []))


class WhileAway(CacheCase):
    FAST = {"timeout_command": "300ms", "timeout_connect": "300ms", "timeout_total": "600ms"}

    def test_by_default_it_is_an_error_and_nothing_is_done_later(self):
        redis = self.redis()
        hawser = self.hawser(redis, **self.FAST)
        client, direct = self.client(hawser), self.client(redis)
        subscriber = self.subscriber(redis)
        client("CACHE.SET", "key", 1, "TAGS", 1, "tag")
        self.circuit(hawser, "open")
        message = '{"type":"tags","target":["tag"]}'
        for words in [("CACHE.INVALIDATE", "tag"), ("CACHE.INVALIDATE", "ASYNC", "tag"),
                      ("PUBLISH", CHANNEL, message)]:
            self.assertRegex(client(*words), "^PROXYOPEN circuit open, command not executed, ")
        self.circuit(hawser, "auto")
        eventually(lambda: client("GET", "key") == b"1", "it works again", 5)
        self.assert_silent(subscriber, 0.5)
        self.assertEqual(direct("GET", "key"), b"1")
        self.assertEqual(hawser.metric("hawser_cache_journal_targets"), 0)

    def readers(self, hawser, is_over, *questions):
        """For each (login, database, key) the answers somebody gets who asks all the time."""
        seen = [[] for _ in questions]

        def read(place, login, database, key):
            client = self.client(hawser, *login, database=database)
            self.assertEqual(client("GET", key), b"old")
            ready.wait(10)
            while not is_over.is_set():
                seen[place].append(client("GET", key))
        ready = threading.Barrier(len(questions) + 1)
        threads = [threading.Thread(target=read, args=(i, *question), daemon=True)
                   for i, question in enumerate(questions)]
        for thread in threads:
            thread.start()
        ready.wait(10)
        return seen, threads

    def test_queued_ones_are_done_before_anybody_can_read(self):
        redis = self.redis()
        hawser = self.hawser(redis, cache_invalidate_when_down="queue", cache_batch=50,
                             **self.FAST)
        direct, subscriber = self.client(redis), self.subscriber(redis)
        direct("ACL", "SETUSER", "ann", "on", ">pw", "~*", "&*", "+@all")
        plain, ann = self.client(hawser), self.client(hawser, "ann", "pw", database=3)
        plain("CACHE.SET", "one", "old", "TAGS", 1, "tag")
        plain("SET", "two", "old")
        self.fill(direct, "big", 2000)
        for key, tag in (("one", "tag"), ("three", "ann")):
            ann("CACHE.SET", key, "old", "TAGS", 1, tag)
        is_over = threading.Event()
        seen, threads = self.readers(
            hawser, is_over, ((), 0, "one"), ((), 0, "two"), ((), 0, "big:0"), ((), 0, "big:1999"),
            (("ann", "pw"), 3, "three"))
        redis.freeze()
        self.wait_for_circuit(hawser, 2)
        for tags in (["tag"], ["big", "none"]):
            self.assertEqual(plain("CACHE.INVALIDATE", *tags), len(tags))
        self.assertEqual(plain("PUBLISH", CHANNEL, '{"type":"keys","target":["two","x"]}'), 2)
        self.assertEqual(ann("CACHE.INVALIDATE", "ASYNC", "ann"), 1)
        self.assertEqual(hawser.metric("hawser_cache_journal_targets"), 6)
        time.sleep(0.3)
        for answers in seen:
            answers.clear()  # Those from before the invalidation.
        redis.thaw()
        self.wait_for_circuit(hawser, 0)
        eventually(lambda: all(None in answers for answers in seen), "it works again", 5)
        is_over.set()
        for thread in threads:
            thread.join()
        for answers in seen:
            self.assertNotIn(b"old", answers)
        self.assertEqual(self.left(direct, "big", 2000), 0)
        # In the database it was said for, and in no other.
        self.assertEqual(ann("GET", "one"), b"old")
        targets = [["tag"], ["big", "none"], ["two", "x"], ["ann"]]
        told = [json.loads(subscriber.read()[2])["target"] for _ in range(4)]
        self.assertEqual(sorted(told), sorted(targets))
        self.assert_silent(subscriber)
        self.assertEqual(hawser.metric("hawser_cache_journal_targets"), 0)

    def test_so_many_are_queued_and_no_more(self):
        redis = self.redis()
        hawser = self.hawser(redis, cache_invalidate_when_down="queue", cache_journal_tags=3)
        client, direct = self.client(hawser), self.client(redis)
        for i in range(5):
            client("CACHE.SET", f"key{i}", "old", "TAGS", 1, f"tag{i}")
        self.circuit(hawser, "open")
        self.assertEqual(client("CACHE.INVALIDATE", "tag0", "tag1"), 2)
        self.assert_error(client("CACHE.INVALIDATE", "tag2", "tag3"), "PROXYOPEN")
        self.assertEqual(client("CACHE.INVALIDATE", "tag4"), 1)
        self.assert_error(client("CACHE.INVALIDATE", "tag4"), "PROXYOPEN")
        self.circuit(hawser, "auto")
        self.assertEqual(direct("MGET", *[f"key{i}" for i in range(5)]),
                         [None, None, b"old", b"old", None])
        self.assertEqual(client("CACHE.INVALIDATE", "tag2", "tag3"), 2)

    def test_an_outage_too_short_for_the_circuit(self):
        redis = self.redis()
        hawser = self.hawser(redis, cache_invalidate_when_down="queue", timeout_command="400ms",
                             timeout_total="400ms")
        client, direct = self.client(hawser), self.client(redis)
        client("CACHE.SET", "key", "old", "TAGS", 1, "tag")
        # The connection is gone, and no other can be opened.
        direct.raw(encode("CLIENT", "KILL", "TYPE", "normal") + encode("DEBUG", "SLEEP", 1))
        self.assertGreater(direct.read(), 0)
        self.assertEqual(client("CACHE.INVALIDATE", "tag"), 1)
        self.assertEqual(direct.read(), "OK")
        eventually(lambda: direct("EXISTS", "key") == 0, "it is done", 3)
        self.assertEqual(hawser.metric('hawser_circuit_transitions_total{to="open"}'), 0)

    def test_one_that_is_refused_when_redis_is_back_holds_nobody_up(self):
        redis = self.redis()
        hawser = self.hawser(redis, cache_invalidate_when_down="queue", timeout_connect="500ms")
        direct = self.client(redis)
        direct("ACL", "SETUSER", "ann", "on", ">pw", "~*", "&*", "+@all")
        direct("ACL", "SETUSER", "bob", "on", ">pw", "~*", "&*", "+@all")
        ann, bob, plain = (self.client(hawser, "ann", "pw"), self.client(hawser, "bob", "pw"),
                           self.client(hawser))
        for client, tag in ((ann, "ann"), (bob, "bob"), (plain, "own")):
            client("CACHE.SET", tag, "old", "TAGS", 1, tag)
        self.circuit(hawser, "open")
        for client, tag in ((ann, "ann"), (bob, "bob"), (plain, "own")):
            self.assertEqual(client("CACHE.INVALIDATE", tag), 1)
        direct("ACL", "DELUSER", "ann")
        direct("ACL", "SETUSER", "bob", "-unlink")
        self.circuit(hawser, "auto")
        self.assertEqual(plain("MGET", "ann", "bob", "own"), [b"old", b"old", None])
        self.assertIn("a queued invalidation was refused", hawser.log())


if __name__ == "__main__":
    unittest.main()
