"""Rights: one user's connections, subscriptions, scripts and leases are nothing to another."""

import json
import time
import unittest

from adversary_case import AdversaryCase, joined
from resp import Closed, ErrorReply
from servers import eventually

RIGHTS = ("~a:*", "&a:*", "+@all", "-@dangerous", "+acl|whoami")


class Users(AdversaryCase):
    """ann may touch a:*, ben may touch b:*; the URL's user may do everything."""

    def setUp(self):
        super().setUp()
        self.user("ann", *RIGHTS)
        self.user("ben", "~b:*", "&b:*", "+@all", "-@dangerous", "+acl|whoami")

    def ann(self, **options):
        return self.client("ann", "ann", **options)

    def ben(self, **options):
        return self.client("ben", "ben", **options)

    def assert_denied(self, reply, word="NOPERM"):
        self.assertIsInstance(reply, ErrorReply)
        self.assertTrue(reply.startswith(word), reply)

    def test_requests_around_a_change_of_user_have_the_rights_of_their_place(self):
        """Pipelined with AUTH, what stands before it must not get what is behind it."""
        owner = self.ann()
        owner("SET", "a:secret", "ann's")
        for _ in range(30):
            ben = self.client()
            got = ben.pipeline(
                ("AUTH", "ben", "ben"), ("GET", "a:secret"), ("AUTH", "ann", "wrong"),
                ("GET", "a:secret"),
                ("ACL", "WHOAMI"), ("AUTH", "nobody", "ann"), ("GET", "a:secret"),
                ("HELLO", 3, "AUTH", "ann", "wrong", "SETNAME", "stolen"), ("ACL", "WHOAMI"),
                ("CLIENT", "GETNAME"), ("HELLO", 4, "AUTH", "ann", "ann"), ("ACL", "WHOAMI"),
                ("HELLO", 3, "AUTH", "ann", "ann", "SETNAME", "a b"), ("ACL", "WHOAMI"),
                ("HELLO", 3, "AUTH", "ann"), ("AUTH",), ("AUTH", "ann", "ann", "ann"),
                ("ACL", "WHOAMI"))
            for place in (1, 3, 6):
                self.assert_denied(got[place])
            for place in (4, 8, 11, 13, 17):
                self.assertEqual(got[place], b"ben")
            for place in (2, 5, 7):
                self.assert_denied(got[place], "WRONGPASS")
            self.assertIsNone(got[9])
            ben.close()
            self.clients.remove(ben)

    def test_passwords_are_not_taken_from_others(self):
        """An open connection, or a remembered password, of one user is no ticket for another."""
        self.ann()
        self.ben()
        thief = self.client()
        for words in [("ann", ""), ("ann", "ben"), ("an", "nann"), ("annann", ""), ("", "ann"),
                      ("ANN", "ann"),
                      ("ann\x00", "ann"), ("ann", "ann\x00"), ("ann ", "ann"), ("ann", "ann\r\n"),
                      ("ann\r\nAUTH ben", "ben"), ("hawser", ""), ("ann", "x" * 100000)]:
            reply = thief("AUTH", *words)
            if words[0] == "":
                continue  # Whose that is, Redis says.
            self.assert_denied(reply, "WRONGPASS")
            self.assertEqual(thief("ACL", "WHOAMI"), b"default")

    def test_in_a_transaction(self):
        """A change of user queued, failing, or discarded."""
        self.ann()("SET", "a:secret", "ann's")
        ben = self.ben()
        for login in [("AUTH", "ann", "wrong"), ("HELLO", 3, "AUTH", "ann", "wrong")]:
            ben.pipeline(("MULTI",), login, ("EXEC",), ("DISCARD",))
            self.assertEqual(ben("ACL", "WHOAMI"), b"ben")
            self.assert_denied(ben("GET", "a:secret"))
        ben.pipeline(("MULTI",), ("AUTH", "ann", "ann"), ("DISCARD",))
        self.assertEqual(ben("ACL", "WHOAMI"), b"ben")
        self.assert_denied(ben("GET", "a:secret"))
        self.assert_denied(ben.pipeline(("WATCH", "b:1"), ("MULTI",), ("GET", "a:secret"),
                                        ("EXEC",))[-1],
                           "EXECABORT")
        self.assert_denied(ben("WATCH", "a:secret"))
        # The pinned connection changed its user: it must not serve ann's or ben's next.
        for _ in range(5):
            changed = self.ben()
            changed.pipeline(("WATCH", "b:1"), ("MULTI",), ("AUTH", "ann", "ann"), ("EXEC",))
            changed.close()
            self.clients.remove(changed)
            self.assertEqual(ben.pipeline(("WATCH", "b:1"), ("ACL", "WHOAMI"), ("UNWATCH",))[1],
                             b"ben")

    def test_a_user_who_is_deleted_or_changed(self):
        """Whose rights are gone must not go on under another's, and takes nobody along."""
        direct = self.direct()
        ann, blocked, heard = self.ann(), self.ann(), self.ann()
        heard("SUBSCRIBE", "a:channel")
        blocked.send("BLPOP", "a:queue", 0)
        ann("WATCH", "a:1")
        watching = self.ann()
        watching.pipeline(("MULTI",), ("SET", "a:1", "x"))
        eventually(lambda: b"blocked_clients:1" in direct("INFO", "clients"), "blocked")
        self.assertEqual(direct("ACL", "DELUSER", "ann"), 1)
        with self.assertRaises(Closed):
            heard.read()
        try:
            self.assertIsInstance(blocked.read(), ErrorReply)
        except Closed:
            pass
        for client in (watching, ann, self.client()):
            try:
                reply = client("EXEC")
                self.assertIsInstance(reply, ErrorReply)
                reply = client("GET", "a:1")
                self.assertTrue(reply is None or isinstance(reply, ErrorReply))
            except Closed:
                pass
        self.assertIsNone(direct("GET", "a:1"))
        self.assertEqual(direct("RPUSH", "a:queue", "x"), 1)

    def test_rights_taken_away_count_at_once(self):
        ann, direct = self.ann(), self.direct()
        self.assertEqual(ann("SET", "a:1", "x"), "OK")
        direct("ACL", "SETUSER", "ann", "-set", "-eval", "resetkeys", "~c:*")
        for words in [("SET", "a:1", "y"), ("GET", "a:1"), ("EVAL", "return 1", 0),
                      ("CACHE.GET", "a:1"),
                      ("CACHE.SET", "a:1", "v", "TAGS", 1, "t"),
                      ("CACHE.GET", "a:1", "LEASE", 100)]:
            self.assert_denied(ann(*words))
        self.assertEqual(direct("GET", "a:1"), b"x")

    def test_scripts_do_what_their_caller_may(self):
        """A script that one user has sent is run by another with that one's rights."""
        read = "return redis.call('GET', KEYS[1])"
        ann, ben = self.ann(), self.ben()
        ann("SET", "a:secret", "ann's")
        digest = ann("SCRIPT", "LOAD", read)
        self.assertEqual(ann("EVALSHA", digest, 1, "a:secret"), b"ann's")
        for words in [("EVALSHA", digest, 1, "a:secret"), ("EVAL", read, 1, "a:secret"),
                      ("EVALSHA", digest, 0, "a:secret"), ("EVAL_RO", read, 1, "a:secret"),
                      ("EVAL", "return redis.call('GET', 'a:secret')", 0),
                      ("SORT", "b:1", "GET", "a:secret"), ("COPY", "a:secret", "b:1"),
                      ("EVAL", "return redis.acl_check_cmd('GET', 'a:secret')", 0)]:
            reply = ben(*words)
            self.assertTrue(reply is False or reply is None or isinstance(reply, ErrorReply),
                            (words, reply))
            self.assertNotIn("ann's", str(reply))

    def test_channels(self):
        """A subscription that another user has upstream is not for those without the right."""
        ann, direct = self.ann(resp=3), self.direct()
        ann("SUBSCRIBE", "a:channel")
        ann("PSUBSCRIBE", "a:*")
        for resp in (2, 3):
            ben = self.ben(resp=resp)
            for words in [("SUBSCRIBE", "a:channel"), ("PSUBSCRIBE", "a:*"), ("PSUBSCRIBE", "*"),
                          ("SSUBSCRIBE", "a:channel"), ("PUBLISH", "a:channel", "lie"),
                          ("SUBSCRIBE", "b:1", "a:channel"),
                          ("SPUBLISH", "a:channel", "lie")]:
                self.assert_denied(ben(*words))
            self.assert_denied(ben.pipeline(("MULTI",), ("PUBLISH", "a:channel", "lie"),
                                            ("EXEC",))[-1], "EXECABORT")
            self.assertNotIn(b"subscribe",
                             str(ben.pipeline(("MULTI",), ("SUBSCRIBE", "a:channel"),
                                              ("EXEC",))).encode()
                             .replace(b"NOPERM", b""))
            direct("PUBLISH", "a:channel", "for ann")
            self.assertEqual([list(ann.read()), list(ann.read())],
                             [[b"message", b"a:channel", b"for ann"],
                              [b"pmessage", b"a:*", b"a:channel", b"for ann"]])
            self.assert_silent(ben)
            self.assert_silent(ann)

    def test_channels_taken_away(self):
        ann = self.ann()
        ann("SUBSCRIBE", "a:channel")
        self.direct()("ACL", "SETUSER", "ann", "resetchannels", "&c:*")
        with self.assertRaises(Closed):
            while True:
                self.assertNotIn(b"message", ann.read())

    def test_cache_commands(self):
        """Keys, tags and leases of others: hawser's scripts must have no rights of their own."""
        ann, ben, direct = self.ann(), self.ben(), self.direct()
        for user in ("ann", "ben"):
            direct("ACL", "SETUSER", user, "~__hawser__:*")
        self.assertEqual(ann("CACHE.SET", "a:1", "ann's", "TAGS", 1, "t"), "OK")
        for words in [("CACHE.GET", "a:1"), ("CACHE.GET", "a:1", "LEASE", 1000),
                      ("CACHE.SET", "a:1", "ben's"),
                      ("CACHE.SET", "a:1", "ben's", "TAGS", 1, "t"), ("CACHE.TAG", "a:1", 1, "u"),
                      ("CACHE.UNTAG", "a:1", 1, "t")]:
            self.assertIsInstance(ben(*words), ErrorReply, words)
        ben("CACHE.INVALIDATE", "t")
        self.assertEqual(direct("GET", "a:1"), b"ann's")

    def test_waiting_for_anothers_lease_shows_nothing(self):
        ann, ben, direct = self.ann(), self.ben(), self.direct()
        for user in ("ann", "ben"):
            direct("ACL", "SETUSER", user, "~__hawser__:*", "+info")
        state = ann("CACHE.GET", "a:lease", "LEASE", 5000)
        self.assertEqual(state[:2], [None, b"miss"], state)
        token = state[2]
        self.assertIsInstance(ben("CACHE.GET", "a:lease", "LEASE", 1000), ErrorReply)
        self.assertIsInstance(ben("CACHE.SET", "a:lease", "ben's", "LEASE", token), ErrorReply)
        forged = [token[:-1] + (b"0" if token[-1:] != b"0" else b"1"), b"", token + b"0", token[1:],
                  b"0" * len(token), token.replace(b"-", b"--"), token + b"\r\n"]
        for lie in forged:
            other = self.ann()
            self.assertNotEqual(other("CACHE.SET", "a:lease", "forged", "LEASE", lie), "OK", lie)
        self.assertEqual(ann("CACHE.SET", "a:lease", "right", "LEASE", token), "OK")
        self.assertEqual(direct("GET", "a:lease"), b"right")

    def test_an_invalidation_published_without_the_right(self):
        """Hawser performs what is published; not for whom Redis would not let publish, nor on keys
        that are not theirs."""
        direct = self.direct()
        direct("SET", "a:kept", "x")
        direct("ACL", "SETUSER", "ben", "~__hawser__:*")
        ben = self.ben()
        for kind, target in [("keys", "a:kept"), ("pattern", "a:*")]:
            self.assert_denied(ben("PUBLISH", "cache:invalidate",
                                   json.dumps({"type": kind, "target": [target]})))
        direct("ACL", "SETUSER", "ben", "&cache:invalidate")
        for kind, target in [("keys", "a:kept"), ("pattern", "a:*")]:
            ben("PUBLISH", "cache:invalidate", json.dumps({"type": kind, "target": [target]}))
        self.assertEqual(direct("GET", "a:kept"), b"x")

    def test_what_hawser_remembers_is_kept_apart(self):
        """INFO and COMMAND as of one user for another who may not."""
        direct = self.direct()
        direct("ACL", "SETUSER", "ben", "-info", "-command", "-ping")
        ann, ben = self.ann(), self.ben()
        direct("ACL", "SETUSER", "ann", "+info")
        self.assertIn(b"redis_version", ann("INFO"))
        for words in [("INFO",), ("INFO", "server"), ("COMMAND",), ("COMMAND", "COUNT"), ("PING",)]:
            self.assert_denied(ben(*words))

    def test_who_may_not_end_a_transaction_ends_nobodys_connection(self):
        direct = self.direct()
        direct("ACL", "SETUSER", "ben", "-exec")
        other, ben = self.ben(), self.ben()
        before = self.shared_lanes()
        for _ in range(20):
            other.send("SET", "b:1", "x")
            reply = ben.pipeline(("MULTI",), ("SET", "b:2", "y"), ("EXEC",))
            self.assertIsInstance(reply[-1], ErrorReply)
            self.assertEqual(other.read(), "OK")
        self.assertEqual(before - self.shared_lanes(), set())
        self.assertIsNone(direct("GET", "b:2"))


class Passwords(AdversaryCase):
    """A password that was accepted is remembered, but only that one."""

    settings = {"auth_cache": "60s"}

    def test_guessing_goes_on_being_refused(self):
        self.user("ann", *RIGHTS)
        for _ in range(3):
            self.client("ann", "ann")
        thief = self.client()
        got = thief.pipeline(*[("AUTH", "ann", f"guess{i}") for i in range(150)], ("ACL", "WHOAMI"))
        self.assertTrue(all(r.startswith("WRONGPASS") for r in got[:-1]))
        self.assertEqual(got[-1], b"default")

    def test_many_who_guess_at_once_keep_nobody_from_logging_in(self):
        self.user("ann", *RIGHTS)
        thieves = [self.client() for _ in range(100)]
        for number, thief in enumerate(thieves):
            thief.raw(joined(*[("AUTH", "ann", f"{number}.{i}") for i in range(3)]))
        began = time.monotonic()
        self.assertEqual(self.client("ann", "ann")("ACL", "WHOAMI"), b"ann")
        self.assertLess(time.monotonic() - began, self.patience)
        for thief in thieves:
            for _ in range(3):
                self.assertTrue(thief.read().startswith("WRONGPASS"))


if __name__ == "__main__":
    unittest.main()
