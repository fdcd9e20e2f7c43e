"""Subscriptions: one upstream connection for all, handed to each as Redis would."""

import os
import threading
import time
import unittest

from case import HawserCase
from resp import Client, Closed, ErrorReply, Push, encode
from servers import Hawser, RedisServer, eventually


def message(channel, payload):
    return [b"message", channel, payload]


class PubSub(HawserCase):
    def subscriber(self, *channels, resp=2, command="SUBSCRIBE"):
        client = self.client()
        if resp == 3:
            client("HELLO", 3)
        client.send(command, *channels)
        for _ in channels:
            client.read()
        return client

    def numsub(self, channel):
        return self.direct()("PUBSUB", "NUMSUB", channel)[1]

    def test_any_number_of_subscribers_is_one_upstream(self):
        subscribers = [self.subscriber("many", resp=2 + i % 2) for i in range(50)]
        self.assertEqual(self.numsub("many"), 1)
        publisher = self.client()
        self.assertEqual(publisher("PUBLISH", "many", "x"), 1)  # As Redis counts.
        for client in subscribers:
            self.assertEqual(client.read(), message(b"many", b"x"))
        for client in subscribers[1:]:
            client.close()
        self.assertEqual(publisher("PUBLISH", "many", "y"), 1)
        self.assertEqual(subscribers[0].read(), message(b"many", b"y"))
        subscribers[0].close()
        eventually(lambda: self.numsub("many") == 0, "the last one has left")

    def test_ordinary_clients_subscribers_and_publishers_are_three_connections(self):
        clients = [self.client() for _ in range(60)]
        for i, client in enumerate(clients):
            self.assertEqual(client("SET", f"key{i}", i), "OK")
        subscribers = [self.subscriber(f"channel{i % 10}") for i in range(100)]
        publishers = [self.client() for _ in range(10)]
        for i, publisher in enumerate(publishers):
            self.assertEqual(publisher("PUBLISH", f"channel{i}", i), 1)
        for i, client in enumerate(subscribers):
            self.assertEqual(client.read(), message(b"channel%d" % (i % 10), b"%d" % (i % 10)))
        # RESP3 clients of other tests have a main connection of their own, until it is idle.
        self.assertEqual(sorted(set(self.upstream_names()) - {"pinned"}),
                         ["main", "publisher", "subscriber"])

    def test_acknowledgements_count_as_in_redis(self):
        for resp in (2, 3):
            seen = []
            for port in (self.redis.port, self.hawser.port):
                client = self.client(port)
                client("HELLO", resp)
                frames = []
                for words, count in [(("SUBSCRIBE", "a", "b", "a"), 3), (("PSUBSCRIBE", "a*"), 1),
                                     (("SSUBSCRIBE", "s"), 1), (("UNSUBSCRIBE", "a", "none"), 2),
                                     (("PUNSUBSCRIBE",), 1), (("UNSUBSCRIBE",), 1),
                                     (("UNSUBSCRIBE",), 1), (("SUNSUBSCRIBE",), 1),
                                     (("SUNSUBSCRIBE",), 1), (("PUNSUBSCRIBE", "x"), 1)]:
                    client.send(*words)
                    frames += [client.read() for _ in range(count)]
                seen.append((frames, [type(f) for f in frames]))
            self.assertEqual(seen[0], seen[1])

    def test_resp2_subscribers_may_do_what_redis_lets_them(self):
        seen = []
        for port in (self.redis.port, self.hawser.port):
            client = self.client(port)
            client("SUBSCRIBE", "modal")
            seen.append([client(*words) for words in [
                ("GET", "a"), ("CLIENT", "ID"), ("MULTI",), ("PING",), ("PING", "x"), ("NOSUCH", "a"),
                ("GET",), ("PING", "a", "b"), ("EXEC",), ("EXEC", "x"), ("HELLO", 3),
                ("OBJECT", "NOSUCH", "a"), ("CONFIG", "nosuch"), ("no\0such", "a\0b"),
                ("NOSUCH", "a" * 100, "b" * 100, "c"), ("n" * 200,), ("UNSUBSCRIBE", "modal"), ("GET", "none")]])
            self.assertEqual(client("SUBSCRIBE", "modal"), [b"subscribe", b"modal", 1])
            seen[-1] += [client("RESET"), client("GET", "none")]
            client("SUBSCRIBE", "modal")
            seen[-1] += [client("QUIT"), client.rest()]
        self.assertEqual(seen[0], seen[1])

    def test_acknowledgements_stand_at_their_place_among_replies(self):
        client = self.client()
        client("HELLO", 3)
        replies = client.pipeline(("SET", "k", 1), ("SUBSCRIBE", "place"), ("GET", "k"),
                                  ("UNSUBSCRIBE", "place"), ("GET", "k"))
        self.assertEqual(replies, ["OK", Push([b"subscribe", b"place", 1]), b"1",
                                   Push([b"unsubscribe", b"place", 0]), b"1"])

    def test_the_acknowledgement_of_unsubscribe_comes_behind_every_message_before_it(self):
        for i in range(50):
            client = self.client()
            client("HELLO", 3)
            client.raw(encode("SUBSCRIBE", "own") + encode("PUBLISH", "own", i)
                       + encode("UNSUBSCRIBE", "own") + encode("PING"))
            frames = [client.read() for _ in range(5)]
            # Where Redis has the number of receivers behind the message, hawser may have it before.
            self.assertEqual(sorted(frames[1:3], key=str), sorted([1, message(b"own", b"%d" % i)], key=str))
            self.assertEqual([frames[0]] + frames[3:],
                             [[b"subscribe", b"own", 1], [b"unsubscribe", b"own", 0], "PONG"])
            client.close()

    def test_after_unsubscribe_nobody_is_reached(self):
        client, publisher = self.client(), self.client()
        for _ in range(50):
            client("SUBSCRIBE", "left")
            self.assertEqual(client("UNSUBSCRIBE", "left"), [b"unsubscribe", b"left", 0])
            self.assertEqual(publisher("PUBLISH", "left", "x"), 0)

    def test_client_reply_does_not_hold_acknowledgements_back(self):
        for resp in (2, 3):
            seen = []
            for port in (self.redis.port, self.hawser.port):
                client = self.client(port)
                client("HELLO", resp)
                for words in [("CLIENT", "REPLY", "OFF"), ("SUBSCRIBE", "a", "b"), ("PSUBSCRIBE",),
                              ("UNSUBSCRIBE", "a", "none"), ("UNSUBSCRIBE", "b"), ("GET", "none"),
                              ("UNSUBSCRIBE",), ("CLIENT", "REPLY", "ON"),
                              ("CLIENT", "REPLY", "SKIP"), ("SUBSCRIBE", "a"), ("PING",)]:
                    client.send(*words)
                seen.append([client.read() for _ in range(8)])
            self.assertEqual(seen[0], seen[1])

    def test_numsub_of_names_that_fill_megabytes_is_answered(self):
        names = [b"%01000d" % i for i in range(3000)]
        self.subscriber(names[7])
        client = self.client()
        reply = client("PUBSUB", "NUMSUB", *names)
        self.assertEqual(reply, [part for i, name in enumerate(names) for part in (name, int(i == 7))])

    def test_subscribing_to_very_many_channels_delays_nobody(self):
        client, other = self.client(), self.client()
        count = 20000
        began = time.monotonic()
        # In pieces, for what is looked at here is the subscribing.
        for i in range(0, count, 1000):
            client.send("SUBSCRIBE", *[f"many:{n}" for n in range(i, i + 1000)])
        first = client.read()
        self.assertEqual(first, [b"subscribe", b"many:0", 1])
        while client.read()[2] < count:
            pass
        client.send("UNSUBSCRIBE")
        longest = 0
        while client.read()[2] > 0:
            pass
        client.send("SUBSCRIBE", *[f"many:{n}" for n in range(count)])
        waiting = threading.Thread(target=lambda: [client.read() for _ in range(count)])
        waiting.start()
        while waiting.is_alive():
            asked = time.monotonic()
            other("GET", "none")
            longest = max(longest, time.monotonic() - asked)
        self.assertLess(longest, 0.5)
        self.assertLess(time.monotonic() - began, 10)

    def test_one_message_for_the_channel_and_one_for_each_pattern(self):
        client = self.client()
        client("HELLO", 3)
        client("SUBSCRIBE", "multi")
        client("PSUBSCRIBE", "m*")
        client("PSUBSCRIBE", "*i")
        self.client()("PUBLISH", "multi", "x")
        frames = sorted([client.read() for _ in range(3)])
        self.assertEqual(frames, [message(b"multi", b"x"), [b"pmessage", b"*i", b"multi", b"x"],
                                  [b"pmessage", b"m*", b"multi", b"x"]])
        self.assertEqual(client("PING"), "PONG")

    def test_shard_channels_are_apart(self):
        client, other = self.subscriber("same", command="SSUBSCRIBE"), self.client()
        self.assertEqual(other("PUBLISH", "same", "x"), 0)
        self.assertEqual(other("SPUBLISH", "same", "y"), 1)
        self.assertEqual(client.read(), [b"smessage", b"same", b"y"])
        self.assertEqual(other("PUBSUB", "SHARDNUMSUB", "same"), [b"same", 1])

    def test_numsub_counts_clients(self):
        subscribers = [self.subscriber("counted") for _ in range(3)]
        outside = self.direct()
        outside("SUBSCRIBE", "counted")
        client = self.client()
        self.assertEqual(client("PUBSUB", "NUMSUB", "counted", "none"), [b"counted", 4, b"none", 0])
        self.assertIn(b"counted", client("PUBSUB", "CHANNELS"))
        self.assertEqual(client.pipeline(("WATCH", "w"), ("PUBSUB", "NUMSUB", "counted"),
                                         ("UNWATCH",)), ["OK", [b"counted", 4], "OK"])
        self.assertEqual(client("PUBSUB", "NUMPAT"), 0)
        subscribers[0]("UNSUBSCRIBE")
        self.assertEqual(client("PUBSUB", "NUMSUB", "counted"), [b"counted", 3])

    def test_no_message_tells_of_a_set_that_was_not_done(self):
        reader, check, writer = self.subscriber("order"), self.direct(), self.client()
        for i in range(300):
            if i % 3 == 0:
                writer.pipeline(("SET", "order", i), ("PUBLISH", "order", i))
            elif i % 3 == 1:
                writer.raw(b"*3\r\n$3\r\nSET\r\n$5\r\norder\r\n$%d\r\n%d\r\n" % (len(str(i)), i))
                writer.send("PUBLISH", "order", i)
                self.assertEqual((writer.read(), writer.read()), ("OK", 1))
            else:
                self.assertEqual(writer("SET", "order", i), "OK")
                self.assertEqual(writer("PUBLISH", "order", i), 1)
            self.assertEqual(reader.read(), message(b"order", b"%d" % i))
            self.assertGreaterEqual(int(check("GET", "order")), i)

    def test_large_messages_are_shared(self):
        subscribers = [self.subscriber("large") for _ in range(30)]
        value = os.urandom(1 << 20)
        used = []
        watching = threading.Event()

        def watch():
            while not watching.is_set():
                used.append(self.hawser.metric("hawser_buffer_bytes"))
        thread = threading.Thread(target=watch)
        thread.start()
        self.client()("PUBLISH", "large", value)
        for client in subscribers:
            self.assertEqual(client.read(), message(b"large", value))
        watching.set()
        thread.join()
        self.assertLess(max(used), 12 << 20)  # 30 copies would be 30 MiB.

    def test_messages_do_not_come_into_the_middle_of_a_long_reply(self):
        client, publisher = self.client(), self.client()
        value = os.urandom(4 << 20)
        client("HELLO", 3)
        client("SET", "long", value)
        client("SUBSCRIBE", "into")
        client.send("GET", "long")
        for i in range(200):
            publisher("PUBLISH", "into", i)
        frames = [client.read() for _ in range(201)]
        replies = [f for f in frames if not isinstance(f, Push)]
        self.assertEqual(replies, [value])
        self.assertEqual([f[2] for f in frames if isinstance(f, Push)],
                         [b"%d" % i for i in range(200)])

    def test_client_list_tells_what_clients_are_subscribed_to(self):
        self.subscriber("listed", "more")
        lines = self.client()("CLIENT", "LIST").decode().splitlines()
        self.assertEqual(sorted(" sub=2 psub=0 ssub=0 " in line for line in lines), [False, True])

    def test_subscribing_to_nothing_new_asks_nothing(self):
        first, second = self.subscriber("shared"), self.client()
        before = self.hawser.metric("hawser_pubsub_channels")
        self.assertEqual(second("SUBSCRIBE", "shared"), [b"subscribe", b"shared", 1])
        self.assertEqual(self.hawser.metric("hawser_pubsub_channels"), before)
        self.assertEqual(self.hawser.metric("hawser_pubsub_subscriptions"), 2)
        first.close()


class Users(HawserCase):
    def test_a_user_without_the_right_is_refused_though_another_is_subscribed(self):
        admin = self.direct()
        admin("ACL", "SETUSER", "limited", "on", ">pw", "~*", "+@all", "resetchannels", "&open")
        everybody = self.client()
        everybody("SUBSCRIBE", "closed")
        limited = self.client()
        limited("AUTH", "limited", "pw")
        direct = self.direct()
        direct("AUTH", "limited", "pw")
        for words in [("SUBSCRIBE", "closed"), ("SUBSCRIBE", "open", "closed")]:
            refused = limited(*words)
            self.assertIsInstance(refused, ErrorReply)
            self.assertEqual(refused, direct(*words))
        self.assertEqual(limited("PUBLISH", "closed", "x"), direct("PUBLISH", "closed", "x"))
        self.assertEqual(limited("GET", "none"), None)  # It is subscribed to nothing.
        self.assertEqual(limited("SUBSCRIBE", "open"), [b"subscribe", b"open", 1])
        self.assertEqual(self.upstream_names().count("subscriber"), 2)

    def test_subscribers_of_a_user_who_is_gone_are_closed_as_redis_does(self):
        admin = self.direct()
        for i, end in enumerate([("ACL", "DELUSER", "gone"), ("ACL", "SETUSER", "gone", "off"),
                                 ("ACL", "SETUSER", "gone", "resetpass", ">new")]):
            admin("ACL", "SETUSER", "gone", "reset", "on", ">pw", "~*", "+@all", "allchannels")
            client = self.client()
            self.assertEqual(client("AUTH", "gone", "pw"), "OK")
            self.assertEqual(client("SUBSCRIBE", f"gone:{i}"), [b"subscribe", b"gone:%d" % i, 1])
            admin(*end)
            admin("CLIENT", "KILL", "TYPE", "pubsub")
            self.assertEqual(client.rest(), b"")


class KeptUsers(Users):
    """The same where a gap in the messages is no reason to close clients."""
    settings = {"pubsub_gap": "silent"}


class SlowSubscribers(HawserCase):
    settings = {"pubsub_output_hard": "4MiB", "pubsub_output_soft": "1MiB",
                "pubsub_output_soft_time": "500ms"}

    def closed(self):
        return self.hawser.metric("hawser_pubsub_slow_clients_closed_total")

    def test_a_subscriber_that_does_not_read_is_closed_and_delays_nobody(self):
        slow, quick, publisher = Client(self.hawser.port), self.client(), self.client()
        for client in (slow, quick):
            client("SUBSCRIBE", "flood")
        payload = b"x" * (256 << 10)
        end = time.monotonic() + 20
        while self.closed() == 0 and time.monotonic() < end:
            began = time.monotonic()
            publisher("PUBLISH", "flood", payload)
            self.assertEqual(quick.read(), message(b"flood", payload))
            self.assertLess(time.monotonic() - began, 1)
        self.assertEqual(self.closed(), 1)
        slow.close()

    def test_short_messages_to_a_subscriber_that_does_not_read_hold_little_more_than_themselves(self):
        slow, publisher = Client(self.hawser.port), self.client()
        slow("SUBSCRIBE", "short")
        payload = b"x" * (64 << 10)
        while self.hawser.metric("hawser_buffer_bytes") == 0:  # Until the kernel takes no more.
            publisher("PUBLISH", "short", payload)
        before = self.hawser.metric("hawser_buffer_bytes")
        for _ in range(1000):
            publisher("PUBLISH", "short", "small")
        held = self.hawser.metric("hawser_buffer_bytes") - before
        self.assertLess(held, 256 << 10)  # 1000 messages of some 40 bytes.
        slow.close()


class Gap(unittest.TestCase):
    def started(self, **settings):
        redis = RedisServer()
        self.addCleanup(redis.stop)
        hawser = Hawser(redis, timeout_command="500ms", timeout_total="1s", **settings)
        self.addCleanup(hawser.stop)
        return redis, hawser

    def subscribe(self, hawser):
        client = Client(hawser.port)
        self.addCleanup(client.close)
        self.assertEqual(client("SUBSCRIBE", "gap"), [b"subscribe", b"gap", 1])
        return client

    def lose(self, redis, hawser):
        direct = Client(redis.port)
        direct("CLIENT", "KILL", "TYPE", "pubsub")
        eventually(lambda: hawser.metric("hawser_pubsub_gaps_total") == 1, "noticed", 5)
        eventually(lambda: hawser.upstream_connections("subscriber") == 1, "connected again", 5)
        direct.close()

    def test_close_is_the_signal_once_everything_is_subscribed_again(self):
        redis, hawser = self.started()
        client = self.subscribe(hawser)
        self.lose(redis, hawser)
        self.assertEqual(client.rest(), b"")

    def test_silent_says_nothing_and_messages_go_on(self):
        redis, hawser = self.started(pubsub_gap="silent")
        client, publisher = self.subscribe(hawser), Client(hawser.port)
        self.lose(redis, hawser)
        eventually(lambda: publisher("PUBSUB", "NUMSUB", "gap")[1] == 1, "subscribed again", 5)
        self.assertEqual(publisher("PUBLISH", "gap", "after"), 1)
        self.assertEqual(client.read(), message(b"gap", b"after"))
        publisher.close()

    def test_notify_is_a_message(self):
        redis, hawser = self.started(pubsub_gap="notify")
        client = self.subscribe(hawser)
        self.lose(redis, hawser)
        self.assertEqual(client.read(), message(b"__hawser__:gap", b"upstream connection lost"))

    def test_restart_of_redis_brings_every_subscription_back(self):
        redis, hawser = self.started(pubsub_gap="silent")
        clients = [self.subscribe(hawser) for _ in range(5)]
        redis.kill()
        newcomer = Client(hawser.port)
        began = time.monotonic()
        self.assertTrue(newcomer("SUBSCRIBE", "gap").startswith("PROXYDOWN"))
        self.assertLess(time.monotonic() - began, 1.5)
        redis.start()
        direct = Client(redis.port)
        eventually(lambda: direct("PUBSUB", "NUMSUB", "gap")[1] == 1, "subscribed again", 5)
        direct("PUBLISH", "gap", "back")
        for client in clients:
            self.assertEqual(client.read(), message(b"gap", b"back"))
        self.assertEqual(newcomer("GET", "none"), None)
        newcomer.close()
        direct.close()

    def test_a_connection_nobody_is_subscribed_on_is_closed_in_time(self):
        redis, hawser = self.started(contexts_idle="300ms")
        client = self.subscribe(hawser)
        self.assertEqual(hawser.upstream_connections("subscriber"), 1)
        client("UNSUBSCRIBE")
        eventually(lambda: hawser.upstream_connections("subscriber") == 0, "closed", 5)
        client = self.subscribe(hawser)
        time.sleep(0.6)
        publisher = Client(redis.port)
        self.assertEqual(publisher("PUBLISH", "gap", "x"), 1)
        self.assertEqual(client.read(), message(b"gap", b"x"))
        publisher.close()


if __name__ == "__main__":
    unittest.main()
