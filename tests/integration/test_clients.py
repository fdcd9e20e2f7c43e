"""Many clients over one upstream connection, each with its own replies."""

import os
import random
import tempfile
import threading
import unittest

import redis as redis_py

from case import HawserCase
from resp import Client
from servers import Hawser, RedisServer, eventually


class ManyClients(HawserCase):
    unix = True

    def run_threads(self, work, count):
        problems = []

        def guarded(number):
            try:
                work(number)
            except Exception as error:  # A thread's failure has to reach the test.
                problems.append(f"{number}: {error!r}")

        threads = [threading.Thread(target=guarded, args=(i,)) for i in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(problems, [])

    def test_200_clients_interleaving_pipelines_get_their_own_replies(self):
        seed = int(os.environ.get("HAWSER_TEST_SEED", random.randrange(1 << 30)))
        print("seed", seed)

        def work(number):
            rnd = random.Random(seed + number)
            client = Client(self.hawser.socket if number % 3 == 0 else self.hawser.port)
            if number % 2:
                client("HELLO", "3")
            for batch in range(12):
                sent = []
                for i in range(rnd.randint(1, 20)):
                    size = rnd.choice([0, 1, 30, 600, 20000])
                    value = f"{number}:{batch}:{i}:".encode() + b"v" * size
                    command = rnd.choice([("ECHO", value), ("EVAL", "return ARGV[1]", 0, value)])
                    sent.append((command, value))
                replies = client.pipeline(*[command for command, _ in sent])
                for (_, value), reply in zip(sent, replies):
                    assert reply == value, (value[:20], reply[:20])
            client.close()

        self.run_threads(work, 200)

    def test_values_from_nothing_to_64_mib_come_back_whole(self):
        client = self.client()
        for size in [0, 1, 511, 16383, 16384, 65536, 262144, 1 << 20, 5 << 20, 64 << 20]:
            value = os.urandom(size)
            self.assertEqual(client("SET", "big", value), "OK")
            self.assertEqual(client("GET", "big"), value, size)
        client("DEL", "big")

    def test_large_values_of_several_clients_do_not_mix(self):
        def work(number):
            client = Client(self.hawser.port)
            value = bytes([65 + number]) * (3 << 20)
            for _ in range(5):
                assert client("SET", f"large{number}", value) == "OK"
                assert client("GET", f"large{number}") == value
            client.close()

        self.run_threads(work, 6)

    def test_redis_py_works_unchanged(self):
        py = redis_py.Redis(port=self.hawser.port)
        py.set("py", "1")
        self.assertEqual(py.incr("py"), 2)
        with py.pipeline(transaction=True) as pipe:
            pipe.incr("py")
            pipe.get("py")
            self.assertEqual(pipe.execute(), [3, b"3"])
        py.close()
        unix = redis_py.Redis(unix_socket_path=self.hawser.socket, db=2)
        unix.set("py", "other")
        self.assertEqual(unix.get("py"), b"other")
        self.assertEqual(self.direct()("GET", "py"), b"3")
        unix.close()


class OneConnection(HawserCase):
    def test_60_clients_are_one_upstream_connection(self):
        clients = [self.client() for _ in range(60)]
        for i, client in enumerate(clients):
            client.send("SET", f"k{i}", i)
        self.assertEqual([c.read() for c in clients], ["OK"] * 60)
        for i, client in enumerate(clients):
            self.assertEqual(client("GET", f"k{i}"), str(i).encode())
        eventually(lambda: self.upstream_names().count("main") == 1, "one main connection", 5)

    def test_each_increment_is_executed_once(self):
        client = self.client()
        client("DEL", "counter")
        self.assertEqual(client.pipeline(*[("INCR", "counter")] * 500), list(range(1, 501)))
        self.assertEqual(client("GET", "counter"), b"500")


class Addresses(unittest.TestCase):
    def test_clients_over_ipv6(self):
        redis = RedisServer()
        self.addCleanup(redis.stop)
        hawser = Hawser(redis, host="[::1]")
        py = redis_py.Redis(host="::1", port=hawser.port)
        self.assertTrue(py.set("six", "1"))
        py.close()
        self.assertEqual(hawser.stop(), 0)

    def test_upstream_over_a_unix_socket_with_a_password_and_a_database(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "redis.sock")
            redis = RedisServer("--unixsocket", path, "--requirepass", "secret")
            self.addCleanup(redis.stop)
            hawser = Hawser(f"unix://:secret@{path}?db=3")
            client = Client(hawser.port)
            self.assertEqual(client.pipeline(("SET", "u", 1), ("SELECT", 0), ("GET", "u"),
                                             ("RESET",), ("GET", "u")),
                             ["OK", "OK", None, "RESET", b"1"])
            client.close()
            self.assertNotIn("secret", hawser.log())
            self.assertEqual(hawser.stop(), 0)


class BeforeAnyLane(unittest.TestCase):
    def test_100_clients_arriving_at_once_get_one_lane(self):
        redis = RedisServer(start=False)
        self.addCleanup(redis.stop)
        hawser = Hawser(redis, timeout_total="20s")
        self.addCleanup(hawser.stop)
        clients = [Client(hawser.port) for _ in range(100)]
        for i, client in enumerate(clients):
            client.send("SET", f"k{i}", i)
        redis.start()
        self.assertEqual([c.read() for c in clients], ["OK"] * 100)
        direct = Client(redis.port)
        listing = direct("CLIENT", "LIST").decode()
        direct.close()
        self.assertEqual(listing.count(":main "), 1, listing)
        for client in clients:
            client.close()


if __name__ == "__main__":
    unittest.main()
