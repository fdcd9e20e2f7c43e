"""The circuit: opens when Redis is gone, refuses at once, closes when Redis is back."""

import json
import time
import unittest
import urllib.error
import urllib.request

from resp import Client, ErrorReply, Push
from servers import Hawser, RedisServer, eventually
from way import Way

STATE = b"__hawser__:state"


class CircuitCase(unittest.TestCase):
    def started(self, *redis_options, **settings):
        redis = RedisServer(*redis_options)
        self.addCleanup(redis.stop)
        options = {"timeout_command": "300ms", "timeout_connect": "300ms", "timeout_total": "600ms"}
        options.update(settings)
        hawser = Hawser(redis, **options)
        self.addCleanup(hawser.stop)
        return redis, hawser

    def client(self, server):
        client = Client(server.port)
        self.addCleanup(client.close)
        return client

    def wait_until(self, hawser, state):
        value = {"closed": 0, "half-open": 1, "open": 2}[state]
        series = next(line.rpartition(" ")[0] for line in hawser.get("/metrics")[1].splitlines()
                      if line.startswith("hawser_circuit_state{"))
        eventually(lambda: hawser.metric(series) == value, f"the circuit is {state}", 10)

    def post(self, hawser, path):
        request = urllib.request.Request(f"http://127.0.0.1:{hawser.admin}{path}", data=b"")
        return urllib.request.urlopen(request, timeout=5).status


class Circuit(CircuitCase):
    def test_opens_refuses_at_once_and_closes(self):
        redis, hawser = self.started()
        client = self.client(hawser)
        self.assertEqual(client("SET", "a", 1), "OK")
        redis.kill()
        self.wait_until(hawser, "open")
        for words in [("GET", "a"), ("SET", "a", 2), ("PUBLISH", "c", "x"), ("EVAL", "return 1", 0),
                      ("SUBSCRIBE", "c"), ("WATCH", "a"), ("MULTI",), ("AUTH", "no", "body"),
                      ("SELECT", 7), ("NOSUCH",), ("MONITOR",)]:
            other = self.client(hawser)
            began = time.monotonic()
            self.assertRegex(other(*words), r"^PROXYOPEN circuit open, command not executed, "
                             r"retry in [1-9]\d* ms \(ECONNREFUSED\)$", words)
            self.assertLess(time.monotonic() - began, 0.1, words)
        self.assertEqual(client("ECHO", "x"), b"x")
        self.assertEqual(client("PROXY", "HEALTH")[:2], [b"circuit", b"open"])
        self.assertEqual(hawser.get("/health/redis")[0], 503)
        redis.start()
        eventually(lambda: client("SET", "a", 3) == "OK", "works again", 1)
        self.assertEqual(hawser.get("/health/redis")[0], 200)
        self.assertEqual(hawser.metric('hawser_circuit_transitions_total{to="open"}'), 1)
        self.assertEqual(hawser.metric('hawser_circuit_transitions_total{to="closed"}'), 1)
        lines = [json.loads(line) for line in hawser.log().splitlines() if '"circuit ' in line]
        self.assertEqual([line["msg"] for line in lines],
                         ["circuit open", "circuit half-open", "circuit closed"])

    def test_a_frozen_redis_opens_it_and_is_found_when_it_goes_on(self):
        redis, hawser = self.started()
        client = self.client(hawser)
        client("SET", "a", 1)
        redis.freeze()
        deadline = time.monotonic() + 10
        while not client("GET", "a").startswith("PROXYOPEN"):
            self.assertLess(time.monotonic(), deadline)
        redis.thaw()
        eventually(lambda: client("GET", "a") == b"1", "works again", 1)

    def test_a_silent_redis_is_noticed_though_nobody_asks_it_anything(self):
        redis, hawser = self.started(reconnect_ping="200ms")
        client = self.client(hawser)
        client("SET", "a", 1)
        redis.freeze()
        self.wait_until(hawser, "open")
        redis.thaw()
        self.wait_until(hawser, "closed")
        self.assertEqual(client("GET", "a"), b"1")

    def test_idle_connections_that_answer_stay(self):
        redis, hawser = self.started(reconnect_ping="100ms")
        client, subscriber = self.client(hawser), self.client(hawser)
        client("PUBLISH", "x", 1)
        subscriber("SUBSCRIBE", "c")
        before = sorted(line.split()[0] for line in self.client(redis)("CLIENT", "LIST").decode()
                        .splitlines() if "name=hawser" in line)
        time.sleep(1.5)
        after = sorted(line.split()[0] for line in self.client(redis)("CLIENT", "LIST").decode()
                       .splitlines() if "name=hawser" in line)
        self.assertEqual(before, after)
        self.assertGreater(json.loads(hawser.get("/health/redis")[1])["latency_ms"], 0)
        self.assertEqual(hawser.metric("hawser_upstream_swallowed_replies_total"), 0)
        client("PUBLISH", "c", "m")
        self.assertEqual(subscriber.read(), [b"message", b"c", b"m"])

    def test_errors_of_a_loading_redis_open_it_and_other_errors_do_not(self):
        redis, hawser = self.started("--replica-serve-stale-data", "no", retry_max=0)
        client = self.client(hawser)
        for _ in range(100):
            self.assertIsInstance(client("INCRBY", "a", "x"), ErrorReply)
        self.assertEqual(hawser.metric('hawser_circuit_transitions_total{to="open"}'), 0)
        self.client(redis)("REPLICAOF", "127.0.0.1", 1)
        for _ in range(200):
            if client("GET", "a").startswith("PROXYOPEN"):
                break
        self.wait_until(hawser, "open")
        time.sleep(1)  # PING is refused as well: it stays open.
        self.assertTrue(client("GET", "a").startswith("PROXYOPEN"))
        self.client(redis)("REPLICAOF", "NO", "ONE")
        eventually(lambda: client("GET", "a") is None, "works again", 1)

    def test_the_operator_holds_it(self):
        redis, hawser = self.started()
        client = self.client(hawser)
        self.assertEqual(self.post(hawser, "/circuit/open"), 200)
        eventually(lambda: str(client("GET", "a")).startswith("PROXYOPEN"), "open", 2)
        time.sleep(1)
        self.assertTrue(client("GET", "a").startswith("PROXYOPEN"))
        self.assertEqual(self.post(hawser, "/circuit/auto"), 200)
        eventually(lambda: client("GET", "a") is None, "works again", 2)
        self.assertEqual(self.post(hawser, "/circuit/close"), 200)
        redis.kill()
        time.sleep(1)
        self.assertTrue(client("GET", "a").startswith("PROXYDOWN"))
        redis.start()
        eventually(lambda: client("GET", "a") is None, "works again", 2)
        with self.assertRaises(urllib.error.HTTPError):
            urllib.request.urlopen(f"http://127.0.0.1:{hawser.admin}/circuit/open", timeout=5)

    def test_after_closing_requests_ramp_up(self):
        redis, hawser = self.started()
        clients = [self.client(hawser) for _ in range(100)]
        redis.kill()
        self.wait_until(hawser, "open")
        redis.start()
        self.wait_until(hawser, "closed")
        for client in clients:
            client.send("INCR", "n")
        self.assertEqual(sorted(client.read() for client in clients), list(range(1, 101)))


class Refused(CircuitCase):
    """The user or the database of the URL is refused: that is no ill health of Redis."""

    def test_it_closes_though_the_user_of_the_url_may_not_log_in(self):
        redis, hawser = self.started("--user", "ann", "on", ">pw", "~*", "+@all")
        client = self.client(hawser)
        self.assertEqual(client("AUTH", "ann", "pw"), "OK")
        self.assertEqual(client("SET", "a", 1), "OK")
        redis.kill()
        self.wait_until(hawser, "open")
        redis.options += ("--requirepass", "other")
        redis.start()
        eventually(lambda: client("SET", "a", 2) == "OK", "works again", 2)
        self.assertTrue(self.client(hawser)("GET", "a").startswith("PROXYDOWN"))

    def test_a_database_that_is_gone_is_not_asked_for_in_a_loop(self):
        redis = RedisServer()
        self.addCleanup(redis.stop)
        hawser = Hawser(f"redis://127.0.0.1:{redis.port}/5")
        self.addCleanup(hawser.stop)
        client = self.client(hawser)
        self.assertEqual(client("SELECT", 0), "OK")
        redis.kill()
        self.wait_until(hawser, "open")
        redis.options += ("--databases", "1")
        redis.start()
        eventually(lambda: client("SET", "a", 2) == "OK", "works again", 2)
        time.sleep(2)
        info = self.client(redis)("INFO", "stats").decode()
        made = int(info.split("total_connections_received:")[1].split()[0])
        self.assertLess(made, 15)

    def test_the_home_connection_stays_open_and_has_a_place_of_its_own(self):
        redis, hawser = self.started(contexts_max=1, contexts_idle="100ms")
        client = self.client(hawser)
        time.sleep(0.5)  # It is idle, and not closed.
        self.assertEqual(hawser.upstream_connections("main"), 1)
        self.assertTrue(client("SELECT", 1).startswith("PROXYFULL"))
        redis.kill()
        self.wait_until(hawser, "open")
        redis.start()
        eventually(lambda: client("SET", "a", 3) == "OK", "works again", 2)


class Telling(CircuitCase):
    def states(self, client, count):
        return [json.loads(client.read()[2])["state"] for _ in range(count)]

    def test_clients_hear_of_each_transition_and_are_told_before_the_gap_closes_them(self):
        redis, hawser = self.started()
        only, both, resp3 = self.client(hawser), self.client(hawser), self.client(hawser)
        self.assertEqual(only("SUBSCRIBE", STATE), [b"subscribe", STATE, 1])
        resp3("HELLO", 3)
        resp3("SUBSCRIBE", STATE)
        both.send("SUBSCRIBE", STATE, "c")
        self.assertEqual([both.read(), both.read()],
                         [[b"subscribe", STATE, 1], [b"subscribe", b"c", 2]])
        for client in (only, both, resp3):
            self.assertEqual(self.states(client, 1), ["closed"])
        redis.kill()
        message = only.read()
        self.assertEqual(message[:2], [b"message", STATE])
        told = json.loads(message[2])
        self.assertEqual(told["state"], "open")
        self.assertEqual(told["reason"], "no connection could be opened")
        self.assertRegex(told["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        late = self.client(hawser)
        self.assertEqual(late("SUBSCRIBE", STATE), [b"subscribe", STATE, 1])
        self.assertEqual(self.states(late, 1), ["open"])
        redis.start()
        self.assertEqual(self.states(only, 2), ["half-open", "closed"])
        self.assertEqual(self.states(both, 3), ["open", "half-open", "closed"])
        self.assertEqual(both.rest(), b"")  # Closed: it may have missed messages on c.
        push = resp3.read()
        self.assertIsInstance(push, Push)
        self.assertEqual(only("PING"), [b"pong", b""])
        self.assertEqual(only("UNSUBSCRIBE"), [b"unsubscribe", STATE, 0])
        self.assertEqual(only("GET", "a"), None)

    def test_it_needs_no_connection_upstream(self):
        redis, hawser = self.started()
        client = self.client(hawser)
        client("SUBSCRIBE", STATE)
        client.read()
        self.assertEqual(hawser.upstream_connections("subscriber"), 0)
        self.assertEqual(self.client(hawser)("PUBSUB", "NUMSUB", STATE), [STATE, 1])

    def test_subscriptions_are_back_before_requests_are(self):
        redis, hawser = self.started(pubsub_gap="silent")
        subscriber, client = self.client(hawser), self.client(hawser)
        subscriber("SUBSCRIBE", "c")
        for _ in range(3):
            redis.kill()
            self.wait_until(hawser, "open")
            redis.start()
            eventually(lambda: client("PUBLISH", "c", "x") == 1 or self.fail_if_zero(client),
                       "published", 3)
            self.assertEqual(subscriber.read(), [b"message", b"c", b"x"])

    def fail_if_zero(self, client):
        reply = client("PUBLISH", "nobody", "x")
        self.assertNotEqual(reply, 1)
        return False


class Degradation(CircuitCase):
    def test_reads_are_misses_and_writes_are_dropped_where_the_operator_wants_it(self):
        redis, hawser = self.started(degrade_miss="cache:*,list:*", degrade_drop="cache:*")
        client, direct = self.client(hawser), self.client(redis)
        for key in ("cache:a", "cache:b", "cache:c", "other"):
            client("SET", key, "old")
        self.assertEqual(client("GET", "cache:a"), b"old")
        self.assertEqual(self.post(hawser, "/circuit/open"), 200)
        self.wait_until(hawser, "open")
        self.assertEqual(client.pipeline(("GET", "cache:a"), ("MGET", "cache:a", "list:1"),
                                         ("EXISTS", "cache:a"), ("TTL", "cache:a"),
                                         ("HGETALL", "list:x"), ("STRLEN", "cache:a")),
                         [None, [None, None], 0, -2, [], 0])
        self.assertEqual(client.pipeline(("SET", "cache:a", "new"), ("DEL", "cache:b"),
                                         ("EXPIRE", "cache:z", 5), ("UNLINK", "cache:y")),
                         ["OK", 0, 0, 0])
        for words in [("GET", "other"), ("MGET", "cache:a", "other"), ("SET", "list:1", "x"),
                      ("SET", "cache:a", "x", "NX"), ("INCR", "cache:n"), ("LPUSH", "cache:l", 1),
                      ("DEL", "cache:a", "other"), ("EVAL", "return 1", 0), ("PUBLISH", "c", 1)]:
            self.assertTrue(client(*words).startswith("PROXYOPEN"), words)
        replies = client.pipeline(("MULTI",), ("SET", "cache:a", "x"), ("EXEC",))
        self.assertFalse([r for r in replies if not isinstance(r, ErrorReply)])
        self.assertEqual(hawser.metric("hawser_drop_journal_keys"), 4)
        self.assertEqual(self.post(hawser, "/circuit/auto"), 200)
        self.wait_until(hawser, "closed")
        self.assertEqual(client.pipeline(("GET", "cache:a"), ("GET", "cache:b"), ("GET", "cache:c"),
                                         ("GET", "other")), [None, None, b"old", b"old"])
        self.assertEqual(direct("EXISTS", "cache:a", "cache:b"), 0)
        self.assertEqual(hawser.metric("hawser_drop_journal_keys"), 0)
        self.assertEqual(hawser.metric('hawser_degraded_total{action="drop"}'), 4)

    def test_a_full_journal_empties_the_whole_pattern(self):
        redis, hawser = self.started(degrade_drop="cache:*", degrade_journal_keys=5)
        client, direct = self.client(hawser), self.client(redis)
        direct.pipeline(*[("SET", f"cache:{i}", "old") for i in range(3000)], ("SET", "other", 1))
        self.post(hawser, "/circuit/open")
        self.wait_until(hawser, "open")
        for i in range(20):
            self.assertEqual(client("SET", f"cache:{i}", "new"), "OK")
        self.assertEqual(hawser.metric("hawser_drop_journal_flushes"), 1)
        self.post(hawser, "/circuit/auto")
        # Whatever is read, it is never what was overwritten.
        seen = set()
        deadline = time.monotonic() + 10
        while hawser.metric("hawser_drop_journal_flushes") > 0:
            seen.add(client("GET", "cache:1"))
            self.assertLess(time.monotonic(), deadline)
        self.assertNotIn(b"old", seen)
        self.assertEqual(direct("KEYS", "*"), [b"other"])

    def test_without_rules_nothing_is_answered(self):
        redis, hawser = self.started()
        client = self.client(hawser)
        self.post(hawser, "/circuit/open")
        self.wait_until(hawser, "open")
        self.assertTrue(client("GET", "a").startswith("PROXYOPEN"))


class Moved(CircuitCase):
    """The address leads to another server after a failover."""

    def test_the_new_primary_is_found_and_the_write_is_not_lost(self):
        old, new = RedisServer(), RedisServer()
        self.addCleanup(old.stop)
        self.addCleanup(new.stop)
        path = f"/tmp/hawser-moved-{old.port}.sock"
        way = Way(old.port, path=path)
        self.addCleanup(way.stop)
        hawser = Hawser(f"unix://{path}")
        self.addCleanup(hawser.stop)
        client = self.client(hawser)
        self.assertEqual(client("SET", "a", 1), "OK")
        self.client(new)("SET", "a", 1)
        way.target = new.port  # New connections only.
        self.client(old)("REPLICAOF", "127.0.0.1", new.port)
        self.assertEqual(client("INCR", "a"), 2)
        self.assertEqual(self.client(new)("GET", "a"), b"2")

    def test_a_replica_without_another_primary_says_so(self):
        redis, hawser = self.started()
        client = self.client(hawser)
        other = RedisServer()
        self.addCleanup(other.stop)
        self.client(redis)("REPLICAOF", "127.0.0.1", other.port)
        for _ in range(5):
            self.assertTrue(client("SET", "a", 1).startswith("READONLY"))
        self.assertIsNone(client("GET", "a"))
        self.assertEqual(hawser.metric('hawser_circuit_transitions_total{to="open"}'), 0)


if __name__ == "__main__":
    unittest.main()
