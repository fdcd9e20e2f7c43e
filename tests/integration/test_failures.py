"""Redis killed, frozen, restarted, absent: an answer in time, and only true ones."""

import time
import unittest

from resp import Client, ErrorReply
from servers import Hawser, RedisServer, eventually

LOST = "PROXYLOST upstream connection lost, outcome unknown"
LARGE = 1100000  # Over lanes.large_request: has a connection of its own.
DOWN = "PROXYDOWN no upstream connection, command not executed (ECONNREFUSED)"


class Failures(unittest.TestCase):
    def setUp(self):
        self.redis = RedisServer()
        self.addCleanup(self.redis.stop)
        self.hawser = Hawser(self.redis, timeout_command="700ms", timeout_total="1s",
                             timeout_connect="500ms")
        self.clients = []

    def tearDown(self):
        for client in self.clients:
            client.close()
        eventually(self.hawser.at_rest, "nothing is left", 10)
        self.assertEqual(self.hawser.stop(), 0)

    def client(self):
        self.clients.append(Client(self.hawser.port))
        return self.clients[-1]

    def direct(self):
        self.clients.append(Client(self.redis.port))
        return self.clients[-1]

    def busy_redis(self, seconds):
        """Redis is in the middle of a command of somebody else."""
        blocker = self.direct()
        blocker.send("DEBUG", "SLEEP", seconds)
        time.sleep(0.05)  # Until Redis has read it; there is nothing to be seen from outside.

    def test_killed_with_requests_in_flight_says_outcome_unknown(self):
        client = self.client()
        client("SET", "a", 1)
        self.busy_redis(0.5)
        client.send("INCR", "a")
        eventually(lambda: self.hawser.metric("hawser_commands_in_flight") == 1, "in flight")
        self.redis.kill()
        self.assertEqual(client.read(), LOST)

    def test_works_again_within_a_second_of_redis_being_back(self):
        client = self.client()
        self.assertEqual(client("SET", "a", 1), "OK")
        self.redis.kill()
        # It waits for a connection, until the circuit opens.
        self.assertRegex(client("SET", "a", 2), "^PROXYOPEN .* command not executed")
        self.redis.start()
        eventually(lambda: client("SET", "a", 3) == "OK", "works again", 1)

    def test_frozen_redis_is_answered_in_time_and_late_replies_are_swallowed(self):
        client, other = self.client(), self.client()
        client("SET", "n", 10)
        self.redis.freeze()
        began = time.monotonic()
        client.send("INCR", "n")
        other.send("GET", "n")
        first, second = client.read(), other.read()
        self.assertLess(time.monotonic() - began, 1.3)
        self.assertEqual(first, "PROXYTIMEOUT no reply within 700 ms, outcome unknown")
        self.assertIsInstance(second, ErrorReply)
        self.redis.thaw()
        self.assertEqual(eventually(lambda: client("ECHO", "mine") == b"mine", "answers", 3), True)
        for i in range(50):
            self.assertEqual(client("ECHO", i), str(i).encode())
            self.assertEqual(other("ECHO", -i), str(-i).encode())

    def test_a_later_write_is_not_overtaken_by_one_left_on_the_lost_connection(self):
        client = self.client()
        client("SET", "k", "start")
        for _ in range(5):
            self.redis.freeze()
            old = client.pipeline(*[("SET", "k", "old" + "x" * 100000) for _ in range(10)])
            self.assertTrue(all(isinstance(r, ErrorReply) for r in old), old[0])
            client.send("SET", "k", "new")
            self.redis.thaw()
            if client.read() == "OK":
                self.assertEqual(client("GET", "k"), b"new")
                time.sleep(0.1)  # What the old connection held would have run by now.
                self.assertEqual(client("GET", "k"), b"new")

    def test_a_subscriber_of_a_frozen_redis_is_not_left_without_an_answer(self):
        client = self.client()
        self.assertEqual(client("SUBSCRIBE", "channel"), [b"subscribe", b"channel", 1])
        self.redis.freeze()
        began = time.monotonic()
        self.assertEqual(client("SUBSCRIBE", "more"), DOWN)
        self.assertLess(time.monotonic() - began, 1.3)
        self.redis.thaw()

    def test_questions_about_passwords_take_few_connections_and_all_are_answered(self):
        clients = [self.client() for _ in range(40)]
        clients[0]("PING")
        self.redis.freeze()
        for i, client in enumerate(clients):
            client.send("AUTH", "unknown", f"password{i}")
        time.sleep(0.3)
        self.assertIn(self.hawser.upstream_connections("control"), range(1, 5))
        self.assertEqual({str(client.read()) for client in clients}, {DOWN})
        self.redis.thaw()
        self.assertIn("WRONGPASS", str(clients[0]("AUTH", "unknown", "password")))

    def test_a_stream_of_a_frozen_redis_is_not_left_without_an_answer(self):
        client = self.client()
        self.assertEqual(client("MONITOR"), "OK")
        self.redis.freeze()
        began = time.monotonic()
        client.send("PING")
        self.assertNotIn(b"PONG", client.rest())  # It is closed.
        self.assertLess(time.monotonic() - began, 1.3)
        self.redis.thaw()

    def test_after_a_restart_nobody_elses_connections_are_killed(self):
        for _ in range(20):
            client = self.client()
            client.send("BLPOP", "none", 0)
        eventually(lambda: self.hawser.metric("hawser_pinned_in_use") == 20, "blocked")
        self.redis.kill()
        self.redis.start()
        strangers = [self.direct() for _ in range(30)]  # With the ids of those that were lost.
        time.sleep(1.5)
        self.assertEqual({s("PING") for s in strangers}, {"PONG"})

    def test_a_user_that_is_gone_holds_nobody_up(self):
        direct = self.direct()
        direct("ACL", "SETUSER", "alice", "on", ">pw", "~*", "+@all")
        client, other = self.client(), self.client()
        client("AUTH", "alice", "pw")
        client("SET", "mine", 1)
        other("SET", "big", "x" * LARGE)
        self.redis.freeze()
        other.send("SET", "k", "old" + "x" * LARGE)
        self.assertIsInstance(client("SET", "mine", 2), ErrorReply)
        self.assertIsInstance(other.read(), ErrorReply)
        self.redis.thaw()
        self.direct()("ACL", "DELUSER", "alice")
        eventually(lambda: other("SET", "k", "new") == "OK", "goes on", 4)
        self.assertEqual(client("AUTH", "default", "nopass"), "OK")
        eventually(lambda: client("SET", "mine", 3) == "OK", "goes on", 4)

    def test_what_arrives_behind_a_held_request_is_answered_too(self):
        client = self.client()
        client("SET", "big", "x" * LARGE)
        self.redis.freeze()
        self.assertIsInstance(client("SET", "k", "old" + "x" * LARGE), ErrorReply)
        whole = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"
        client.raw(whole + whole[:10])
        self.assertEqual(client.read(), DOWN)
        client.raw(whole[10:])
        self.assertEqual(client.read(), DOWN)
        self.redis.thaw()

    def after_a_time_out(self, first, second):
        """Redis hangs during `first` and goes on with `second` sent: which of them ran last."""
        client = self.client()
        client("SET", "big", "x" * LARGE)  # Opens a pinned connection.
        for _ in range(3):
            self.redis.freeze()
            self.assertIsInstance(client("SET", "k", first), ErrorReply)
            client.send("SET", "k", second)
            time.sleep(0.1)
            self.redis.thaw()
            self.assertEqual(client.read(), "OK")
            time.sleep(0.2)  # What the old connection held would have run by now.
            self.assertEqual(self.direct()("GET", "k")[:3], b"new")

    def test_a_later_write_is_not_overtaken_by_one_left_on_a_pinned_connection(self):
        self.after_a_time_out("old" + "x" * LARGE, "new")

    def test_a_later_write_on_a_pinned_connection_is_not_overtaken(self):
        self.after_a_time_out("old", "new" + "x" * LARGE)

    def test_what_waits_for_an_earlier_request_to_be_settled_is_answered_in_time(self):
        client = self.client()
        client("SET", "big", "x" * LARGE)
        self.redis.freeze()
        self.assertIsInstance(client("SET", "k", "old" + "x" * LARGE), ErrorReply)
        began = time.monotonic()
        self.assertEqual(client.pipeline(("SET", "k", 1), ("GET", "k")), [DOWN, DOWN])
        self.assertLess(time.monotonic() - began, 1.2)
        self.redis.thaw()
        eventually(lambda: client("SET", "k", 2) == "OK", "settled", 3)
        self.assertEqual(client("GET", "k"), b"2")

    def test_a_pinned_connection_that_timed_out_is_killed(self):
        client, direct = self.client(), self.direct()
        client("SET", "big", "x" * LARGE)
        self.redis.freeze()
        client.send("BLPOP", "list", "0.1")
        client.read()
        client.close()
        self.redis.thaw()
        eventually(lambda: b"cmdstat_client|kill:calls=" in direct("INFO", "commandstats"),
                   "CLIENT KILL ID", 5)
        self.assertEqual(direct("RPUSH", "list", "element"), 1)
        time.sleep(0.2)
        self.assertEqual(direct("LLEN", "list"), 1)

    def test_the_lost_connections_id_is_killed_by_its_successor(self):
        client, direct = self.client(), self.direct()
        client("SET", "a", 1)
        self.redis.freeze()
        client("INCR", "a")
        self.redis.thaw()
        eventually(lambda: b"cmdstat_client|kill:calls=1" in direct("INFO", "commandstats"),
                   "CLIENT KILL ID", 5)

    def test_connections_cut_by_the_server_are_opened_again(self):
        client = self.client()
        client("SET", "a", 1)
        self.direct()("CLIENT", "KILL", "TYPE", "normal")
        self.assertIn(client("GET", "a"), [b"1", LOST])
        self.assertEqual(client("GET", "a"), b"1")
        self.assertGreaterEqual(self.hawser.metric("hawser_upstream_reconnects_total"), 1)

    def test_nothing_is_executed_twice(self):
        client = self.client()
        client("SET", "n", 0)
        acknowledged = unknown = 0
        for _ in range(4):
            client.raw(b"".join([b"*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n"] * 300))
            self.direct()("CLIENT", "KILL", "TYPE", "normal")
            for _ in range(300):
                reply = client.read()
                acknowledged += isinstance(reply, int)
                unknown += reply == LOST
        value = int(client("GET", "n"))
        self.assertGreaterEqual(value, acknowledged)
        self.assertLessEqual(value, acknowledged + unknown)

    def test_the_last_info_is_served_while_redis_is_away(self):
        client = self.client()
        live = client("INFO")
        self.assertNotIn(b"# Hawser", live)
        self.redis.kill()
        eventually(lambda: b"# Hawser" in client("INFO"), "the copy is served", 3)
        copy = client("INFO")
        self.assertIn(b"loading:0", copy)
        self.assertIn(b"redis_version:", copy)
        self.assertTrue(client("INFO", "commandstats").startswith("PROXY"))

    def test_blocking_requests_are_parked_while_redis_is_away(self):
        forever, timed = self.client(), self.client()
        timed("SET", "a", 1)
        self.redis.kill()
        forever.send("BLPOP", "list", 0)
        for _ in range(3):
            began = time.monotonic()
            self.assertIsNone(timed("BLPOP", "nothing", 0.3))
            self.assertGreater(time.monotonic() - began, 0.29)
            self.assertLess(time.monotonic() - began, 0.8)
        self.assertRegex(timed("WATCH", "a"), "^PROXYOPEN")
        timed.send("BLPOP", "other", 5)
        self.redis.start()
        pusher = self.direct()
        eventually(lambda: pusher("INFO", "clients").find(b"blocked_clients:2") > 0, "blocked", 3)
        pusher("RPUSH", "list", "x")
        pusher("RPUSH", "other", "y")
        self.assertEqual(forever.read(), [b"list", b"x"])
        self.assertEqual(timed.read(), [b"other", b"y"])

    def test_a_worker_whose_request_was_lost_is_answered_in_its_own_time(self):
        client = self.client()
        client.send("BLPOP", "nothing", 0)
        eventually(lambda: self.hawser.metric("hawser_pinned_in_use") == 1, "blocked", 5)
        self.redis.kill()
        self.assertEqual(client.read(), LOST)
        began = time.monotonic()
        client("BLPOP", "nothing", 0.3)
        self.assertLess(time.monotonic() - began, 0.8)
        self.redis.start()

    def test_blocked_client_is_told_of_the_loss(self):
        client = self.client()
        client.send("BLPOP", "nothing", 0)
        eventually(lambda: self.hawser.metric("hawser_pinned_in_use") == 1, "blocked", 5)
        self.redis.kill()
        self.assertEqual(client.read(), LOST)


class WithoutRedis(unittest.TestCase):
    def test_hawser_starts_and_answers_and_connects_when_redis_comes(self):
        redis = RedisServer(start=False)
        self.addCleanup(redis.stop)
        hawser = Hawser(redis, timeout_total="600ms", timeout_connect="300ms",
                        timeout_command="500ms")
        client = Client(hawser.port)
        began = time.monotonic()
        self.assertEqual(client("ECHO", "x"), b"x")
        self.assertEqual(client("CLIENT", "SETNAME", "me"), "OK")
        self.assertLess(time.monotonic() - began, 0.3)
        self.assertEqual(client("HELLO", 3)[b"version"], b"7.0.0")
        self.assertLess(time.monotonic() - began, 1)
        for words in [("SET", "a", 1), ("PING",), ("INFO",), ("EVAL", "return 1", 0)]:
            began = time.monotonic()
            self.assertIn(client(*words).split()[0], ("PROXYDOWN", "PROXYOPEN"), words)
            self.assertLess(time.monotonic() - began, 0.9, words)
        self.assertEqual(hawser.get("/readyz")[0], 200)
        self.assertEqual(hawser.get("/health/redis")[0], 503)
        redis.start()
        eventually(lambda: client("SET", "a", 1) == "OK", "connects", 3)
        self.assertEqual(hawser.get("/health/redis")[0], 200)
        client.close()
        self.assertEqual(hawser.stop(), 0)


if __name__ == "__main__":
    unittest.main()
