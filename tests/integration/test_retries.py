"""Requests that are sent again: never twice, never past a later one of the same client."""

import os
import random
import socket
import threading
import time
import unittest
import urllib.request

from resp import Client, ErrorReply, encode
from servers import Hawser, eventually


# Mixtures to run; each is a seed, printed when it fails.
SEEDS = [int(s) for s in os.environ.get("HAWSER_RETRY_SEEDS", "1 2 3 4 5 6").split()]
REJECTIONS = ["LOADING Redis is loading the dataset in memory",
              "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
              "CLUSTERDOWN The cluster is down", "TRYAGAIN Multiple keys request during rehashing",
              "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN."]


class MoodyRedis:
    """Speaks enough RESP2 to be a Redis. What it does with each request is drawn: execute it,
    reject it, execute it and drop the connection, drop it without; and it notes what it did."""

    def __init__(self, mood):
        self.mood = mood  # mood(words) -> "run", "reject", "run and cut" or "cut"
        self.lock = threading.Lock()
        self.values = {}
        self.log = []  # (words, value) of all that was executed, in order
        self.rejected = 0
        self.rejection = None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.connections = {}
        self.next_id = 1
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                number, self.next_id = self.next_id, self.next_id + 1
                self.connections[number] = connection
            threading.Thread(target=self.serve, args=(number, connection), daemon=True).start()

    def serve(self, number, connection):
        file = connection.makefile("rb")
        try:
            while line := file.readline():
                words = []
                for _ in range(int(line[1:])):
                    size = int(file.readline()[1:])
                    words.append(file.read(size + 2)[:-2].decode())
                reply, cut = self.answer(number, words)
                if reply:
                    connection.sendall(reply.encode())
                if cut:
                    break
        except (OSError, ValueError):
            pass
        with self.lock:
            self.connections.pop(number, None)
        connection.close()

    def answer(self, number, words):
        name = words[0].upper()
        if name == "HELLO":
            return "*4\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.0.0\r\n", False
        if name == "INFO":
            return "$11\r\nrun_id:same\r\n", False
        if name == "ROLE":
            return "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n", False
        if name == "PING":
            return "+PONG\r\n", False
        if name == "CLIENT":
            if words[1].upper() == "ID":
                return f":{number}\r\n", False
            if words[1].upper() == "KILL":
                with self.lock:
                    victim = self.connections.pop(int(words[3]), None)
                    if victim is not None:
                        victim.shutdown(socket.SHUT_RDWR)
                return ":1\r\n", False
            return "+OK\r\n", False
        if name in ("MULTI", "EXEC", "SCAN"):
            return "+OK\r\n", False
        if name.startswith("EVAL") and any(word.startswith(("__hawser__:", "cache:")) for word in words):
            return "-ERR unknown command 'EVAL'\r\n", False  # Hawser's own: it goes on without.
        with self.lock:
            if number not in self.connections:
                return "", True
            mood = self.mood(words)
            if mood == "reject":
                self.rejected += 1
                return f"-{self.rejection or random.choice(REJECTIONS)}\r\n", False
            if mood == "cut":
                return "", True
            return self.run(words), mood == "run and cut"

    def run(self, words):
        name, key = words[0].upper(), words[1]
        value = self.values.get(key, "")
        if name == "APPEND":
            self.values[key] = value = value + words[2]
            reply = f":{len(value)}\r\n"
        else:
            reply = f"${len(value)}\r\n{value}\r\n"
        self.log.append((words, value))
        return reply

    def stop(self):
        self.listener.close()
        with self.lock:
            for connection in self.connections.values():
                connection.close()


def started(test, mood, **settings):
    redis = MoodyRedis(mood)
    test.addCleanup(redis.stop)
    options = {"timeout_total": "2s", "timeout_command": "1s", "retry_budget": 1000000,
               "circuit_samples": 1000000, "circuit_connect_failures": 1000000,
               "circuit_time_outs": 1000000, "reconnect_backoff_min": "1ms",
               "reconnect_backoff_max": "5ms", "retry_delay_min": "1ms", "retry_delay_max": "5ms"}
    options.update(settings)
    hawser = Hawser(f"redis://127.0.0.1:{redis.port}", **options)
    test.addCleanup(hawser.stop)
    return redis, hawser


class Mixtures(unittest.TestCase):
    def test_pipelines_of_one_client_under_every_mixture(self):
        for seed in SEEDS:
            with self.subTest(seed=seed):
                self.run_mixture(seed)

    def run_mixture(self, seed):
        draw = random.Random(seed)
        random.seed(seed)
        odds = draw.choice([(80, 20, 0, 0), (70, 20, 5, 5), (90, 0, 5, 5), (40, 58, 1, 1)])
        moods = ["run", "reject", "run and cut", "cut"]
        redis, hawser = started(self, lambda words: draw.choices(moods, odds)[0])
        clients = [Client(hawser.port) for _ in range(4)]
        for client in clients:
            self.addCleanup(client.close)
        asked = [[] for _ in clients]   # (is_write, sequence number, reply)
        number = 0
        for _ in range(60):
            batches = []
            for i, client in enumerate(clients):
                batch = []
                for _ in range(draw.randint(1, 6)):
                    number += 1
                    batch.append((draw.random() < 0.6, number))
                words = [("APPEND", f"k{i}", f"<{n}>") if write else ("GET", f"k{i}", )
                         for write, n in batch]
                client.raw(b"".join(encode(*w) for w in words))
                batches.append(batch)
            for i, client in enumerate(clients):
                asked[i] += [(write, n, client.read()) for write, n in batches[i]]
        for i, requests in enumerate(asked):
            self.check(f"k{i}", requests, redis)
        if odds[1]:
            self.assertGreater(redis.rejected, 0)
            self.assertGreater(hawser.metric('hawser_retries_total{outcome="succeeded"}'), 0)

    def check(self, key, requests, redis):
        """Compares what a client was told with what was really done, in which order."""
        value = redis.values.get(key, "")
        done = [int(n) for n in value.replace("<", " ").replace(">", " ").split()]
        self.assertEqual(done, sorted(done), "writes in the order they were sent")
        self.assertEqual(len(done), len(set(done)), "none twice")
        executed = set(done)
        for write, n, reply in requests:
            if not write:
                if isinstance(reply, ErrorReply):
                    continue
                seen = [int(x) for x in reply.decode().replace("<", " ").replace(">", " ").split()]
                # Exactly the writes sent before it that were done at all.
                self.assertEqual(seen, [x for x in done if x < n], f"the read {n} of {key}")
            elif isinstance(reply, ErrorReply):
                if not reply.startswith(("PROXYLOST", "PROXYTIMEOUT")):
                    self.assertNotIn(n, executed, reply)
            else:
                self.assertIn(n, executed)


class Rules(unittest.TestCase):
    def once(self, *moods):
        """A mood for each request in turn, then "run"."""
        left = list(moods)
        return lambda words: left.pop(0) if left else "run"

    def both(self, redis, hawser, *commands):
        client = Client(hawser.port)
        self.addCleanup(client.close)
        return client.pipeline(*commands), [words[0] for words, _ in redis.log]

    def test_a_rejected_write_is_sent_again(self):
        redis, hawser = started(self, self.once("reject", "reject"))
        self.assertEqual(self.both(redis, hawser, ("APPEND", "a", "x")), ([1], ["APPEND"]))

    def test_after_two_retries_the_client_gets_redis_words(self):
        redis, hawser = started(self, self.once("reject", "reject", "reject"))
        replies, ran = self.both(redis, hawser, ("APPEND", "a", "x"))
        self.assertIsInstance(replies[0], ErrorReply)
        self.assertFalse(replies[0].startswith("PROXY"))
        self.assertEqual(ran, [])
        self.assertEqual(hawser.metric('hawser_retries_total{outcome="failed"}'), 1)

    def test_a_rejection_behind_which_something_ran_is_final(self):
        redis, hawser = started(self, self.once("reject", "run"))
        replies, ran = self.both(redis, hawser, ("APPEND", "a", "x"), ("APPEND", "a", "y"))
        self.assertIsInstance(replies[0], ErrorReply)
        self.assertEqual((replies[1], ran), (1, ["APPEND"]))

    def test_rejected_together_means_sent_again_together(self):
        redis, hawser = started(self, self.once("reject", "reject", "reject"))
        replies, _ = self.both(redis, hawser, ("APPEND", "a", "x"), ("APPEND", "a", "y"), ("GET", "a"))
        self.assertEqual(replies, [1, 2, b"xy"])

    def test_later_requests_wait_for_the_one_that_is_sent_again(self):
        redis, hawser = started(self, self.once("reject"), retry_delay_min="100ms",
                                retry_delay_max="101ms")
        client = Client(hawser.port)
        self.addCleanup(client.close)
        client.send("APPEND", "a", "x")
        eventually(lambda: redis.rejected == 1, "rejected")
        time.sleep(0.02)
        client.send("APPEND", "a", "y")
        self.assertEqual([client.read(), client.read()], [1, 2])
        self.assertEqual(redis.values["a"], "xy")

    def test_what_has_not_been_sent_yet_counts_as_later(self):
        for word in ("LOADING no", "TRYAGAIN no", "READONLY no"):
            appends = [0]

            def mood(words):
                appends[0] += words[0] == "APPEND"
                return "reject" if words[0] == "APPEND" and appends[0] <= 16 else "run"

            redis, hawser = started(self, mood)
            redis.rejection = word
            for order in ("open", "auto"):  # After it was closed 16 requests are let in at first.
                request = urllib.request.Request(
                    f"http://127.0.0.1:{hawser.admin}/circuit/{order}", data=b"")
                urllib.request.urlopen(request, timeout=5).close()
                time.sleep(0.4)
            client = Client(hawser.port)
            self.addCleanup(client.close)
            numbers = range(1, 25)
            replies = client.pipeline(*[("APPEND", "k", f"<{n}>") for n in numbers])
            Mixtures.check(self, "k", [(True, n, r) for n, r in zip(numbers, replies)], redis)
            self.assertEqual(client("GET", "k").decode(), redis.values["k"])

    def test_a_lost_write_is_not_sent_again_and_a_lost_read_is(self):
        redis, hawser = started(self, self.once("cut"))
        replies, ran = self.both(redis, hawser, ("APPEND", "a", "x"))
        self.assertTrue(replies[0].startswith("PROXYLOST"))
        self.assertEqual(ran, [])
        redis, hawser = started(self, self.once("cut"))
        self.assertEqual(self.both(redis, hawser, ("GET", "a")), ([b""], ["GET"]))

    def test_only_reads_with_no_write_behind_them_are_sent_again(self):
        redis, hawser = started(self, self.once("cut"))
        replies, ran = self.both(redis, hawser, ("GET", "a"), ("APPEND", "a", "x"), ("GET", "a"),
                                 ("STRLEN", "a"))
        self.assertTrue(replies[0].startswith("PROXYLOST"))
        self.assertTrue(replies[1].startswith("PROXYLOST"))
        self.assertEqual((replies[2], ran), (b"", ["GET", "STRLEN"]))

    def test_scripts_are_never_sent_again(self):
        for mood in ("reject", "cut"):
            redis, hawser = started(self, self.once(mood))
            replies, ran = self.both(redis, hawser, ("EVAL", "a", 0))
            self.assertIsInstance(replies[0], ErrorReply)
            self.assertEqual((redis.rejected, ran), (mood == "reject", []))

    def test_policies_turn_it_off(self):
        redis, hawser = started(self, self.once("reject"), retry_writes="never")
        self.assertIsInstance(self.both(redis, hawser, ("APPEND", "a", "x"))[0][0], ErrorReply)
        redis, hawser = started(self, self.once("cut"), retry_reads="rejected")
        self.assertTrue(self.both(redis, hawser, ("GET", "a"))[0][0].startswith("PROXYLOST"))
        redis, hawser = started(self, self.once("reject"), retry_max=0)
        self.assertIsInstance(self.both(redis, hawser, ("GET", "a"))[0][0], ErrorReply)

    def test_the_budget_keeps_retries_few(self):
        redis, hawser = started(self, lambda words: "reject", retry_budget=10)
        client = Client(hawser.port)
        self.addCleanup(client.close)
        for _ in range(50):
            self.assertIsInstance(client("APPEND", "a", "x"), ErrorReply)
        self.assertLess(redis.rejected, 60)
        self.assertGreater(hawser.metric('hawser_retries_total{outcome="refused"}'), 40)


if __name__ == "__main__":
    unittest.main()
