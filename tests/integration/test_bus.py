"""The invalidation bus: what is published on it is performed once, and everybody is told once."""

import json
import random
import threading
import time
import unittest

from invalidation_case import CHANNEL, PREFIX, CacheCase, Monitored
from resp import Closed, ErrorReply, encode
from servers import eventually


def message(kind, target, **fields):
    return json.dumps({"type": kind, "target": target, **fields})


class BusCase(CacheCase):
    def started(self, count=2, *redis_options, **settings):
        redis = self.redis(*redis_options)
        return redis, [self.hawser(redis, **settings) for _ in range(count)]

    def result(self, hawser, name):
        return hawser.metric('hawser_cache_bus_messages_total{result="%s"}' % name)

    def flush(self, redis, *subscribers):
        """That nothing but the end comes to any of them now."""
        self.client(redis)("PUBLISH", CHANNEL, "the end")
        for subscriber in subscribers:
            self.assertEqual(subscriber.read(), [b"message", CHANNEL, b"the end"])


class Performed(BusCase):
    def test_everybody_is_told_once_of_what_one_has_done(self):
        redis, hawsers = self.started()
        direct, client = self.client(redis), self.client(hawsers[0])
        listeners = [self.subscriber(hawsers[i % 2], resp=2 + i // 2 % 2) for i in range(8)]
        listeners += [self.subscriber(redis) for _ in range(2)]
        patterns = [self.subscriber(hawser, channel="cache:*", command="PSUBSCRIBE")
                    for hawser in hawsers]
        for key, tag in (("a", "x"), ("b", "x"), ("c", "y")):
            client("CACHE.SET", key, 1, "TAGS", 1, tag)
        client("MSET", "d", 1, "e", 1, "p:1", 1, "p:2", 1, "q", 1)
        for kind, target, gone in (
                ("tags", ["x", "none"], ["a", "b"]), ("keys", ["d", "none"], ["d"]),
                ("keys", "e", ["e"]), ("pattern", ["p:*"], ["p:1", "p:2"])):
            text = message(kind, target, source="orders", own={"deep": [1, None, "ü"]})
            with Monitored(redis) as seen:
                receivers = client("PUBLISH", CHANNEL, text)
            # As Redis counts: each hawser is one, for the channel and for the pattern.
            self.assertEqual(receivers, 2 + 2 + 2)
            self.assertEqual(direct("EXISTS", *gone), 0)
            deleted = [key for words in seen.of("UNLINK", "DEL") for key in words[1:]]
            self.assertEqual([deleted.count(key) for key in gone], [1] * len(gone))
            self.assertEqual(len(seen.of("PUBLISH")), 1)
            told = [self.assert_told(listener, kind, target, source="orders",
                                     own={"deep": [1, None, "ü"]}) for listener in listeners]
            self.assertTrue(all(one == told[0] for one in told))
            for pattern in patterns:
                frame = pattern.read()
                self.assertEqual(frame[:3], [b"pmessage", b"cache:*", CHANNEL])
                self.assertEqual(json.loads(frame[3]), told[0])
        self.assertEqual(direct("MGET", "c", "q"), [b"1", b"1"])
        self.flush(redis, *listeners)
        self.assertEqual([self.result(h, "performed") for h in hawsers], [4, 0])
        self.assertEqual([self.result(h, "published") for h in hawsers], [4, 0])
        self.assertEqual([self.result(h, "repeated") for h in hawsers], [0, 0])

    def test_the_message_is_the_publishers_with_three_fields_behind_it(self):
        redis, (hawser,) = self.started(1)
        client, listener = self.client(hawser), self.subscriber(redis)
        texts = ['{"type":"keys","target":["k"]}', ' { "target" : "k", "type":"keys", "n":1.50 } ',
                 '{"x":{"origin":"mine"},"type":"keys","target":"\\u006b"}']
        sequences, origins = [], set()
        for text in texts:
            client("SET", "k", 1)
            self.assertEqual(client("PUBLISH", CHANNEL, text), 1)
            self.assertIsNone(client("GET", "k"))
            published = listener.read()[2].decode()
            self.assertTrue(published.startswith(text.rstrip()[:-1].rstrip()), published)
            told = json.loads(published)
            self.assertEqual(list(told)[-3:], ["origin", "sequence", "time"])
            sequences.append(told["sequence"])
            origins.add(told["origin"])
        self.assertEqual(sequences, list(range(sequences[0], sequences[0] + 3)))
        self.assertEqual(len(origins), 1)

    def test_an_invalidation_by_command_is_told_in_the_same_way(self):
        redis, hawsers = self.started()
        client = self.client(hawsers[0])
        listeners = [self.subscriber(server) for server in (*hawsers, redis)]
        for words in (("x", "y"), ("ASYNC", "x")):
            client("CACHE.SET", "a", 1, "TAGS", 1, "x")
            self.assertEqual(client("CACHE.INVALIDATE", *words), 1)
            tags = [word for word in words if word != "ASYNC"]
            told = [self.assert_told(listener, "tags", tags) for listener in listeners]
            self.assertTrue(all(one == told[0] for one in told))
        self.flush(redis, *listeners)

    def test_in_the_publishers_database(self):
        redis, (hawser,) = self.started(1)
        zero, five = self.client(hawser), self.client(hawser, database=5)
        for client in (zero, five):
            client.pipeline(("SET", "key", 1), ("SET", "p:1", 1),
                            ("CACHE.SET", "tagged", 1, "TAGS", 1, "tag"))
        everything = ("EXISTS", "key", "p:1", "tagged")
        for i, text in enumerate([message("keys", "key"), message("pattern", "p:*"),
                                  message("tags", "tag")]):
            self.assertEqual(five("PUBLISH", CHANNEL, text), 0)
            self.assertEqual((zero(*everything), five(*everything)), (3, 2 - i))

    def test_what_the_client_sent_before_has_happened_before(self):
        redis, hawsers = self.started()
        client, direct = self.client(hawsers[0]), self.client(redis)
        listener = self.subscriber(hawsers[1])
        for i in range(100):
            key = f"key{i}"
            replies = client.pipeline(("SET", key, "old"), ("SET", "version", i),
                                      ("PUBLISH", CHANNEL, message("keys", key)),
                                      ("GET", key), ("SET", key, "new"))
            self.assertEqual(replies, ["OK", "OK", 1, None, "OK"])
            self.assert_told(listener, "keys", key)
            self.assertGreaterEqual(int(direct("GET", "version")), i)
            self.assertEqual(direct("GET", key), b"new")

    def test_a_pattern_by_small_steps_and_none_of_hawsers_own(self):
        redis, (hawser,) = self.started(1, cache_batch=100)
        client, direct = self.client(hawser), self.client(redis)
        self.fill(direct, "tag", 5000)
        direct("SET", "[odd]", 1)
        with Monitored(redis) as seen:
            self.assertEqual(client("PUBLISH", CHANNEL, message("pattern", ["tag:*", "*odd*"])), 0)
        self.assertEqual(seen.of("KEYS", "FLUSHDB"), [])
        self.assertGreater(len(seen.of("SCAN")), 3)
        self.assertTrue(all(int(words[-1]) <= 1000 for words in seen.of("SCAN")))
        self.assertLessEqual(max(len(words) - 1 for words in seen.of("UNLINK")), 200)
        self.assertEqual(self.left(direct, "tag", 5000) + direct("EXISTS", "[odd]"), 0)
        client("CACHE.SET", "tagged", 1, "TAGS", 1, "mine")
        client("CACHE.GET", "leased", "LEASE", 60000)
        own = sorted(direct("KEYS", PREFIX + "*"))
        self.assertIn(b"__hawser__:tag:mine", own)
        for pattern in ("*", PREFIX + "*"):
            client("PUBLISH", CHANNEL, message("pattern", pattern))
            self.assertEqual(sorted(direct("KEYS", PREFIX + "*")), own)
        self.assertEqual(direct("EXISTS", "tagged"), 0)


    def test_after_its_deadline_it_goes_on_and_is_told_of_when_it_is_done(self):
        redis, (hawser,) = self.started(1, cache_timeout="200ms", cache_batch=1)
        client, direct, listener = (self.client(hawser), self.client(redis),
                                    self.subscriber(redis))
        self.fill(direct, "k", 20000)
        client.send("PUBLISH", CHANNEL, message("keys", [f"k:{i}" for i in range(20000)]))
        client.send("GET", "k:0")
        self.assert_error(client.read(), "PROXYTIMEOUT no reply within 200 ms")
        self.assertEqual(client.read(), None)
        self.assertGreater(self.left(direct, "k", 20000), 0)
        self.assertEqual(len(json.loads(listener.read()[2])["target"]), 20000)
        self.assertEqual(self.left(direct, "k", 20000), 0)
        self.flush(redis, listener)


class NotPerformed(BusCase):
    def test_what_does_not_come_as_a_plain_publish_through_hawser(self):
        redis, hawsers = self.started()
        client, direct = self.client(hawsers[0]), self.client(redis)
        listeners = [self.subscriber(server) for server in (*hawsers, redis)]
        client("SET", "k", 1)
        text = message("keys", "k")
        script = "return redis.call('PUBLISH', ARGV[1], ARGV[2])"
        for publish in (
                lambda: client.pipeline(("MULTI",), ("PUBLISH", CHANNEL, text), ("EXEC",))[2],
                lambda: [client("EVAL", script, 0, CHANNEL, text)],
                lambda: [direct("PUBLISH", CHANNEL, text)]):
            self.assertEqual(publish(), [3])
            for listener in listeners:
                self.assertEqual(listener.read(), [b"message", CHANNEL, text.encode()])
        client("PUBLISH", b"cache:other", text)
        self.flush(redis, *listeners)
        self.assertEqual(direct("GET", "k"), b"1")
        self.assertEqual([self.result(h, "performed") for h in hawsers], [0, 0])

    def test_what_was_performed_already_goes_on_unchanged(self):
        redis, hawsers = self.started()
        client, direct, listener = (self.client(hawsers[0]), self.client(redis),
                                    self.subscriber(hawsers[1]))
        client("SET", "k", 1)
        for text in ('{"type":"keys","target":["k"],"origin":"other"}', '{"origin":null}',
                     '{"type":"keys","target":["k"],"origin":"o","sequence":7,"time":"x"}'):
            self.assertEqual(client("PUBLISH", CHANNEL, text), 1)
            self.assertEqual(listener.read()[2], text.encode())
        # Numbers that applications have given are their own.
        for number in (8, 1, 1, 5):
            text = json.dumps({"origin": "other", "sequence": number})
            self.assertEqual(client("PUBLISH", CHANNEL, text), 1)
            self.assertEqual(listener.read()[2], text.encode())
        self.assertEqual(direct("GET", "k"), b"1")
        self.assertEqual(self.result(hawsers[0], "forwarded"), 7)

    def test_what_is_not_understood_goes_on_unchanged_is_counted_and_told_once(self):
        redis, hawsers = self.started()
        client, direct, listener = (self.client(hawsers[0]), self.client(redis),
                                    self.subscriber(hawsers[1]))
        client("SET", "k", 1)
        texts = [b"", b"k", b"[]", b'"keys"', b'{"type":"keys"}', b'{"target":["k"]}',
                 b'{"type":"keys","target":[]}', b'{"type":"keys","target":[1]}',
                 b'{"type":"keys","target":[["k"]]}', b'{"type":"KEYS","target":["k"]}',
                 b'{"type":"other","target":["k"]}', b'{"type":"keys","target":["k"]} x',
                 b'{"type":"keys","target":["k",""]}', b'{"type":"keys","target":["k\xff"]}',
                 b"{'type':'keys','target':['k']}", b"\x00", b"[" * 5000,
                 b'{"type":"tags","target":["%s"]}' % (b"t" * 257)]
        for text in texts:
            self.assertEqual(client("PUBLISH", CHANNEL, text), 1)
            self.assertEqual(listener.read()[2], text)
        self.assertEqual(direct("GET", "k"), b"1")
        self.assertEqual(self.result(hawsers[0], "invalid"), len(texts))
        self.assertEqual(self.result(hawsers[0], "performed"), 0)
        self.assertEqual(hawsers[0].log().count("is not understood"), 1)
        direct_reply, reply = direct("PUBLISH", CHANNEL), client("PUBLISH", CHANNEL)
        self.assertEqual(reply, direct_reply)

    def test_without_a_channel_there_is_no_bus(self):
        redis, (hawser,) = self.started(1, cache_channel="")
        client, listener = self.client(hawser), self.subscriber(hawser)
        client("CACHE.SET", "k", 1, "TAGS", 1, "tag")
        text = message("keys", "k")
        for channel in (CHANNEL, ""):
            client("PUBLISH", channel, text)
        self.assertEqual(listener.read()[2], text.encode())
        self.assertEqual(client("GET", "k"), b"1")
        self.assertEqual(client("CACHE.INVALIDATE", "tag"), 1)
        for _ in range(2):  # Twice the same is two messages.
            client("PUBLISH", CHANNEL, '{"origin":"o","sequence":1}')
            self.assertEqual(listener.read()[2], b'{"origin":"o","sequence":1}')
        self.flush(redis, listener)

    def test_another_channel_can_be_the_bus(self):
        redis, (hawser,) = self.started(1, cache_channel="news")
        client, listener = self.client(hawser), self.subscriber(hawser, channel="news")
        client("SET", "k", 1)
        client("PUBLISH", CHANNEL, message("keys", "k"))
        self.assertEqual(client("GET", "k"), b"1")
        client("PUBLISH", "news", message("keys", "k"))
        self.assertIsNone(client("GET", "k"))
        self.assertIn("origin", json.loads(listener.read()[2]))


class Users(BusCase):
    def test_with_the_publishers_rights(self):
        redis, (hawser,) = self.started(1)
        direct, listener = self.client(redis), self.subscriber(redis)
        direct("ACL", "SETUSER", "app", "on", ">pw", f"~{PREFIX}*", "~app:*", "&*", "+@all")
        direct("ACL", "SETUSER", "mute", "on", ">pw", "~*", "resetchannels", "+@all")
        direct("ACL", "SETUSER", "weak", "on", ">pw", "~*", "&*", "+@all", "-eval", "-evalsha")
        app, plain = self.client(hawser, "app", "pw"), self.client(hawser)
        plain("MSET", "app:1", 1, "app:2", 1, "app:3", 1, "foreign:1", 1, "foreign:2", 1)
        plain("CACHE.SET", "foreign:t", 1, "TAGS", 1, "foreign")
        for kind, target in (("keys", "foreign:1"), ("keys", ["app:1", "foreign:1"]),
                             ("pattern", "foreign:*"), ("tags", "foreign")):
            reply = app("PUBLISH", CHANNEL, message(kind, target))
            self.assertIsInstance(reply, ErrorReply)
            self.assertRegex(reply, "NOPERM|permission|can't access", (kind, target))
        self.assert_error(app("CACHE.INVALIDATE", "foreign"), "")
        self.assertEqual(plain("EXISTS", "foreign:1", "foreign:2", "foreign:t", "app:1"), 4)
        self.assertEqual(app("PUBLISH", CHANNEL, message("keys", "app:1")), 1)
        self.assert_told(listener, "keys", "app:1")
        self.assertEqual(app("PUBLISH", CHANNEL, message("pattern", "app:*")), 1)
        self.assert_told(listener, "pattern", "app:*")
        self.assertEqual(plain("EXISTS", "app:1", "app:2", "app:3"), 0)
        # What the user may not publish is refused as Redis does.
        mute = self.client(hawser, "mute", "pw")
        plain("SET", "k", 1)
        refused = mute("PUBLISH", CHANNEL, message("keys", "k"))
        self.assert_error(refused, "NOPERM")
        self.assertEqual(plain("GET", "k"), b"1")
        # Whoever may delete asks hawser to, and hawser tells the others.
        plain("CACHE.SET", "k", 1, "TAGS", 1, "t")
        self.assertEqual(mute("CACHE.INVALIDATE", "t"), 1)
        self.assert_told(listener, "tags", ["t"])
        # What is allowed from now on is done from now on; what is not any more is told all the same.
        direct("ACL", "SETUSER", "mute", "allchannels")
        self.assertEqual(mute("PUBLISH", CHANNEL, message("keys", "k")), 1)
        self.assert_told(listener, "keys", "k")
        self.assertEqual(plain("EXISTS", "k"), 0)
        for _ in range(3):
            direct("ACL", "SETUSER", "mute", "resetchannels")
            plain("CACHE.SET", "k", 1, "TAGS", 1, "t")
            self.assertEqual(mute("CACHE.INVALIDATE", "t"), 1)
            self.assert_told(listener, "tags", ["t"])
        # Without the commands the feature needs it is refused in words, and the rest works.
        weak = self.client(hawser, "weak", "pw")
        plain("SET", "k", 1)
        self.assertRegex(weak("PUBLISH", CHANNEL, message("keys", "k")), "^ERR .*not available")
        self.assertEqual(weak("GET", "k"), b"1")
        self.assertEqual(weak("PUBLISH", CHANNEL, "text"), 1)
        self.assertEqual(listener.read()[2], b"text")
        self.flush(redis, listener)

    def test_of_a_large_message_that_is_refused_half_way_the_others_are_told(self):
        redis, (hawser,) = self.started(1, cache_batch=10)
        direct, listener = self.client(redis), self.subscriber(redis)
        direct("ACL", "SETUSER", "app", "on", ">pw", f"~{PREFIX}*", "~app:*", "&*", "+@all")
        app = self.client(hawser, "app", "pw")
        keys = [f"app:{i}" for i in range(50)] + ["foreign"]
        direct("MSET", *[word for key in keys for word in (key, 1)])
        self.assert_error(app("PUBLISH", CHANNEL, message("keys", keys)), "NOPERM")
        self.assertEqual(direct("EXISTS", "foreign"), 1)
        self.assertLess(direct("EXISTS", *keys[:-1]), 50)
        self.assert_told(listener, "keys", keys)  # Nobody is to keep a copy of what is gone.
        self.flush(redis, listener)


class Gaps(BusCase):
    def stamped(self, sequence, origin="elsewhere-0123456789abcdef"):
        return json.dumps({"type": "keys", "target": ["k"], "origin": origin,
                           "sequence": sequence, "time": "2026-01-31T12:00:00.000Z"})

    def test_repetitions_are_not_delivered_again(self):
        redis, (hawser,) = self.started(1)
        direct = self.client(redis)
        listeners = [self.subscriber(hawser, resp=2 + i) for i in range(2)]
        other = self.subscriber(hawser, channel="other")
        for sequence in (5, 6, 6, 5, 7, 1, 7, 8):
            direct("PUBLISH", CHANNEL, self.stamped(sequence))
            direct("PUBLISH", CHANNEL, self.stamped(sequence, "elsewhere-fedcba9876543210"))
            direct("PUBLISH", "other", self.stamped(sequence))
        for listener in listeners:
            seen = [json.loads(listener.read()[2])["sequence"] for _ in range(8)]
            self.assertEqual(seen, [5, 5, 6, 6, 7, 7, 8, 8])
        self.assertEqual([json.loads(other.read()[2])["sequence"] for _ in range(8)],
                         [5, 6, 6, 5, 7, 1, 7, 8])
        self.flush(redis, *listeners)
        self.assertEqual(self.result(hawser, "repeated"), 8)
        self.assertEqual(hawser.metric("hawser_cache_bus_gaps_total"), 0)

    def test_a_sequence_that_skips_is_a_gap(self):
        for action in ("close", "notify", "silent"):
            redis, (hawser,) = self.started(1, pubsub_gap=action)
            direct = self.client(redis)
            listener, other = self.subscriber(hawser), self.subscriber(hawser, channel="other")
            for sequence in (5, 6, 8, 9):
                direct("PUBLISH", CHANNEL, self.stamped(sequence))
                if sequence == 8 and action == "close":
                    break
            seen = []
            expected = {"close": [5, 6, 8, "closed"], "silent": [5, 6, 8, 9],
                        "notify": [5, 6, 8, "gap", 9]}[action]
            while len(seen) < len(expected):
                try:
                    frame = listener.read()
                except Closed:
                    seen.append("closed")
                    break
                is_gap = frame[1] == b"__hawser__:gap"
                seen.append("gap" if is_gap else json.loads(frame[2])["sequence"])
            self.assertEqual(seen, expected)
            self.assertEqual(hawser.metric("hawser_cache_bus_gaps_total"), 1)
            # Those who listen to something else have missed nothing.
            direct("PUBLISH", "other", "x")
            self.assertEqual(other.read(), [b"message", b"other", b"x"])
            self.assert_silent(other, 0.1)
            # Whoever comes now begins anew.
            late = self.subscriber(hawser)
            direct("PUBLISH", CHANNEL, self.stamped(10))
            self.assertEqual(json.loads(late.read()[2])["sequence"], 10)

    def test_the_connection_of_the_subscriptions_is_lost(self):
        redis, (hawser,) = self.started(1, pubsub_gap="notify")
        direct, listener = self.client(redis), self.subscriber(hawser)
        direct("PUBLISH", CHANNEL, self.stamped(5))
        self.assertEqual(json.loads(listener.read()[2])["sequence"], 5)
        self.assertEqual(direct("CLIENT", "KILL", "TYPE", "pubsub"), 1)
        self.assertEqual(listener.read()[1], b"__hawser__:gap")
        # What is missed tells nothing any more: the next message sets the start.
        for sequence in (9, 9, 10):
            direct("PUBLISH", CHANNEL, self.stamped(sequence))
        self.assertEqual([json.loads(listener.read()[2])["sequence"] for _ in range(2)], [9, 10])
        self.flush(redis, listener)

    def test_under_lost_connections_all_are_told_in_order_and_once(self):
        redis, hawsers = self.started(2, pubsub_gap="silent")
        control, listener = self.client(redis), self.subscriber(hawsers[1])
        is_over = threading.Event()

        def publish():
            client = self.client(hawsers[0])
            for i in range(400):
                self.assertEqual(client("CACHE.INVALIDATE", f"tag{i}"), 0)
            is_over.set()

        def kill():
            while not is_over.is_set():
                for line in control("CLIENT", "LIST").decode().splitlines():
                    if ":publisher" in line or ":main" in line and random.random() < 0.3:
                        control("CLIENT", "KILL", "ID", line.split()[0][3:])
                time.sleep(0.02)
        self.together(publish, kill)
        targets, last = [], 0
        for _ in range(400):
            told = json.loads(listener.read()[2])
            targets += told["target"]
            self.assertEqual(told["sequence"], last + 1)
            last = told["sequence"]
        self.assertEqual(targets, [f"tag{i}" for i in range(400)])
        self.assert_silent(listener)
        self.assertEqual(hawsers[1].metric("hawser_cache_bus_gaps_total"), 0)


class Listeners(BusCase):
    def test_those_that_do_not_read_or_die_delay_nobody(self):
        redis, hawsers = self.started(2, pubsub_output_hard="1MiB")
        client = self.client(hawsers[0])
        quick = [self.subscriber(server) for server in (*hawsers, redis)]
        stalled = [self.subscriber(hawsers[i % 2]) for i in range(4)]
        dying = [self.subscriber(hawsers[i % 2]) for i in range(40)]
        source, longest = "x" * 250000, 0.0
        for i in range(80):
            if dying:
                dying.pop().reset()
            client("SET", "k", 1)
            began = time.monotonic()
            client("PUBLISH", CHANNEL, message("keys", "k", source=source, n=i))
            self.assertIsNone(client("GET", "k"))
            for listener in quick:
                self.assert_told(listener, "keys", "k", n=i)
            longest = max(longest, time.monotonic() - began)
        self.assertLess(longest, 1)
        slow = "hawser_pubsub_slow_clients_closed_total"
        eventually(lambda: [h.metric(slow) for h in hawsers] == [2, 2], "the stalled are closed", 5)
        for listener in stalled:
            listener.close()

    def test_the_publisher_among_the_listeners(self):
        redis, (hawser,) = self.started(1)
        client = self.client(hawser, resp=3)
        client.raw(encode("SUBSCRIBE", CHANNEL) + encode("SET", "k", 1)
                   + encode("PUBLISH", CHANNEL, message("keys", "k")) + encode("GET", "k"))
        frames = [client.read() for _ in range(5)]
        replies = [frame for frame in frames if not isinstance(frame, list)]
        self.assertEqual(replies, ["OK", 1, None])
        told = [frame for frame in frames if isinstance(frame, list)]
        self.assertEqual([frame[0] for frame in told], [b"subscribe", b"message"])

    def test_many_publishers_at_once(self):
        redis, hawsers = self.started()
        listeners = [self.subscriber(server) for server in (*hawsers, redis)]

        def publish(which):
            client = self.client(hawsers[which % 2])
            for i in range(50):
                key = f"key:{which}:{i}"
                client("SET", key, 1)
                self.assertEqual(client("PUBLISH", CHANNEL, message("keys", key)), 3)
                self.assertIsNone(client("GET", key))
        self.together(*[lambda w=w: publish(w) for w in range(6)])
        for listener in listeners:
            seen = [json.loads(listener.read()[2]) for _ in range(300)]
            self.assertEqual(sorted(told["target"] for told in seen),
                             sorted(f"key:{w}:{i}" for w in range(6) for i in range(50)))
            for origin in {told["origin"] for told in seen}:
                self.assertEqual([t["sequence"] for t in seen if t["origin"] == origin],
                                 list(range(1, 151)))
        self.flush(redis, *listeners)


if __name__ == "__main__":
    unittest.main()
