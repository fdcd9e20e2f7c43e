"""Commands with a way of their own: denied ones, foreign ones, scripts, and what kills scripts."""

import os
import signal
import subprocess
import time
import unittest

from case import HawserCase
from resp import Closed
from servers import HAWSER, Hawser, eventually

DENIED = "NOPERM command denied by proxy policy"
ABORTED = "EXECABORT Transaction discarded because of previous errors."


class Denied(HawserCase):
    settings = {"commands_deny": "FlushAll,config|set,debug,echo,foo.bar"}

    def setUp(self):
        super().setUp()
        self.direct()("SET", "kept", 1)

    def tearDown(self):
        self.assertEqual(self.direct()("GET", "kept"), b"1")
        super().tearDown()

    def test_they_are_refused_in_any_form(self):
        client = self.client()
        for words in [("FLUSHALL",), ("flushall", "async"), ("flushall", "a", "b"), ("ECHO", "a"),
                      ("CONFIG", "SET", "maxmemory", 0), ("config", "Set"), ("DEBUG",),
                      ("DEBUG", "SLEEP", 0), ("DEBUG", "NOSUCH"), ("FOO.BAR", "x")]:
            self.assertEqual(client(*words), DENIED, words)
        client.raw(b"FLUSHALL\r\n  config  set maxmemory 0\r\n")
        self.assertEqual([client.read(), client.read()], [DENIED, DENIED])
        for words in [("CONFIG", "GET", "maxmemory"), ("CONFIG", "NOSUCH"), ("FOO.OTHER",)]:
            self.assertEqual(client(*words), self.direct()(*words), words)

    def test_they_abort_a_transaction(self):
        client = self.client()
        for pipelined in (True, False):
            for denied in [("FLUSHALL",), ("CONFIG", "SET", "maxmemory", 0), ("FOO.BAR",)]:
                words = [("MULTI",), ("SET", "t", 1), denied, ("SET", "t", 2), ("EXEC",)]
                replies = client.pipeline(*words) if pipelined else [client(*w) for w in words]
                self.assertEqual(replies, ["OK", "QUEUED", DENIED, "QUEUED", ABORTED], words)
        self.assertIsNone(client("GET", "t"))

    def test_they_are_refused_on_a_connection_of_its_own(self):
        client = self.client()
        self.assertEqual(client.pipeline(("WATCH", "w"), ("FLUSHALL",), ("MULTI",), ("SET", "w", 1),
                                         ("EXEC",)), ["OK", DENIED, "OK", "QUEUED", ["OK"]])
        self.assertEqual(client.pipeline(("HELLO", 3), ("CLIENT", "TRACKING", "ON"))[1], "OK")
        self.assertEqual(client("FLUSHALL"), DENIED)
        monitor = self.client()
        self.assertEqual(monitor("MONITOR"), "OK")
        monitor.send("FLUSHALL")
        with self.assertRaises(Closed):  # Among what streams an error would have no sure place.
            while True:
                monitor.read()

    def test_they_are_refused_to_a_subscriber(self):
        for version in (2, 3):
            client = self.client()
            client("HELLO", version)
            client("SUBSCRIBE", "channel")
            self.assertEqual(client("FLUSHALL"), DENIED)

    def test_a_denied_end_of_a_transaction_ends_it(self):
        hawser = Hawser(self.redis, commands_deny="exec,discard")
        self.addCleanup(hawser.stop)
        client = self.client(hawser.port)
        self.assertEqual(client("EXEC"), DENIED)
        for pipelined in (True, False):
            words = [("MULTI",), ("SET", "e", 1), ("DISCARD",), ("EXEC",), ("PING",)]
            replies = client.pipeline(*words) if pipelined else [client(*w) for w in words]
            self.assertEqual(replies, ["OK", "QUEUED", DENIED, ABORTED, "PONG"])

    def test_a_name_nobody_knows_is_an_error_where_it_stands(self):
        path = os.path.join(self.hawser.folder.name, "deny.toml")
        with open(path, "w") as file:
            file.write('[commands]\nping = "local"\ndeny = ["flushal"]\n')
        result = subprocess.run([HAWSER, "check", "--config", path], capture_output=True, text=True)
        self.assertEqual(result.returncode, 78)
        self.assertIn(f"{path}:3:8: commands.deny: unknown command, did you mean flushall?",
                      result.stderr)

    def test_sighup_reloads_the_list(self):
        path = os.path.join(self.hawser.folder.name, "reload.toml")

        def write(names):
            with open(path, "w") as file:
                file.write(f"[commands]\ndeny = {names}\n")

        write('["echo"]')
        hawser = Hawser(self.redis, arguments=("--config", path))
        self.addCleanup(hawser.stop)
        client = self.client(hawser.port)
        self.assertEqual(client("ECHO", "a"), DENIED)
        write('["time"]')
        hawser.process.send_signal(signal.SIGHUP)
        eventually(lambda: client("ECHO", "a") == b"a", "the list is another")
        self.assertEqual(client("TIME"), DENIED)


class Foreign(HawserCase):
    """Commands that hawser's table does not know: Redis' own, renamed."""

    redis_options = ("--rename-command", "GET", "foo.get", "--rename-command", "BLPOP", "foo.blpop",
                     "--rename-command", "SELECT", "foo.select")
    settings = {"pinned_max": 1, "pinned_wait": "100ms"}

    def questions(self):
        """How often Redis was asked what a command is."""
        stats = self.direct()("INFO", "commandstats").decode()
        calls = [line for line in stats.splitlines() if line.startswith("cmdstat_command|info:")]
        return int(calls[0].split("calls=")[1].split(",")[0]) if calls else 0

    def test_ordinary_ones_are_shared(self):
        client, blocked, direct = self.client(), self.client(), self.direct()
        client("SET", "k", "v")
        blocked.send("FOO.BLPOP", "none", 0)
        eventually(lambda: b"blocked_clients:1" in direct("INFO", "clients"), "blocked")
        for words in [("FOO.GET", "k"), ("foo.get", "k"), ("FOO.GET",)]:
            self.assertEqual(client(*words), direct(*words))
        # One that blocks, and what is none, need a connection of their own; there is no more.
        for words in [("FOO.BLPOP", "none", 0), ("FOO.NOSUCH",)]:
            self.assertEqual(client(*words), "PROXYFULL pinned.max reached, command not executed")
        direct("RPUSH", "none", "x")
        self.assertEqual(blocked.read(), [b"none", b"x"])

    def test_they_keep_their_place(self):
        client = self.client()
        for i in range(20):
            words = [("SET", "o", i), ("FOO.GET", "o"), ("SET", "o", -i), ("FOO.NONE",),
                     ("Foo.Get", "o"), ("STRLEN", "o")]
            self.assertEqual(client.pipeline(*words),
                             ["OK", b"%d" % i, "OK", self.direct()("FOO.NONE"), b"%d" % -i,
                              len(str(-i))])

    def test_one_that_changes_the_connection_changes_it_for_nobody(self):
        client, other = self.client(), self.client()
        other("SET", "here", 1)
        self.assertEqual(client("FOO.SELECT", 1), "OK")
        self.assertEqual(other("FOO.GET", "here"), b"1")
        self.assertEqual(client("FOO.GET", "here"), b"1")

    def test_in_a_transaction(self):
        client = self.client()
        for pipelined in (True, False):
            words = [("MULTI",), ("SET", "m", 1), ("FOO.GET", "m"), ("EXEC",)]
            replies = client.pipeline(*words) if pipelined else [client(*w) for w in words]
            self.assertEqual(replies, ["OK", "QUEUED", "QUEUED", ["OK", b"1"]])

    def test_who_asks_at_the_same_time_waits_for_one_answer(self):
        hawser = Hawser(self.redis)
        self.addCleanup(hawser.stop)
        self.direct()("SET", "k", "v")
        before = self.questions()
        self.redis.freeze()  # So that the answer comes when all have asked.
        try:
            clients = [self.client(hawser.port) for _ in range(20)]
            for client in clients:
                client.send("FOO.GET", "k")
            eventually(lambda: hawser.upstream_connections("control") > 0, "asked")
        finally:
            self.redis.thaw()
        self.assertEqual([client.read() for client in clients], [b"v"] * 20)
        self.assertEqual(self.questions(), before + 1)

    def test_names_without_end_have_redis_words(self):
        client, direct = self.client(), self.direct()
        for i in range(50):
            words = (f"no.such.{i}", "a", i)
            self.assertEqual(client(*words), direct(*words))
        words = ("x" * 1000, "a")
        self.assertEqual(client(*words), direct(*words))

    def test_a_user_who_may_not_ask_has_a_connection_of_its_own(self):
        direct = self.direct()
        direct("SET", "k", "v")
        self.assertEqual(direct("ACL", "SETUSER", "default", "-command"), "OK")
        try:
            hawser = Hawser(self.redis)
            self.addCleanup(hawser.stop)
            client = self.client(hawser.port)
            self.assertEqual([client("FOO.GET", "k") for _ in range(3)], [b"v"] * 3)
        finally:
            direct("ACL", "SETUSER", "default", "+command")

    def test_without_an_answer_it_is_answered_in_time(self):
        hawser = Hawser(self.redis, timeout_total="400ms", timeout_command="300ms")
        self.addCleanup(hawser.stop)
        client = self.client(hawser.port)
        self.assertEqual(client("PING"), "PONG")
        self.redis.freeze()
        try:
            began = time.monotonic()
            self.assertTrue(client("FOO.GET", "k").startswith("PROXYDOWN"))
            self.assertLess(time.monotonic() - began, 2)
        finally:
            self.redis.thaw()
        eventually(lambda: not str(client("FOO.GET", "k")).startswith("PROXY"), "it is back")


if __name__ == "__main__":
    unittest.main()
