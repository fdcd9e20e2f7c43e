"""Commands with a way of their own: denied ones, foreign ones, scripts, and what kills scripts."""

import os
import signal
import subprocess
import time
import unittest
import urllib.request

from case import HawserCase
from resp import Closed
from servers import HAWSER, Hawser, eventually

DENIED = "NOPERM command denied by proxy policy"
ABORTED = "EXECABORT Transaction discarded because of previous errors."
NO_SCRIPT = "NOSCRIPT No matching script. Please use EVAL."


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
        self.assertEqual(self.client(hawser.port)("SET", "k", "v"), "OK")  # It knows the server.
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


class Scripts(HawserCase):
    """EVALSHA of what Redis has lost."""

    def setUp(self):
        super().setUp()
        self.redis_itself = self.direct()
        self.redis_itself("FLUSHALL")
        self.redis_itself("SCRIPT", "FLUSH")
        self.bodies = 0

    def load(self, client, body="return redis.call('INCRBY', KEYS[1], ARGV[1])"):
        """The digest of a script nobody has sent yet."""
        self.bodies += 1
        digest = client("SCRIPT", "LOAD", f"{body} -- {self.id()} {self.bodies}")
        self.redis_itself("SCRIPT", "FLUSH")
        return digest

    def user(self, name, *rules):
        self.redis_itself("ACL", "SETUSER", name, "on", f">{name}", "~*", *rules)
        client = self.client()
        self.assertEqual(client("AUTH", name, name), "OK")
        return client

    def test_what_was_loaded_is_sent_whole(self):
        client = self.client()
        digest = self.load(client)
        self.assertEqual(client("EVALSHA", digest, 1, "n", 5), 5)
        self.assertEqual(client("EVALSHA", digest, 1, "n", 5), 10)
        self.redis_itself("SCRIPT", "FLUSH")
        self.assertEqual(self.client()("EVALSHA", digest.upper(), 1, "n", 5), 15)

    def test_what_was_run_is_sent_whole(self):
        client = self.client()
        body = "return redis.call('GET', KEYS[1]) -- run"
        client("SET", "k", "v")
        self.assertEqual(client("EVAL", body, 1, "k"), b"v")
        digest = self.redis_itself("SCRIPT", "LOAD", body)
        self.redis_itself("SCRIPT", "FLUSH")
        self.assertEqual(client("EVALSHA_RO", digest, 1, "k"), b"v")

    def test_after_a_restart(self):
        client = self.client()
        digest = self.load(client)
        # Could answer NOSCRIPT itself, but not before the new server has it.
        errs = self.load(client, "if not KEYS[1] then error('x') end return redis.call('INCR', KEYS[1])")
        self.redis.kill()
        self.redis.start()
        eventually(lambda: client("PING") == "PONG", "it is back")
        self.redis_itself = self.direct()
        self.assertEqual(client("EVALSHA", digest, 1, "n", 5), 5)
        self.assertEqual(client("EVALSHA", errs, 1, "m"), 1)
        self.redis_itself("SCRIPT", "FLUSH")
        self.assertEqual(client("EVALSHA", errs, 1, "m"), NO_SCRIPT)
        self.assertEqual(client("EVALSHA", digest, 1, "n", 5), 10)

    def test_what_nobody_has_sent_has_redis_words(self):
        self.assertEqual(self.client()("EVALSHA", "f" * 40, 0), NO_SCRIPT)
        client = self.client()
        digest = self.load(client)
        for wrong in [(digest,), (digest, -1), (digest, "x"), (digest, 3, "a")]:
            self.assertEqual(client("EVALSHA", *wrong), self.redis_itself("EVALSHA", *wrong))
        broken = "return 1 +"
        self.assertTrue(client("SCRIPT", "LOAD", broken).startswith("ERR Error compiling"))

    def test_who_flushes_is_told(self):
        client = self.client()
        for flush in [(("SCRIPT", "FLUSH"),), (("SCRIPT", "FLUSH", "ASYNC"),),
                      (("MULTI",), ("SCRIPT", "FLUSH"), ("EXEC",)),
                      (("WATCH", "w"), ("SCRIPT", "FLUSH"), ("UNWATCH",))]:
            for pipelined in (True, False):
                digest = self.load(client)
                words = [*flush, ("EVALSHA", digest, 1, "n", 1)]
                replies = client.pipeline(*words) if pipelined else [client(*w) for w in words]
                self.assertEqual(replies[-1], NO_SCRIPT, flush)
        self.assertIsNone(client("GET", "n"))

    def test_a_transaction_is_as_in_redis(self):
        client = self.client()
        digest = self.load(client)
        for pipelined in (True, False):
            words = [("MULTI",), ("INCR", "m"), ("EVALSHA", digest, 1, "n", 1), ("EXEC",)]
            replies = client.pipeline(*words) if pipelined else [client(*w) for w in words]
            self.assertEqual(replies[-1][1], NO_SCRIPT)
        self.assertIsNone(client("GET", "n"))

    def test_nobody_runs_what_only_another_user_has_sent(self):
        alice, bob = self.user("alice", "+@all"), self.user("bob", "+@all")
        digest = self.load(alice)
        self.assertEqual(bob("EVALSHA", digest, 1, "n", 1), NO_SCRIPT)
        self.assertEqual(self.client()("EVALSHA", digest, 1, "n", 1), NO_SCRIPT)
        self.assertEqual(alice("EVALSHA", digest, 1, "n", 1), 1)

    def test_a_user_who_may_not_eval_gets_the_noscript(self):
        carol = self.user("carol", "+@all", "-eval", "-eval_ro")
        digest = self.load(carol)
        self.assertEqual(carol("EVALSHA", digest, 1, "n", 1), NO_SCRIPT)
        self.assertEqual(carol("EVALSHA_RO", digest, 1, "n", 1), NO_SCRIPT)
        # That is another refusal, of a script that has run.
        dora = self.user("dora", "+@all", "-set")
        digest = self.load(dora, "redis.call('INCR', KEYS[1]) return redis.call('SET', KEYS[1], 1)")
        self.assertNotEqual(dora("EVALSHA", digest, 1, "d"), NO_SCRIPT)
        self.assertEqual(dora("GET", "d"), b"1")

    def test_nothing_is_sent_past_a_later_request(self):
        client = self.client()
        digest = self.load(client)
        run = ("EVALSHA", digest, 1, "n", 1)
        self.assertEqual(client.pipeline(run, ("INCR", "n"), ("GET", "n")), [NO_SCRIPT, 1, b"1"])
        self.assertEqual(client.pipeline(run, run, run), [2, 3, 4])
        self.redis_itself("SCRIPT", "FLUSH")
        self.assertEqual(client.pipeline(("INCR", "n"), run, run), [5, 6, 7])
        self.redis_itself("SCRIPT", "FLUSH")
        client.send(*run)
        client.send("INCR", "n")
        self.assertIn((client.read(), client.read()), [(8, 9), (NO_SCRIPT, 8)])

    def test_many_at_once_run_once_each(self):
        digest = self.load(self.client())
        clients = [self.client() for _ in range(50)]
        for client in clients:
            client.send("EVALSHA", digest, 1, "many", 1)
        self.assertEqual(sorted(client.read() for client in clients), list(range(1, 51)))

    def test_a_script_that_lies_runs_once(self):
        client = self.client()
        for lie in (f"redis.error_reply('{NO_SCRIPT}')", "redis.error_reply(ARGV[1])",
                    "{err = ARGV[1]}", "cjson.decode(ARGV[2])"):
            client("DEL", "lies")
            body = f"redis.call('INCR', KEYS[1]) return {lie}"
            words = (1, "lies", NO_SCRIPT, '{"err":"%s"}' % NO_SCRIPT)
            self.assertEqual(client("EVAL", body, *words), NO_SCRIPT)
            digest = client("SCRIPT", "LOAD", body)
            self.assertEqual(client("EVALSHA", digest, *words), NO_SCRIPT)
            self.assertEqual(client("GET", "lies"), b"2")

    def test_none_is_remembered_without_room(self):
        hawser = Hawser(self.redis, scripts_remember="0B")
        self.addCleanup(hawser.stop)
        client = self.client(hawser.port)
        self.assertEqual(client("EVALSHA", self.load(client), 1, "n", 5), NO_SCRIPT)


class Kill(HawserCase):
    """SCRIPT KILL and FUNCTION KILL reach a Redis that runs a script."""

    redis_options = ("--busy-reply-threshold", "50")
    settings = {"pinned_max": 1, "timeout_script": "20s"}

    def end_busy(self, run, kill):
        runner, killer, blocked = self.client(), self.client(), self.client()
        self.assertEqual(killer("PING"), "PONG")
        blocked.send("BLPOP", "none", 0)
        direct = self.direct()
        eventually(lambda: b"blocked_clients:1" in direct("INFO", "clients"), "blocked")
        runner.send(*run)
        eventually(lambda: str(direct("PING")).startswith("BUSY"), "the script runs")
        began = time.monotonic()
        self.assertEqual(killer(*kill), "OK")
        self.assertLess(time.monotonic() - began, 1)
        self.assertIn("killed", runner.read())
        self.assertEqual(runner("PING"), "PONG")

    def test_a_script(self):
        self.end_busy(("EVAL", "while true do end", 0), ("SCRIPT", "KILL"))

    def test_a_function(self):
        self.client()("FUNCTION", "LOAD", "REPLACE", "#!lua name=endless\n"
                      "redis.register_function('endless', function() while true do end end)")
        self.end_busy(("FCALL", "endless", 0), ("FUNCTION", "KILL"))

    def test_also_while_the_circuit_is_open(self):
        def order(word):
            request = urllib.request.Request(f"http://127.0.0.1:{self.hawser.admin}/circuit/{word}",
                                             data=b"")
            urllib.request.urlopen(request, timeout=5).close()

        client = self.client()
        order("open")
        try:
            eventually(lambda: str(client("GET", "k")).startswith("PROXYOPEN"), "open")
            self.assertTrue(client("SCRIPT", "KILL").startswith("NOTBUSY"))
        finally:
            order("auto")
        eventually(lambda: client("PING") == "PONG", "closed")

    def test_the_words_are_those_of_redis(self):
        client, direct = self.client(), self.direct()
        for words in [("SCRIPT", "KILL"), ("script", "kill"), ("FUNCTION", "KILL"),
                      ("SCRIPT", "KILL", "x")]:
            self.assertEqual(client(*words), direct(*words))
        words = [("MULTI",), ("SCRIPT", "KILL"), ("FUNCTION", "KILL"), ("EXEC",)]
        self.assertEqual(client.pipeline(*words), direct.pipeline(*words))
        self.assertEqual([client(*w) for w in words], [direct(*w) for w in words])
        self.assertEqual(client.pipeline(("WATCH", "k"), ("SCRIPT", "KILL"), ("UNWATCH",)),
                         direct.pipeline(("WATCH", "k"), ("SCRIPT", "KILL"), ("UNWATCH",)))

    def test_each_user_has_its_own_rights(self):
        direct = self.direct()
        direct("ACL", "SETUSER", "eve", "on", ">eve", "~*", "+@all", "-script", "-function")
        client, eve = self.client(), self.direct()
        self.assertEqual((client("AUTH", "eve", "eve"), eve("AUTH", "eve", "eve")), ("OK", "OK"))
        for words in [("SCRIPT", "KILL"), ("FUNCTION", "KILL")]:
            self.assertTrue(eve(*words).startswith("NOPERM"))
            self.assertEqual(client(*words), eve(*words))

    def test_it_stays_behind_what_its_client_asked_before(self):
        client = self.client()
        # Beyond the threshold from which on Redis listens to a SCRIPT KILL.
        run = ("EVAL", "local function now() local t = redis.call('TIME') return t[1] + t[2] / 1e6 "
               "end local start = now() while now() < start + 0.2 do end return 1", 0)
        replies = client.pipeline(run, ("SCRIPT", "KILL"), run)
        self.assertEqual([replies[0], replies[2]], [1, 1])
        self.assertTrue(replies[1].startswith("NOTBUSY"))

    def test_a_redis_that_hangs_leaves_the_outcome_unknown(self):
        hawser = Hawser(self.redis, timeout_total="300ms", timeout_command="200ms",
                        timeout_script="300ms")
        self.addCleanup(hawser.stop)
        client = self.client(hawser.port)
        self.assertEqual(client("PING"), "PONG")
        self.redis.freeze()
        try:
            self.assertEqual(client("SCRIPT", "KILL"),
                             "PROXYTIMEOUT no reply within 300 ms, outcome unknown")
        finally:
            self.redis.thaw()


if __name__ == "__main__":
    unittest.main()
