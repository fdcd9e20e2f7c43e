"""Replies made to be misread: their end mistaken, what is behind it would be another client's."""

import unittest

from adversary_case import AdversaryCase, OracleCase, joined
from resp import Client, encode

NEST = "local t = {} for i = 1, ARGV[1] do t = {t} end return t"
INJECTED = ["\r\n+OK", "\r\n+OK\r\n", "\n-ERR x", "\r+OK", "\r\n$3\r\nabc\r\n", "\x00\r\n:1\r\n",
            "\r\n>2\r\n+a\r\n+b\r\n", "\r\n*-1\r\n", "%s%d%n\r\n", "x" * 300 + "\r\n:7\r\n"]


class Injection(OracleCase):
    def test_line_ends_in_what_an_error_repeats(self):
        for text in INJECTED:
            for resp in (2, 3):
                self.assert_same(
                    "a reply of one's own making in another's place", (text,), (text, text),
                    ("CONFIG", text), ("CLIENT", text), ("CLIENT", "REPLY", text), ("HELLO", text),
                    ("HELLO", 3, text), ("HELLO", 3, "SETNAME", text), ("SELECT", text),
                    ("CLIENT", "SETNAME", text), ("AUTH", text), ("AUTH", text, text),
                    ("GET", text),
                    ("COMMAND", text), ("SCRIPT", text), ("EVALSHA", text, 0), ("EVAL", text, 0),
                    ("FCALL", text, 0), ("DEBUG", text), ("DEBUG", "ERROR", "E " + text),
                    ("ECHO", text),
                    ("CLIENT", "UNBLOCK", text), ("XADD", "x", text, "a", "b"),
                    ("OBJECT", text, "x"),
                    ("CLIENT", "TRACKING", text), ("CLIENT", "NO-EVICT", text), ("ACL", text),
                    ("MULTI",), (text,), ("EXEC",), ("SET", "k", "v", text),
                    ("PUBLISH", text, text),
                    ("PUBSUB", "NUMSUB", text), ("SUBSCRIBE", text), (text, text), ("PING", text),
                    resp=resp)

    def test_line_ends_in_what_scripts_say(self):
        makers = ["return redis.error_reply(ARGV[1])", "return redis.status_reply(ARGV[1])",
                  "return {err = ARGV[1]}", "return {ok = ARGV[1]}", "error(ARGV[1])",
                  "error({err = ARGV[1]})", "return redis.pcall(ARGV[1])",
                  "return redis.call(ARGV[1])",
                  "return {ARGV[1], {ok = ARGV[1]}, {err = ARGV[1]}}",
                  "return {big_number = ARGV[1]}", "return {double = 1/0}",
                  "return {map = {[ARGV[1]] = 1}}",
                  "return {verbatim_string = {format = ARGV[1], string = ARGV[1]}}",
                  "redis.setresp(3) return {big_number = ARGV[1]}",
                  "redis.setresp(3) return {double = 0/0}",
                  "redis.setresp(3) return {map = {[ARGV[1]] = {set = {[ARGV[1]] = true}}}}",
                  "redis.setresp(3) "
                  "return {verbatim_string = {format = ARGV[1], string = ARGV[1]}}",
                  "redis.setresp(3) return {true, false, ARGV[1]}", "return redis.sha1hex(ARGV[1])"]
        for maker in makers:
            for resp in (2, 3):
                self.assert_same("a script's own framing",
                                 *[("EVAL", maker, 0, text) for text in INJECTED],
                                 resp=resp)

    def test_every_type_of_reply(self):
        types = ["string", "integer", "double", "null", "array", "set", "map", "attrib", "push",
                 "verbatim", "true", "false", "bignum", "nosuch"]
        for resp in (2, 3):
            for kind in types:
                if resp == 3 and kind == "push":
                    continue  # Hawser hands on no push that answers nothing.
                for pipeline in (1, 20):
                    self.assert_same(f"{kind} counted wrong",
                                     *[("DEBUG", "PROTOCOL", kind), ("ECHO", kind)] * pipeline,
                                     resp=resp)
                self.assert_same(f"{kind} in a transaction", ("MULTI",),
                                 ("DEBUG", "PROTOCOL", kind),
                                 ("SELECT", 0), ("DEBUG", "PROTOCOL", kind), ("EXEC",),
                                 ("ECHO", kind),
                                 resp=resp)

    def test_nesting_as_deep_as_lua_can(self):
        """The shared connection once ended at 128 levels."""
        for depth in (10, 127, 128, 129, 1000, 7000, 9000):
            for resp in (2, 3):
                self.assert_same("a reply too deep ends the connection of all",
                                 ("EVAL", NEST, 0, depth),
                                 ("ECHO", "behind it"), resp=resp)
        self.assert_same("the same in a transaction", ("WATCH", "w"), ("MULTI",),
                         ("EVAL", NEST, 0, 9000), ("SELECT", 0), ("EXEC",), ("ECHO", "behind it"))

    def test_replies_cut_at_odd_places(self):
        """Replies that end where a read of hawser's ends."""
        lengths = [0, 1, 2, 15, 16, 17, 4094, 4095, 4096, 16382, 16383, 16384, 65530, 65535, 65536,
                   131071, 262143, 262144, 262145, 1048576]
        script = ("local r = {} for i = 1, #ARGV do r[i] = string.rep('\\r\\n', ARGV[i] / 2) end "
                  "return r")
        self.assert_same("an end misread", *[("EVAL", script, 0, n, n + 1) for n in lengths],
                         ("ECHO", "end"))


class Fakes(AdversaryCase):
    """Errors with the words by which hawser knows the state of Redis, from who can make them up."""

    def fakers(self):
        script = "return redis.error_reply(ARGV[1])"
        padding = "x" * (2 << 20)  # Takes a connection of its own.
        return [lambda word: ("DEBUG", "ERROR", word + " made up"),
                lambda word: ("EVAL", script, 0, word + " made up"),
                lambda word: ("EVAL", script, 0, word + " made up", padding)]

    def test_nobody_but_redis_opens_the_circuit_or_sends_hawser_away(self):
        for word in ["LOADING", "BUSY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "READONLY",
                     "NOAUTH",
                     "WRONGPASS", "NOPERM", "MOVED", "ASK", "EXECABORT", "UNBLOCKED", "OOM",
                     "MISCONF"]:
            for number, faker in enumerate(self.fakers()):
                client = self.client()
                words = faker(word)
                for _ in range(3 if number == 2 else 30):
                    self.assertEqual(client(*words), word + " made up")
                client.close()
                self.clients.remove(client)
        self.assertEqual(self.hawser.metric('hawser_circuit_state{upstream="127.0.0.1:%d"}'
                                            % self.redis.port), 0)
        self.assertNotIn("is a replica now", self.hawser.log())

    def test_faked_states_of_transactions(self):
        """What looks like QUEUED, like EXEC's end, or like nothing queued."""
        client = self.client()
        fake = "return redis.status_reply('QUEUED')"
        self.assertEqual(client.pipeline(
            ("WATCH", "a"), ("EVAL", fake, 0), ("EVAL", fake, 0), ("MULTI",), ("EVAL", fake, 0),
            ("SELECT", 2), ("CLIENT", "GETNAME"), ("EXEC",)),
            ["OK", "QUEUED", "QUEUED", "OK", "QUEUED", "QUEUED", "QUEUED", ["QUEUED", "OK", None]])
        self.assertEqual(client.pipeline(
            ("WATCH", "a"), ("MULTI",), ("EVAL",
                                         "return redis.error_reply('ERR EXEC without MULTI')", 0),
            ("EXEC",), ("SET", "in2", 1), ("SELECT", 0), ("GET", "in2")),
            ["OK", "OK", "QUEUED", ["ERR EXEC without MULTI"], "OK", "OK", None])

    def test_messages_that_look_like_hawsers_own(self):
        """Spoofed news about the circuit, and about a gap."""
        listener, liar = self.client(), self.client()
        listener("SUBSCRIBE", "__hawser__:state")
        listener.read()  # The present state.
        for _ in range(5):
            liar("PUBLISH", "__hawser__:state", '{"state":"open","reason":"lie","time":"x"}')
        self.assert_silent(listener)

    def test_clients_that_leave_with_replies_owed(self):
        """Their replies must be swallowed, not given to those behind them."""
        for i in range(150):
            client = Client(self.hawser.port)
            client.raw(joined(*[("EVAL", "return ARGV[1]", 0,
                                 f"owed{i}.{n}" * 50) for n in range(20)],
                              ("NOSUCH", i), ("GET", "x" * (i % 7))))
            if i % 3:
                client.reset()
            else:
                client.close()
        self.check_bystanders()

    def test_half_read_long_replies(self):
        """A client that goes in the middle of a reply that is handed on as it comes."""
        self.client()("SET", "long", "r\r\n+OK\r\n" * 500000)
        for i in range(12):
            client = Client(self.hawser.port)
            client.raw(encode("GET", "long") * 2)
            client.file.read(1 + i * 40000)
            client.reset()
        self.check_bystanders()


if __name__ == "__main__":
    unittest.main()
