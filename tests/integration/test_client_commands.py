"""CLIENT LIST, KILL, PAUSE and UNPAUSE are about hawser's clients; Redis decides who may use them."""

import collections
import time
import unittest

from case import HawserCase
from resp import Client, ErrorReply
from servers import Hawser, RedisServer, eventually
from way import Way


def fields(line):
    return dict(field.split("=", 1) for field in line.split())


def listed(client, *words):
    reply = client("CLIENT", "LIST", *words)
    text = reply.decode()
    return {int(one["id"]): one for one in map(fields, text.splitlines())}


class Listing(HawserCase):
    unix = True

    def test_list_tells_of_hawsers_clients_and_only_of_them(self):
        asker, other = self.client(), self.client()
        other("SELECT", 3)
        other("CLIENT", "SETNAME", "worker")
        other("HELLO", 3)
        all_of_them = listed(asker)
        one = all_of_them[other("CLIENT", "ID")]
        address = "%s:%d" % other.socket.getsockname()
        self.assertEqual((one["addr"], one["laddr"], one["name"], one["db"], one["resp"]),
                         (address, f"127.0.0.1:{self.hawser.port}", "worker", "3", "3"))
        self.assertEqual((one["user"], one["flags"], one["cmd"]), ("default", "N", "hello"))
        self.assertEqual(all_of_them[asker("CLIENT", "ID")]["cmd"], "client|list")
        self.assertFalse([each for each in all_of_them.values() if "hawser" in each["name"]])

    def test_list_by_id_and_type(self):
        asker, other, subscriber = self.client(), self.client(), self.client()
        ids = [each("CLIENT", "ID") for each in (asker, other, subscriber)]
        subscriber("SUBSCRIBE", "news")
        self.assertEqual(list(listed(asker, "ID", ids[1], 10**15)), [ids[1]])
        self.assertEqual(list(listed(asker, "TYPE", "pubsub")), [ids[2]])
        self.assertNotIn(ids[2], listed(asker, "TYPE", "normal"))
        self.assertEqual(listed(asker, "TYPE", "replica"), {})
        self.assertEqual(listed(asker)[ids[2]]["sub"], "1")

    def test_a_client_on_the_socket_and_one_that_blocks_are_marked(self):
        asker, local, blocked = self.client(), self.client(self.hawser.socket), self.client()
        ids = [each("CLIENT", "ID") for each in (local, blocked)]
        blocked.send("BLPOP", "nothing", 0)
        eventually(lambda: listed(asker)[ids[1]]["flags"] == "b", "it blocks")
        one = listed(asker)[ids[0]]
        self.assertEqual((one["flags"], one["addr"]), ("U", self.hawser.socket + ":0"))
        self.assertEqual(asker("LPUSH", "nothing", "x"), 1)
        self.assertEqual(blocked.read(), [b"nothing", b"x"])

    def test_inside_a_transaction(self):
        client = self.client()
        replies = client.pipeline(("MULTI",), ("CLIENT", "LIST"), ("SET", "in", "1"),
                                  ("CLIENT", "KILL", "ID", 10**15), ("EXEC",))
        self.assertEqual(replies[:4], ["OK", "QUEUED", "QUEUED", "QUEUED"])
        self.assertIn(b"id=%d " % client("CLIENT", "ID"), replies[4][0])
        self.assertEqual(replies[4][1:], ["OK", 0])

    def test_what_is_badly_said_has_redis_words(self):
        client, direct = self.client(), self.direct()
        for words in [("LIST", "x"), ("LIST", "TYPE"), ("LIST", "TYPE", "x"), ("LIST", "ID"),
                      ("LIST", "ID", "x"), ("LIST", "ID", "1", "x"), ("LIST", "TYPE", "pubsub", "x"),
                      ("KILL",), ("KILL", "x"), ("KILL", "1.2.3.4:5"), ("KILL", "ID", "0"),
                      ("KILL", "ID", "x"), ("KILL", "ID", "1", "x"), ("KILL", "TYPE", "x"),
                      ("KILL", "USER", "nobody"), ("KILL", "SKIPME", "x"), ("KILL", "X", "1"),
                      ("KILL", "ADDR", "1.2.3.4:5", "ID"), ("KILL", "ID", 10**15),
                      ("KILL", "MAXAGE", "1"), ("PAUSE",), ("PAUSE", "x"), ("PAUSE", "-1"),
                      ("PAUSE", "1", "x"), ("PAUSE", "0"), ("PAUSE", "99999999999999999999"),
                      ("UNPAUSE", "x"), ("UNPAUSE",), ("KILL", "TYPE", "master")]:
            self.assertEqual(client("CLIENT", *words), direct("CLIENT", *words), words)


class Killing(HawserCase):
    def assert_closed(self, client):
        self.assertEqual(client.rest(), b"")

    def test_by_address_in_the_old_form(self):
        client, other = self.client(), self.client()
        other("PING")
        address = "%s:%d" % other.socket.getsockname()
        self.assertEqual(client("CLIENT", "KILL", address), "OK")
        self.assert_closed(other)
        self.assertEqual(client("CLIENT", "KILL", address), "ERR No such client")
        own = "%s:%d" % client.socket.getsockname()
        self.assertEqual(client("CLIENT", "KILL", own), "OK")
        self.assert_closed(client)

    def test_by_id_and_the_lanes_live_on(self):
        client, other = self.client(), self.client()
        lanes = self.upstream_names()
        number = other("CLIENT", "ID")
        self.assertEqual(client("CLIENT", "KILL", "ID", number), 1)
        self.assert_closed(other)
        self.assertEqual(client("CLIENT", "KILL", "ID", number), 0)
        self.assertEqual(client("PING"), "PONG")
        self.assertEqual(lanes, self.upstream_names())

    def test_all_of_a_type_but_oneself(self):
        client, other, subscriber = self.client(), self.client(), self.client()
        other("PING")
        subscriber("SUBSCRIBE", "news")
        self.assertEqual(client("CLIENT", "KILL", "TYPE", "pubsub"), 1)
        self.assertGreaterEqual(client("CLIENT", "KILL", "TYPE", "normal", "LADDR",
                                       f"127.0.0.1:{self.hawser.port}"), 1)
        self.assert_closed(other)
        replies = client.pipeline(("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no"))
        self.assertEqual(replies, [1])
        self.assert_closed(client)

    def test_a_client_that_blocks_leaves_its_element(self):
        client, blocked = self.client(), self.client()
        number = blocked("CLIENT", "ID")
        blocked.send("BLPOP", "killed", 0)
        eventually(lambda: listed(client)[number]["flags"] == "b", "it blocks")
        self.assertEqual(client("CLIENT", "KILL", "ID", number), 1)
        eventually(lambda: "pinned" not in self.upstream_names(), "its connection is closed")
        client("RPUSH", "killed", "x")
        self.assertEqual(client("LLEN", "killed"), 1)


class Rights(HawserCase):
    redis_options = ("--user default on nopass ~* &* +@all "
                     "--user app on >word ~* &* +@all -client|kill -client|list -client|pause "
                     "--user ops on >word ~* &* +@all").split()

    def test_redis_decides_who_may(self):
        other, client, direct = self.client(), self.client(), self.direct()
        number = other("CLIENT", "ID")
        for each in (client, direct):
            each("AUTH", "app", "word")
        for words in [("KILL", "ID", number), ("KILL", "1.2.3.4:5"), ("LIST",), ("PAUSE", "1000")]:
            refusal = client("CLIENT", *words)
            self.assertIsInstance(refusal, ErrorReply)
            self.assertEqual(refusal, direct("CLIENT", *words), words)
        self.assertEqual(other("PING"), "PONG")

    def test_the_users_of_clients_are_told_apart(self):
        client, operator = self.client(), self.client()
        operator("AUTH", "ops", "word")
        number = operator("CLIENT", "ID")
        self.assertEqual(listed(client)[number]["user"], "ops")
        self.assertEqual(client("CLIENT", "KILL", "USER", "ops"), 1)
        self.assertEqual(operator.rest(), b"")


class Pauses(HawserCase):
    settings = {"timeout_total": "20s", "timeout_command": "10s"}

    def setUp(self):
        super().setUp()
        self.client()("CLIENT", "UNPAUSE")

    def test_writes_wait_and_reads_do_not(self):
        client, writer, reader = self.client(), self.client(), self.client()
        reader("SET", "read", "1")
        self.assertEqual(client("CLIENT", "PAUSE", 60000, "WRITE"), "OK")
        for words in [("SET", "a", "1"), ("EVAL", "return 1", 0), ("PUBLISH", "c", "m")]:
            held = self.client()
            held.send(*words)
        writer.raw(b"*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n2\r\n"
                   b"*1\r\n$4\r\nEXEC\r\n")
        self.assertEqual(reader("GET", "read"), b"1")
        self.assertIsNone(self.direct()("GET", "a"))
        self.assertEqual(client("CLIENT", "UNPAUSE"), "OK")
        self.assertEqual([writer.read() for _ in range(3)], ["OK", "QUEUED", ["OK"]])

    def test_all_wait_until_the_time_is_over(self):
        client, other = self.client(), self.client()
        begin = time.monotonic()
        self.assertEqual(client("CLIENT", "PAUSE", 300), "OK")
        self.assertEqual(other.pipeline(("PING",), ("ECHO", "x")), ["PONG", b"x"])
        self.assertGreaterEqual(time.monotonic() - begin, 0.3)

    def test_several_who_pause_do_not_wait_for_each_other(self):
        clients = [self.client() for _ in range(5)]
        for client in clients:
            client.send("CLIENT", "PAUSE", 100)
        self.assertEqual([client.read() for client in clients], ["OK"] * 5)

    def test_a_pause_is_only_made_longer_and_wider(self):
        client, other = self.client(), self.client()
        begin = time.monotonic()
        client("CLIENT", "PAUSE", 400, "WRITE")
        client("CLIENT", "PAUSE", 10, "ALL")
        self.assertEqual(other("PING"), "PONG")
        self.assertGreaterEqual(time.monotonic() - begin, 0.4)

    def test_redis_itself_is_not_paused(self):
        client = self.client()
        client("CLIENT", "PAUSE", 60000)
        self.assertEqual(self.direct()("SET", "b", "1"), "OK")
        client("CLIENT", "UNPAUSE")

    def test_what_a_client_sent_before_it_left_is_done_after_the_pause(self):
        client, gone, direct = self.client(), self.client(), self.direct()
        number = gone("CLIENT", "ID")
        client("CLIENT", "PAUSE", 60000, "WRITE")
        gone.send("SET", "gone", "1")
        eventually(lambda: listed(client)[number]["qbuf"] != "0", "it is held")
        gone.close()
        self.clients.remove(gone)
        self.assertIsNone(direct("GET", "gone"))
        client("CLIENT", "UNPAUSE")
        eventually(lambda: direct("GET", "gone") == b"1", "it is done")

    def test_what_is_on_its_way_is_done_first(self):
        client, other, direct = self.client(), self.client(), self.direct()
        script = "local n = 0 for i = 1, 300000 do n = n + i end return redis.call('INCR', 'n')"
        for _ in range(40):
            other.send("EVAL", script, 0)
        eventually(lambda: int(direct("GET", "n") or 0) > 0, "they run")
        self.assertEqual(client("CLIENT", "PAUSE", 60000, "WRITE"), "OK")
        count = direct("GET", "n")
        time.sleep(0.1)  # In which none runs.
        self.assertEqual(direct("GET", "n"), count)
        client("CLIENT", "UNPAUSE")
        self.assertEqual([other.read() for _ in range(40)], list(range(1, 41)))


class LongPause(HawserCase):
    settings = {"timeout_total": "300ms", "timeout_command": "200ms"}

    def test_who_waits_has_its_own_time_behind_it(self):
        """A transaction that was given up would leave its client in it."""
        client, other, blocked = self.client(), self.client(), self.client()
        other.pipeline(("MULTI",), ("SET", "c", "1"))
        self.assertEqual(client("CLIENT", "PAUSE", 600), "OK")
        other.send("EXEC")
        blocked.send("BLPOP", "nothing", 0.2)
        begin = time.monotonic()
        self.assertEqual(other.read(), ["OK"])
        self.assertGreater(time.monotonic() - begin, 0.4)
        self.assertEqual(other("GET", "c"), b"1")
        self.assertIsNone(blocked.read())

    def test_it_ends_with_redis(self):
        client = self.client()
        client("CLIENT", "PAUSE", 600000)
        self.redis.kill()
        eventually(lambda: '"circuit":"open"' in self.hawser.get("/health/redis")[1], "open")
        self.assertTrue(client("GET", "k").startswith("PROXY"))
        self.redis.start()
        eventually(lambda: client("PING") == "PONG", "it goes on")


class GivenUp(unittest.TestCase):
    """What is on its way does not come to an end in the time that PAUSE has."""

    def setUp(self):
        self.redis = RedisServer()
        self.addCleanup(self.redis.stop)
        self.sent = collections.defaultdict(bytes)  # On each connection.
        self.held = None  # The connection whose replies do not arrive.
        self.way = Way(self.redis.port, self.on_data)
        self.addCleanup(self.way.stop)
        self.hawser = Hawser(f"redis://127.0.0.1:{self.way.port}", timeout_total="500ms",
                             timeout_command="400ms", timeout_script="60s")
        self.addCleanup(self.hawser.stop)

    def on_data(self, number, upwards, data):
        if upwards:
            self.sent[number] += data
        return None if number == self.held and not upwards else data

    def client(self, port=None):
        client = Client(port or self.hawser.port)
        self.addCleanup(client.close)
        return client

    def test_the_pause_ends_and_no_earlier_one(self):
        client, slow, direct = self.client(), self.client(), self.client(self.redis.port)
        for earlier in (True, False):
            self.assertEqual(slow("SET", "n", 0), "OK")
            if earlier:
                self.assertEqual(client("CLIENT", "PAUSE", 60000, "WRITE"), "OK")
                self.assertEqual(client("CLIENT", "PAUSE", 0), "OK")  # Ends it no sooner.
            self.held = max(number for number, words in self.sent.items() if b":main" in words)
            slow.send("EVAL_RO", "return 1", 0)
            eventually(lambda: b"return 1" in self.sent[self.held], "it is on its way")
            self.assertTrue(client("CLIENT", "PAUSE", 60000, "WRITE").startswith("PROXYTIMEOUT"))
            self.way.cut(self.held)
            self.assertTrue(slow.read().startswith("PROXYLOST"))
            writer = self.client()
            number = writer("CLIENT", "ID")
            writer.send("SET", "held", str(earlier))
            if earlier:
                eventually(lambda: listed(client)[number]["qbuf"] != "0", "it is held")
                self.assertIsNone(direct("GET", "held"))
                self.assertEqual(client("CLIENT", "UNPAUSE"), "OK")
            self.assertEqual(writer.read(), "OK")


    def test_one_that_is_given_up_leaves_a_later_one(self):
        first, second, slow, writer = (self.client() for _ in range(4))
        number = writer("CLIENT", "ID")
        self.assertEqual(slow("SET", "n", 0), "OK")
        self.held = max(number for number, words in self.sent.items() if b":main" in words)
        slow.send("EVAL_RO", "return 1", 0)
        eventually(lambda: b"return 1" in self.sent[self.held], "it is on its way")
        first.send("CLIENT", "PAUSE", 60000, "WRITE")
        time.sleep(0.25)
        second.send("CLIENT", "PAUSE", 60000, "WRITE")
        self.assertTrue(first.read().startswith("PROXYTIMEOUT"))
        self.way.cut(self.held)
        self.assertEqual(second.read(), "OK")
        writer.send("SET", "n", 1)
        eventually(lambda: listed(first)[number]["qbuf"] != "0", "it is held")
        self.assertEqual(first("CLIENT", "UNPAUSE"), "OK")
        self.assertEqual(writer.read(), "OK")


class Order(HawserCase):
    def test_what_follows_unblock_runs_after_it(self):
        client, blocked = self.client(), self.client()
        for _ in range(5):
            number = blocked("CLIENT", "ID")
            blocked.send("BLPOP", "q", 0)
            eventually(lambda: listed(client)[number]["flags"] == "b", "it blocks")
            self.assertEqual(client.pipeline(("CLIENT", "UNBLOCK", number), ("LPUSH", "q", "x")),
                             [1, 1])
            self.assertIsNone(blocked.read())
            client("DEL", "q")

    def test_many_questions_do_not_use_up_redis(self):
        clients = [self.client() for _ in range(50)]
        for client in clients:
            client.raw(b"CLIENT UNBLOCK 12345\r\nCLIENT LIST ID 1\r\n" * 20)
        most = 0
        for client in clients:
            most = max(most, self.upstream_names().count("control"))
            self.assertEqual([client.read() for _ in range(40)][::2], [0] * 20)
        self.assertLessEqual(most, 12)

    def test_a_monitor_may_not_speak_to_redis_of_clients(self):
        lanes = None
        for words in [("CLIENT", "KILL", "TYPE", "normal"), ("CLIENT", "PAUSE", 1000)]:
            monitor = self.client()
            self.assertEqual(monitor("MONITOR"), "OK")
            lanes = lanes or self.upstream_names().count("main")
            monitor.send(*words)
            monitor.rest()
        self.assertEqual(self.direct()("PING"), "PONG")
        self.assertEqual(self.upstream_names().count("main"), lanes)
        holder = self.client()
        self.assertEqual(holder("SCRIPT", "DEBUG", "NO"), "OK")
        self.assertEqual(holder("CLIENT", "KILL", "TYPE", "normal"),
                         "NOPERM command denied by proxy policy")


class WhileRedisIsAway(HawserCase):
    redis_options = "--user app on >word ~* &* +@all".split()

    def test_the_operators_user_sees_the_list(self):
        client, other = self.client(), self.client()
        other("AUTH", "app", "word")
        self.redis.kill()
        eventually(lambda: client("GET", "x").startswith("PROXYOPEN"), "the circuit is open")
        self.assertIn(client("CLIENT", "ID"), listed(client))
        self.assertTrue(other("CLIENT", "LIST").startswith("PROXY"))
        self.assertTrue(client("CLIENT", "KILL", "ID", "1").startswith("PROXY"))
        self.redis.start()


if __name__ == "__main__":
    unittest.main()
