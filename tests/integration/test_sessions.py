"""What belongs to a client and not to the shared connection: user, database, protocol, name."""

import unittest

from case import HawserCase
from resp import ErrorReply
from servers import eventually


class Sessions(HawserCase):
    def test_select_isolates_databases_within_a_pipeline(self):
        client = self.client()
        replies = client.pipeline(("SET", "d", "zero"), ("SELECT", 5), ("SET", "d", "five"),
                                  ("SELECT", 0), ("GET", "d"), ("SELECT", 5), ("GET", "d"))
        self.assertEqual(replies, ["OK", "OK", "OK", "OK", b"zero", "OK", b"five"])
        self.assertEqual(self.client()("GET", "d"), b"zero")

    def test_refused_select_has_redis_words_and_changes_nothing(self):
        client, direct = self.client(), self.direct()
        client("SET", "here", "1")
        for index in ["99", "-1", "x", "99999999999", "1.5", ""]:
            self.assertEqual(client("SELECT", index), direct("SELECT", index), index)
        self.assertEqual(client("GET", "here"), b"1")

    def test_refused_databases_leave_nothing_behind(self):
        client = self.client()
        for start in range(1000, 2000, 100):
            client.pipeline(*[("SELECT", start + i) for i in range(100)])
        self.assertLess(self.hawser.metric("hawser_upstream_contexts"), 100)

    def test_hello_switches_the_protocol_and_tells_the_upstreams_version(self):
        client = self.client()
        reply = client("HELLO", 3, "SETNAME", "bob")
        self.assertEqual(reply[b"version"], self.direct()("HELLO", 3)[b"version"])
        self.assertEqual((reply[b"proto"], reply[b"mode"], reply[b"role"]),
                         (3, b"standalone", b"master"))
        self.assertEqual(reply[b"id"], client("CLIENT", "ID"))
        self.assertEqual(client("CLIENT", "GETNAME"), b"bob")
        client("HSET", "h", "f", "v")
        self.assertEqual(client("HGETALL", "h"), {b"f": b"v"})
        client("HELLO", 2)
        self.assertEqual(client("HGETALL", "h"), [b"f", b"v"])

    def test_bad_hello_has_redis_words(self):
        client, direct = self.client(), self.direct()
        for words in [("9",), ("x",), ("3", "FOO"), ("3", "AUTH", "a"), ("3", "SETNAME", "a b"),
                      ("3", "AUTH", "nobody", "wrong")]:
            self.assertEqual(client("HELLO", *words), direct("HELLO", *words), words)

    def test_client_subcommands_are_answered_for_the_client_itself(self):
        client = self.client()
        self.assertIsNone(client("CLIENT", "GETNAME"))
        self.assertEqual(client("CLIENT", "SETNAME", "worker-1"), "OK")
        self.assertEqual(client("CLIENT", "GETNAME"), b"worker-1")
        self.assertIsInstance(client("CLIENT", "SETNAME", "a b"), ErrorReply)
        self.assertEqual(client("CLIENT", "SETINFO", "LIB-NAME", "x"), "OK")
        listing = client("CLIENT", "LIST").decode()
        self.assertIn("name=worker-1", listing)
        self.assertNotIn("hawser:", listing)
        self.assertEqual(client("CLIENT", "NOSUCH"),
                         "ERR unknown subcommand 'NOSUCH'. Try CLIENT HELP.")

    def test_client_reply_modes_are_the_clients_own(self):
        client, other = self.client(), self.client()
        client.send("CLIENT", "REPLY", "OFF")
        client.send("SET", "muted", "1")
        client.send("CLIENT", "REPLY", "ON")
        self.assertEqual(client.read(), "OK")
        self.assertEqual(other("GET", "muted"), b"1")
        client.send("CLIENT", "REPLY", "SKIP")
        client.send("GET", "muted")
        self.assertEqual(client("ECHO", "next"), b"next")

    def test_reset_and_quit(self):
        client = self.client()
        client.pipeline(("HELLO", 3), ("SELECT", 4), ("CLIENT", "SETNAME", "x"))
        self.assertEqual(client("RESET"), "RESET")
        client("SET", "after-reset", "1")
        self.assertEqual(self.direct()("GET", "after-reset"), b"1")
        self.assertIsNone(client("CLIENT", "GETNAME"))
        self.assertEqual(client.pipeline(("SET", "q", "1"), ("QUIT",)), ["OK", "OK"])
        self.assertEqual(client.rest(), b"")

    def test_ping_and_info_come_from_redis(self):
        client = self.client()
        self.assertEqual(client("PING"), "PONG")
        self.assertEqual(client("PING", "hello"), b"hello")
        self.assertIn(b"tcp_port:%d" % self.redis.port, client("INFO", "server"))

    def test_info_is_asked_for_in_whatever_context(self):
        client, other, direct = self.client(), self.client(), self.direct()
        client("INFO", "keyspace")  # The copy for when Redis is away.
        other("HELLO", 3)
        direct("SET", "since", 1)
        for each in (other, client):
            self.assertNotIn(b"hawser_upstream:down", each("INFO", "keyspace"))
            self.assertIn(b"db0:keys=", each("INFO", "keyspace"))

    def test_a_password_is_known_for_the_login_it_was_accepted_with(self):
        client, direct = self.client(), self.direct()
        for words in [("AUTH", "default", "any"), ("AUTH", "any"), ("AUTH", "", "any"),
                      ("AUTH", "default", "any"), ("AUTH", "any")]:
            self.assertEqual(client(*words), direct(*words), words)

    def test_a_user_without_a_password_is_that_user(self):
        direct = self.direct()
        direct("ACL", "SETUSER", "bob", "on", "nopass", "~b:*", "+@read", "+acl|whoami")
        for password in ("", "any", ""):
            for words in [("AUTH", "bob", password), ("HELLO", 3, "AUTH", "bob", password)]:
                client = self.client()
                self.assertNotIsInstance(client(*words), ErrorReply)
                self.assertEqual(client("ACL", "WHOAMI"), b"bob")
                self.assertTrue(client("SET", "x", 1).startswith("NOPERM"))

    def test_what_the_server_does_not_know_is_not_said_to_be_done(self):
        client, direct = self.client(), self.direct()
        for words in [("NO-EVICT", "ON"), ("NO-EVICT", "OFF"), ("NO-EVICT", "x"), ("NO-EVICT",),
                      ("NO-TOUCH", "OFF"), ("NO-TOUCH", "x"), ("NO-TOUCH",)]:
            self.assertEqual(client("CLIENT", *words), direct("CLIENT", *words), words)
        self.assertIsInstance(client("CLIENT", "NO-TOUCH", "ON"), ErrorReply)

    def test_wrong_number_of_arguments_has_redis_words(self):
        client, direct = self.client(), self.direct()
        for words in [("GET",), ("AUTH",), ("SELECT",), ("ECHO",), ("BLPOP", "a"), ("CLIENT",),
                      ("CLIENT", "SETNAME"), ("MULTI", "x"), ("AUTH", "a", "b", "c")]:
            self.assertEqual(client(*words), direct(*words), words)


class Users(HawserCase):
    redis_options = ("--user default on >secret ~* &* +@all "
                     "--user alice on >apple ~alice:* &* +@all "
                     "--user bob on >banana ~bob:* &* +@all").split()

    url_password = "secret"

    def direct(self):
        client = super().direct()
        client("AUTH", "secret")
        return client

    def test_a_client_without_auth_is_the_user_of_the_url(self):
        self.assertEqual(self.client()("ACL", "WHOAMI"), b"default")

    def test_a_wrong_password_is_refused_although_a_lane_is_open(self):
        client = self.client()
        self.assertEqual(client("AUTH", "alice", "apple"), "OK")
        client("SET", "alice:1", "x")
        intruder = self.client()
        refusal = "WRONGPASS invalid username-password pair or user is disabled."
        for words in [("alice", "banana"), ("alice", ""), ("nobody", "apple"), ("apple",)]:
            self.assertEqual(intruder("AUTH", *words), refusal, words)
        self.assertEqual(intruder("HELLO", 3, "AUTH", "alice", "no"), refusal)
        self.assertEqual(intruder("ACL", "WHOAMI"), b"default")
        self.assertEqual(client("GET", "alice:1"), b"x")

    def test_each_client_has_the_rights_of_its_own_user(self):
        alice, bob = self.client(), self.client()
        self.assertEqual(alice("AUTH", "alice", "apple"), "OK")
        self.assertEqual(bob("HELLO", 2, "AUTH", "bob", "banana")[0], b"server")
        for _ in range(20):
            self.assertEqual(alice.pipeline(("SET", "alice:k", 1), ("ACL", "WHOAMI")),
                             ["OK", b"alice"])
            self.assertEqual(bob.pipeline(("SET", "bob:k", 1), ("ACL", "WHOAMI")), ["OK", b"bob"])
        self.assertTrue(alice("GET", "bob:k").startswith("NOPERM"))
        self.assertTrue(bob("GET", "alice:k").startswith("NOPERM"))

    def test_an_auth_within_a_pipeline_counts_from_its_place_on(self):
        client = self.client()
        self.assertEqual(client.pipeline(("ACL", "WHOAMI"), ("AUTH", "bob", "banana"),
                                         ("ACL", "WHOAMI"), ("AUTH", "bob", "wrong"),
                                         ("ACL", "WHOAMI"))[0::2], [b"default", b"bob", b"bob"])

    def test_a_password_not_known_while_redis_is_away_is_no_invention(self):
        known, unknown = self.client(), self.client()
        self.assertEqual(known("AUTH", "alice", "apple"), "OK")
        self.redis.kill()
        try:
            self.assertEqual(known("AUTH", "alice", "apple"), "OK")
            reply = unknown("AUTH", "bob", "other")
            self.assertTrue(reply.startswith("PROXYDOWN"), reply)
        finally:
            self.redis.start()
        eventually(lambda: known("PING") == "PONG", "Redis is back")


if __name__ == "__main__":
    unittest.main()
