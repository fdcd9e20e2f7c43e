"""State that belongs to one connection: it must not get onto a shared one, nor stay on one that is
handed on. Each attempt leaves something behind if it can; then it is looked for."""

import unittest

from adversary_case import AdversaryCase, OracleCase, joined
from resp import Client, ErrorReply

# What tells whose state a connection has. Ids are hawser's own.
LOOK = [("CLIENT", "GETNAME"), ("GET", "where"), ("ACL", "WHOAMI"), ("CLIENT", "GETREDIR"),
        ("CLIENT", "TRACKINGINFO"), ("EVAL", "return redis.call('GET', 'where')", 0),
        ("EVAL", "return tostring(leaked)", 0), ("EXEC",), ("DISCARD",), ("PING",)]

IN_LUA = [
    "return redis.call('SELECT', 1)", "redis.call('SELECT', 1) return redis.call('GET', 'where')",
    "return redis.pcall('AUTH', 'default', 'x')", "return redis.pcall('HELLO', '3')",
    "return redis.pcall('MULTI')", "return redis.pcall('WATCH', 'w')", "return redis.pcall('EXEC')",
    "return redis.pcall('SUBSCRIBE', 'c')", "return redis.pcall('PSUBSCRIBE', '*')",
    "return redis.pcall('CLIENT', 'REPLY', 'OFF')",
    "return redis.pcall('CLIENT', 'SETNAME', 'mine')",
    "return redis.pcall('CLIENT', 'TRACKING', 'ON')", "return redis.pcall('MONITOR')",
    "return redis.pcall('RESET')", "return redis.pcall('QUIT')",
    "return redis.pcall('DEBUG', 'SLEEP', '0')",
    "return redis.pcall('SYNC')", "return redis.pcall('ASKING')", "return redis.pcall('READONLY')",
    "return redis.pcall('SCRIPT', 'DEBUG', 'YES')", "leaked = 'yes' return 1",
    "rawset(_G, 'leaked', 'yes') return 1",
    "getmetatable(_G).__newindex = nil leaked = 'yes' return 1",
    "redis.setresp(3) return redis.call('HGETALL', 'h')",
    "string.rep = function() return 'leaked' end return 1", "redis.call = nil return 1",
    "redis.replicate_commands() redis.set_repl(redis.REPL_NONE) return 1",
    "return redis.pcall('BLPOP', 'none', 0)",
    "return redis.pcall('XREAD', 'BLOCK', 0, 'STREAMS', 'none', '$')",
    "return redis.pcall('BLMPOP', 0, 1, 'none', 'LEFT')", "return redis.pcall('WAIT', 1, 0)",
]

# Requests that change what their connection is to Redis.
CHANGES = [
    [("SELECT", 1)], [("HELLO", 3)], [("HELLO", 3, "SETNAME", "mine")],
    [("CLIENT", "SETNAME", "mine")],
    [("CLIENT", "REPLY", "SKIP"), ("PING",)], [("CLIENT", "REPLY", "OFF")],
    [("client", "RePly", "oFF")],
    [b"CLIENT REPLY OFF\r\n"], [b"  client\t  reply   off  \r\n"], [b'"CLIENT" "REPLY" "OFF"\r\n'],
    [b"'cli\\'ent' reply off\r\n"], [b'"\\x43LIENT" "\\x52EPLY" "\\x4fFF"\r\n'],
    [b"*3\r\nZ$6\r\n"], [b"*3\rX$6\rYCLIENTab$5\r\nREPLYcd$3\r\nOFFef"],
    [("CLIENT", "REPLY", "OFF", "x")], [("CLIENT", "REPLY")], [("CLIENT", " REPLY", "OFF")],
    [("CLIENT|REPLY", "OFF")],
    [("CLIENT", "NO-EVICT", "ON")], [("CLIENT", "TRACKING", "ON")],
    [("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "by")], [("CLIENT", "CACHING", "YES")],
    [("CLIENT", "TRACKING", "ON", "OPTIN"), ("CLIENT", "CACHING", "YES")],
    [("MULTI",)], [("MULTI",), ("SET", "x", 1)], [("MULTI",), ("NOSUCH",)], [("WATCH", "where")],
    [("WATCH", "where"), ("MULTI",)], [("MULTI",), ("WATCH", "where")], [("MULTI",), ("MULTI",)],
    [("WATCH", "where"), ("MULTI",), ("DISCARD",)], [("MULTI",), ("DISCARD",), ("DISCARD",)],
    [("DISCARD",)], [("EXEC",)], [("EXEC", "x")], [("MULTI", "x")],
    [("MULTI",), ("EXEC", "x"), ("EXEC",)],
    [("MULTI",), ("DISCARD", "x")], [("WATCH",)], [("UNWATCH",)],
    [("MULTI",), ("UNWATCH",), ("EXEC",)],
    [("MULTI",), ("SELECT", 1), ("EXEC",)], [("MULTI",), ("SELECT", 1), ("DISCARD",)],
    [("MULTI",), ("SELECT", 1), ("NOSUCH",), ("EXEC",)], [("MULTI",), ("SELECT", 99999), ("EXEC",)],
    [("WATCH", "where"), ("SET", "where", "db0"), ("MULTI",), ("SELECT", 1), ("EXEC",)],
    [("MULTI",), ("HELLO", 3), ("EXEC",)], [("MULTI",), ("HELLO", 3, "SETNAME", "mine")],
    [("MULTI",), ("CLIENT", "SETNAME", "mine"), ("EXEC",)],
    [("MULTI",), ("SUBSCRIBE", "c"), ("EXEC",)], [("SUBSCRIBE", "c")], [("PSUBSCRIBE", "c*")],
    [("SSUBSCRIBE", "c")], [("MULTI",), ("SUBSCRIBE", "c"), ("DISCARD",)], [("UNSUBSCRIBE",)],
    [("MULTI",), ("PSUBSCRIBE", "c*"), ("SELECT", 1), ("EXEC",)],
    [("MULTI",), ("RESET",)], [("MULTI",), ("QUIT",)], [("RESET",)], [("QUIT",)],
    [("MULTI",), ("AUTH", "default", "wrong"), ("EXEC",)], [("AUTH", "nobody", "wrong")],
    [("MULTI",), ("EVAL", "return redis.call('SELECT', 1)", 0), ("EXEC",)],
    [("MULTI",), ("DEBUG", "SLEEP", 0), ("EXEC",)], [("MULTI",), ("BLPOP", "none", 0), ("EXEC",)],
    [("MULTI",), ("MONITOR",), ("EXEC",)], [("MULTI",), ("SYNC",), ("EXEC",)],
    [("ASKING",)], [("READONLY",)], [("READWRITE",)], [("SCRIPT", "DEBUG", "NO")],
    [("MULTI",), ("ASKING",), ("EXEC",)], [("MULTI",), ("READONLY",), ("EXEC",)],
    [("SCRIPT", "DEBUG", "YES")], [("MONITOR",)], [("NOSUCH", "x")], [("CLIENT", "NOSUCH")],
    [("DEBUG", "SET-ACTIVE-EXPIRE", 1)], [("CLIENT",)], [("HELLO", 3, "AUTH", "default")],
    [("HELLO", 3, "SETNAME", "a b")], [("HELLO", 3, "AUTH", "nobody", "x", "SETNAME", "mine")],
    [("CLIENT", "SETINFO", "LIB-NAME", "x")], [("SWAPDB", 7, 7)],
]

# Refused, or answered otherwise, by hawser on purpose; or a stream.
OWN_ANSWER = [
    [("CLIENT", "SETINFO", "LIB-NAME", "x")], [("MONITOR",)], [("SCRIPT", "DEBUG", "YES")],
    [("SCRIPT", "DEBUG", "NO")], [("MULTI",), ("SYNC",), ("EXEC",)],
]


class Leaks(OracleCase):
    """On Redis every client has its own connection: so what the others find is known."""

    def setUp(self):
        super().setUp()
        for port in (self.redis.port, self.oracle.port):
            client = self.client(port=port)
            self.assertEqual(client("SET", "where", "db0"), "OK")
            client.pipeline(("SELECT", 1), ("SET", "where", "db1"), ("SELECT", 0))

    def look(self, after):
        """What another client finds, in RESP2 and RESP3."""
        for resp in (2, 3):
            self.assert_same(f"left behind by {after}", *LOOK, resp=resp)

    def test_a_client_that_goes_on_is_as_on_redis(self):
        """Also behind the change everything is the client's own."""
        for change in CHANGES:
            if change in OWN_ANSWER:
                continue
            self.assert_same(f"went on after {change}", *change, ("GET", "where"), ("PING",),
                             ("CLIENT", "GETNAME"), ("EXEC",), ("CLIENT", "REPLY", "ON"),
                             ("GET", "where"))

    def test_what_a_client_leaves_behind_is_nobodys(self):
        for change in CHANGES:
            for goes in (Client.close, Client.reset):
                client = Client(self.hawser.port)
                client.raw(joined(*change, ("ECHO", "x")), may_fail=True)
                goes(client)
            self.look(change)

    def test_pinned_connections_are_handed_on_without_a_trace(self):
        """One after the other gets the connection of the one before."""
        for change in CHANGES:
            first = Client(self.hawser.port)
            first.raw(joined(("WATCH", "where"), *change, ("PING",)), may_fail=True)
            first.socket.settimeout(0.02)
            try:
                first.socket.recv(1 << 16)
            except OSError:
                pass
            first.close()
            self.assert_same(f"after {change}", ("MULTI",), ("GET", "where"), ("CLIENT", "GETNAME"),
                             ("ACL", "WHOAMI"), b"", ("EXEC",), ("WATCH", "other"), ("MULTI",),
                             ("SET", "other", 1), ("EXEC",), ("GET", "where"))

    def test_scripts_leave_nothing(self):
        for script in IN_LUA:
            self.assert_same("a script changed its connection", ("EVAL", script, 0),
                             ("GET", "where"))
            self.assert_same("a script changed its connection", ("MULTI",), ("EVAL", script, 0),
                             ("GET", "where"), ("EXEC",), ("GET", "where"), resp=3)
            self.look(script)

    def test_functions_leave_nothing(self):
        library = ("#!lua name=ill\nredis.register_function('go', function() "
                   "redis.setresp(3) redis.call('SELECT', 1) "
                   "return redis.call('GET', 'where') end)")
        self.assert_same("a function changed its connection",
                         ("FUNCTION", "LOAD", "REPLACE", library),
                         ("FCALL", "go", 0), ("GET", "where"), ("FCALL", "go", 0), ("GET", "where"))
        self.look("FCALL")
        self.assert_same("", ("FUNCTION", "FLUSH"))

    def test_reply_modes_stay_with_their_client(self):
        """Replies that one client does not want, missing to another."""
        mute = self.client()
        mute.send("CLIENT", "REPLY", "OFF")
        for i in range(300):
            mute.send("SET", f"mute{i}", i)
        mute.raw(joined(("MULTI",), ("INCR", "mute1"), ("EXEC",), ("BLPOP", "none", "0.01"),
                        ("SELECT", 3), ("SELECT", 0), ("NOSUCH",), ("WATCH", "a"), ("UNWATCH",)))
        mute.send("CLIENT", "REPLY", "ON")
        self.assertEqual(mute.read(), "OK")
        self.assertEqual(mute("GET", "mute1"), b"2")
        skipping = self.client()
        for i in range(50):
            skipping.send("CLIENT", "REPLY", "SKIP")
            skipping.send("SET", "skip", i)
        self.assertEqual(skipping("GET", "skip"), b"49")

    def test_a_connection_for_life_does_not_mix_replies_and_messages(self):
        """READONLY and its like once held a connection on which SUBSCRIBE went to Redis as it was:
        messages were taken for replies."""
        for first in [("READONLY",), ("READWRITE",), ("ASKING",)]:
            for resp in (2, 3):
                self.assert_same(f"{first} holds a connection", first, ("SUBSCRIBE", "a"),
                                 ("PING",), ("UNSUBSCRIBE",), ("PING",), resp=resp)
                self.assert_same(f"{first} holds a connection", first, ("CLIENT", "REPLY", "OFF"),
                                 ("PING",), ("CLIENT", "REPLY", "ON"), ("PING",), resp=resp)
                self.assert_same(f"{first} holds a connection", first, ("SELECT", 1),
                                 ("GET", "where"), ("RESET",), ("GET", "where"), resp=resp)
        client = self.client()
        self.assertEqual(client("SCRIPT", "DEBUG", "NO"), "OK")
        self.assertIsInstance(client("CLIENT", "REPLY", "OFF"), ErrorReply)
        self.assertEqual(client("GET", "where"), b"db0")
        replies = client.pipeline(("SUBSCRIBE", "c", "d"), ("PING",), ("PING",), ("PING",))
        self.assertEqual([reply[0] for reply in replies],
                         [b"subscribe", b"subscribe", b"pong", b"pong"])


class Registers(AdversaryCase):
    def test_tracking_of_one_client_tells_another_nothing(self):
        """Invalidations are pushed on a connection; on a shared one everybody would get them."""
        spy, other = self.client(resp=3), self.client(resp=3)
        self.assertEqual(spy("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "tracked"), "OK")
        other("SET", "tracked", 1)
        self.assertEqual(list(spy.read()), [b"invalidate", [b"tracked"]])
        self.assert_silent(other)
        spy.reset()
        self.clients.remove(spy)
        other("SET", "tracked", 2)
        self.assert_silent(other)

    def test_pushes_that_answer_nothing_go_to_nobody(self):
        """DEBUG PROTOCOL push: a push frame and a reply. The frame must not be somebody's reply."""
        clients = [self.client(resp=3) for _ in range(3)]
        for client in clients[1:]:
            client("SUBSCRIBE", "quiet")
        for _ in range(50):
            clients[0].raw(joined(("DEBUG", "PROTOCOL", "push"), ("ECHO", "own")))
            replies = [clients[0].read() for _ in range(2)]
            self.assertEqual(replies[-1], b"own")
        for client in clients[1:]:
            self.assert_silent(client)

    def test_a_watch_of_one_client_aborts_nobody_elses_transaction(self):
        for _ in range(20):
            spoiler = Client(self.hawser.port)
            spoiler("WATCH", "shared")
            self.assertEqual(self.redis_set("shared", "x"), "OK")
            spoiler.reset()
            client = Client(self.hawser.port)
            self.assertEqual(client.pipeline(("WATCH", "mine"), ("MULTI",), ("PING",)),
                             ["OK", "OK", "QUEUED"])
            self.assertEqual(client("EXEC"), ["PONG"])
            client.close()

    def redis_set(self, key, value):
        client = Client(self.redis.port)
        reply = client("SET", key, value)
        client.close()
        return reply


if __name__ == "__main__":
    unittest.main()
