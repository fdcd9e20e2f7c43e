"""Commands with a way of their own: denied ones, foreign ones, scripts, and what kills scripts."""

import os
import signal
import subprocess
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


if __name__ == "__main__":
    unittest.main()
