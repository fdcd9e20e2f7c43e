"""CACHE.SET, GET, TAG, UNTAG and INVALIDATE as commands among others."""

import itertools
import json
import random
import unittest

import redis as redis_py

from cache_case import CHANNEL, PREFIX, CacheCase, index
from resp import Client, ErrorReply, Push, encode
from servers import Hawser, RedisServer, eventually
from way import Way

NO_INTEGER = "ERR value is not an integer or out of range"
SYNTAX = "ERR syntax error"
WRONGTYPE = "WRONGTYPE Operation against a key holding the wrong kind of value"
BINARY = b"\x00\r\n$-1\r\n{}*?\xff\xfe\x80 "


class Replies(CacheCase):
    def test_replies_byte_for_byte(self):
        for resp, nil in [(2, b"$-1\r\n"), (3, b"_\r\n")]:
            client = self.client()
            client("FLUSHALL")
            client("HELLO", resp)
            miss = b"*3\r\n" + nil + b"$4\r\nmiss\r\n" + nil
            fresh = b"*3\r\n$1\r\nv\r\n$5\r\nfresh\r\n" + nil
            stale = b"*3\r\n$1\r\nv\r\n$5\r\nstale\r\n" + nil
            for words, want in [
                    ("CACHE.GET k", miss), ("CACHE.SET k v", b"+OK\r\n"), ("CACHE.GET k", fresh),
                    ("cache.get k lease 100 stale 100", fresh), ("CACHE.TAG k 1 t", b":1\r\n"),
                    ("CACHE.TAG k 2 t u", b":1\r\n"), ("CACHE.TAG k 2 w w", b":1\r\n"),
                    ("CACHE.UNTAG k 3 u t x", b":2\r\n"), ("CACHE.UNTAG k 1 u", b":0\r\n"),
                    ("CACHE.TAG none 1 t", b":0\r\n"), ("CACHE.UNTAG none 1 t", b":0\r\n"),
                    ("CACHE.INVALIDATE t", b":0\r\n"), ("CACHE.GET k", fresh),
                    ("CACHE.INVALIDATE w t none", b":1\r\n"), ("CACHE.GET k", miss),
                    ("CACHE.SET k v PX 90000 TAGS 1 t", b"+OK\r\n"),
                    ("CACHE.GET k STALE 80000", fresh), ("CACHE.GET k STALE 95000", stale),
                    ("CACHE.INVALIDATE ASYNC t", b":1\r\n"), ("CACHE.GET k", miss),
                    ("CACHE.SET k v LEASE 1-a-2-b", nil)]:
                self.assert_bytes(client, words.split(), want)
            value, state, token = client("CACHE.GET", "k", "LEASE", 60000)
            self.assertEqual((value, state), (None, b"miss"))
            self.assertRegex(token.decode(), "^[0-9a-f]+-[0-9a-f]+-[0-9]+-[0-9a-f]+$")
            self.assert_bytes(client, ["CACHE.SET", "k", "v", "LEASE", token], b"+OK\r\n")
            self.assert_bytes(client, ["CACHE.SET", "k", "v", "LEASE", token], nil)
            self.assert_bytes(client, ["CACHE.GET", "k", "LEASE", "60000"], fresh)

    def test_arity_and_syntax_errors(self):
        arity = "ERR wrong number of arguments for 'cache.%s' command"
        expire = "ERR invalid expire time in 'cache.%s' command"
        tags = "ERR a tag must have 1 to 256 bytes"
        table = [("CACHE.SET k", arity % "set"), ("CACHE.GET", arity % "get"),
                 ("CACHE.TAG k 1", arity % "tag"), ("CACHE.UNTAG k 1", arity % "untag"),
                 ("CACHE.INVALIDATE", arity % "invalidate"),
                 ("CACHE.INVALIDATE async", arity % "invalidate"),
                 ("CACHE.NOSUCH x", "ERR unknown command 'CACHE.NOSUCH', with args beginning with: "
                                    "'x' "),
                 ("CACHE.SET k v EX", SYNTAX), ("CACHE.SET k v TAGS", SYNTAX),
                 ("CACHE.SET k v LEASE", SYNTAX), ("CACHE.SET k v NX", SYNTAX),
                 ("CACHE.SET k v KEEPTTL", SYNTAX), ("CACHE.SET k v EX 1 PX 1", SYNTAX),
                 ("CACHE.SET k v EX 1 EX 1", SYNTAX), ("CACHE.SET k v PX 1 EX 1", SYNTAX),
                 ("CACHE.SET k v TAGS 1 a TAGS 1 b", SYNTAX),
                 ("CACHE.SET k v LEASE 1-a-2-b LEASE 1-a-2-b", SYNTAX),
                 ("CACHE.SET k v TAGS 1 a b", SYNTAX), ("CACHE.SET k v EX ten", NO_INTEGER),
                 ("CACHE.SET k v EX 9223372036854775808", NO_INTEGER),
                 ("CACHE.SET k v EX 9223372036854775807", expire % "set"),
                 ("CACHE.SET k v EX 0", expire % "set"), ("CACHE.SET k v PX -1", expire % "set"),
                 ("CACHE.SET k v TAGS x a", NO_INTEGER),
                 ("CACHE.SET k v TAGS 0", "ERR numtags should be greater than 0"),
                 ("CACHE.SET k v TAGS -1 a", "ERR numtags should be greater than 0"),
                 ("CACHE.SET k v TAGS 2 a",
                  "ERR Number of tags can't be greater than number of args"),
                 ("CACHE.TAG k 0 a", "ERR numtags should be greater than 0"),
                 ("CACHE.TAG k 2 a", "ERR Number of tags can't be greater than number of args"),
                 ("CACHE.TAG k 1 a b", SYNTAX), ("CACHE.UNTAG k 1 a b", SYNTAX),
                 ("CACHE.UNTAG k one a", NO_INTEGER), ("CACHE.GET k NX", SYNTAX),
                 ("CACHE.GET k LEASE", SYNTAX), ("CACHE.GET k LEASE 1 LEASE 1", SYNTAX),
                 ("CACHE.GET k STALE 1 STALE 1", SYNTAX), ("CACHE.GET k LEASE 0", expire % "get"),
                 ("CACHE.GET k LEASE 600001", expire % "get"),
                 ("CACHE.GET k STALE -5", expire % "get"), ("CACHE.GET k LEASE 1s", NO_INTEGER)]
        client = self.client()
        for resp in (2, 3):
            client("HELLO", resp)
            for words, error in table:
                self.assert_bytes(client, words.split(" "), b"-" + error.encode() + b"\r\n")
            for words in [("CACHE.SET", "k", "v", "TAGS", 1, ""), ("CACHE.TAG", "k", 1, b"x" * 257),
                          ("CACHE.SET", "k", "v", "TAGS", 2, "a", b"x" * 257),
                          ("CACHE.UNTAG", "k", 1, ""), ("CACHE.INVALIDATE", "a", ""),
                          ("CACHE.INVALIDATE", "ASYNC", b"x" * 257)]:
                self.assertEqual(client(*words), tags, words)
        self.assertEqual(self.redis_itself("KEYS", "*"), [])

    def test_limits(self):
        client = self.client()
        most = [b"%03d" % i + b"x" * 253 for i in range(32)]
        self.assertEqual(client("CACHE.SET", "k", "v", "TAGS", 32, *most), "OK")
        self.assertEqual(client("CACHE.UNTAG", "k", 32, *most), 32)
        self.assertEqual(client("CACHE.TAG", "k", 32, *most), 32)
        self.assertEqual(self.members(most[31]), [b"k"])
        for words in [("CACHE.SET", "k", "v", "TAGS"), ("CACHE.TAG", "k"), ("CACHE.UNTAG", "k")]:
            self.assertEqual(client(*words, 33, *most, "more"),
                             "ERR a key can't have more than 32 tags")
        tags = ["t%d" % i for i in range(1000)]
        for tag in tags[::100]:
            client("CACHE.SET", "k" + tag, "v", "TAGS", 1, tag)
        self.assertEqual(client("CACHE.INVALIDATE", *tags, "more"),
                         "ERR more than 1000 tags at once")
        self.assertEqual(client("CACHE.INVALIDATE", *tags), 10)
        self.assertEqual(client("CACHE.INVALIDATE", most[31]), 1)

    def test_options_in_any_order_and_any_case(self):
        client = self.client()
        options = [["ex", "100"], ["tAgS", "2", "t", "LEASE"], ["LeAsE", None]]
        count = 0
        for size in range(4):
            for chosen in itertools.permutations(options, size):
                client("DEL", "k")
                token = client("CACHE.GET", "k", "LEASE", 60000)[2]
                words = [token if w is None else w for option in chosen for w in option]
                self.assertEqual(client("CACHE.SET", "k", "v", *words), "OK", words)
                has_life = options[0] in chosen
                self.assertEqual(95 < client("TTL", "k") <= 100, has_life, words)
                has_tags = options[1] in chosen
                for tag in ("t", "LEASE"):
                    self.assertEqual(self.members(tag), [b"k"] if has_tags else [], words)
                self.assertEqual(client("CACHE.INVALIDATE", "t", "LEASE"), int(has_tags))
                self.redis_itself("DEL", PREFIX + b"lease:k")
                count += 1
        self.assertEqual(count, 16)

    def test_reserved_keys_are_left_alone(self):
        client = self.client()
        client("CACHE.SET", "k", "v", "TAGS", 1, "t")
        refusal = "ERR the key is reserved by cache.prefix"
        for key in [index("t"), PREFIX, PREFIX + b"x"]:
            self.assertEqual(client("CACHE.SET", key, "v"), refusal)
            # Otherwise an invalidation would delete an index before its keys.
            self.assertEqual(client("CACHE.TAG", key, 1, "u"), refusal)
        self.assertEqual(client("CACHE.INVALIDATE", "u"), 0)
        self.assertEqual(client("CACHE.INVALIDATE", "t"), 1)
        self.assertEqual(client("CACHE.SET", PREFIX[:-1], "v", "TAGS", 1, "t"), "OK")

    def test_wrong_types(self):
        client = self.client()
        client("HSET", "hash", "f", "v")
        self.assertEqual(client("CACHE.GET", "hash"), WRONGTYPE)
        self.assertEqual(client("CACHE.GET", "hash", "LEASE", 1000, "STALE", 1000), WRONGTYPE)
        self.assertEqual(client("CACHE.TAG", "hash", 1, "t"), 1)
        self.assertEqual(client("CACHE.INVALIDATE", "t"), 1)
        client("HSET", "hash", "f", "v")
        self.assertEqual(client("CACHE.SET", "hash", "v"), "OK")
        client("SET", index("taken"), "theirs")
        client("CACHE.SET", "k", "v", "TAGS", 1, "t")
        for words in [("CACHE.TAG", "k", 2, "u", "taken"), ("CACHE.UNTAG", "k", 1, "taken"),
                      ("CACHE.SET", "new", "v", "TAGS", 2, "u", "taken"),
                      ("CACHE.SET", "new", "v", "TAGS", 1, "taken", "PX", 9999)]:
            self.assertEqual(client(*words), WRONGTYPE, words)
        self.assertTrue(client("CACHE.INVALIDATE", "taken").startswith(WRONGTYPE))
        self.assertEqual(client("GET", index("taken")), b"theirs")
        # Without its index a value would never be invalidated.
        eventually(lambda: client("EXISTS", "new") == 0, "nothing is stored")
        self.assertEqual(client("CACHE.INVALIDATE", "t"), 1)

    def test_times_to_live(self):
        client = self.client()
        for words, least, most in [(("EX", 100), 95000, 100000), (("PX", 70500), 65000, 70500),
                                   ((), -1, -1)]:
            client("CACHE.SET", "k", "v", *words, "TAGS", 1, "t")
            self.assertTrue(least <= client("PTTL", "k") <= most, words)
            self.assertEqual(client("CACHE.TAG", "k", 1, "u"), 1 if words[:1] == ("EX",) else 0)
            self.assertTrue(least <= client("PTTL", "k") <= most, words)
            for tag in ("t", "u"):  # An index is not lost before its keys.
                self.assertEqual(client("PTTL", index(tag)), -1)
        client("CACHE.SET", "short", "v", "PX", 30, "TAGS", 1, "t")
        eventually(lambda: client("CACHE.GET", "short")[1] == b"miss", "it expires")
        self.assertEqual(client("CACHE.INVALIDATE", "t"), 1)

    def test_binary_keys_values_and_tags(self):
        client = self.client()
        for key, value, tag in [(BINARY, BINARY, BINARY), (b"", b"", b"\x00"),
                                (b"{", b"*3\r\n", b"drain:")]:
            self.assertEqual(client("CACHE.SET", key, value, "TAGS", 1, tag), "OK")
            self.assertEqual(client("CACHE.GET", key), [value, b"fresh", None])
            self.assertEqual(self.members(tag), [key])
            self.assertEqual(client("CACHE.UNTAG", key, 1, tag), 1)
            self.assertEqual(client("CACHE.TAG", key, 1, tag), 1)
            self.assertEqual(client("CACHE.INVALIDATE", tag), 1)
            token = client("CACHE.GET", key, "LEASE", 9999)[2]
            self.assertEqual(client("CACHE.SET", key, value, "LEASE", token), "OK")

    def test_large_values_stay_in_order(self):
        client = self.client()
        for script_is_known in (True, False):
            for size in (1 << 10, 1 << 20, 3 << 20):
                value = random.randbytes(size)
                self.assertEqual(
                    client.pipeline(("SET", "k", "old"),
                                    ("CACHE.SET", "k", value, "TAGS", 1, "t", "EX", 100),
                                    ("STRLEN", "k"), ("CACHE.GET", "k"), ("CACHE.TAG", "k", 1, "u"),
                                    ("CACHE.INVALIDATE", "t", "u"), ("GET", "k")),
                    ["OK", "OK", size, [value, b"fresh", None], 1, 1, None])
                # And on a connection of its own, with nothing under way.
                if not script_is_known:
                    self.redis_itself("SCRIPT", "FLUSH")
                self.assertEqual(client("CACHE.SET", "k", value, "TAGS", 1, "t"), "OK")
                self.assertEqual(client("CACHE.GET", "k"), [value, b"fresh", None])
                self.assertEqual(client("CACHE.INVALIDATE", "t"), 1)
                token = client("CACHE.GET", "k", "LEASE", 9999)[2]
                self.assertEqual(client("CACHE.SET", "k", value, "LEASE", token), "OK")
                self.assertEqual(client("STRLEN", "k"), size)
                client("DEL", "k")
        eventually(lambda: self.hawser.metric("hawser_pinned_in_use") == 0, "it was given back")

    def test_command_tells_of_them(self):
        client = self.client()
        names = [b"cache.set", b"cache.get", b"cache.tag", b"cache.untag", b"cache.invalidate"]
        rows = client("COMMAND", "INFO", *names)
        self.assertEqual([(row[0], row[1]) for row in rows],
                         list(zip(names, [-3, -2, -4, -4, -2])))
        self.assertLessEqual(set(names), {row[0] for row in client("COMMAND")})
        self.assertEqual([row[3] for row in rows], [1, 1, 1, 1, 0])  # The first key.


class Contexts(CacheCase):
    def test_pipelined_among_others_in_order(self):
        seed = random.randrange(1 << 30)
        print("seed", seed)
        rnd = random.Random(seed)
        client = self.client()
        for resp in (2, 3, 2):
            client("HELLO", resp)
            client("FLUSHALL")
            values, tagged, commands, want = {}, {}, [], []
            for i in range(1500):
                key, tag = b"k%d" % rnd.randrange(5), b"t%d" % rnd.randrange(3)
                value = b"%d" % i + b"v" * rnd.choice([0, 10, 5000])
                kind = rnd.randrange(9)
                if kind == 0:
                    commands.append(("SET", key, value))
                    want.append("OK")
                    values[key] = value
                elif kind in (1, 2):
                    commands.append(("CACHE.SET", key, value, "TAGS", 1, tag))
                    want.append("OK")
                    values[key] = value
                    tagged.setdefault(tag, set()).add(key)
                elif kind == 3:
                    commands.append(("GET", key))
                    want.append(values.get(key))
                elif kind == 4:
                    commands.append(("CACHE.GET", key))
                    want.append([values.get(key), b"fresh" if key in values else b"miss", None])
                elif kind == 5:
                    commands.append(("CACHE.TAG", key, 1, tag))
                    under = tagged.setdefault(tag, set())
                    want.append(int(key in values and key not in under))
                    if key in values:
                        under.add(key)
                elif kind == 6:
                    commands.append(("CACHE.UNTAG", key, 1, tag))
                    want.append(int(key in tagged.get(tag, ())))
                    tagged.setdefault(tag, set()).discard(key)
                elif kind == 7:
                    commands.append(("CACHE.INVALIDATE", tag))
                    gone = tagged.pop(tag, set())
                    want.append(sum(values.pop(key, None) is not None for key in gone))
                else:
                    commands.append(("CACHE.GET", key, "LEASE", 50))
                    want.append(None if key not in values else [values[key], b"fresh", None])
            replies = client.pipeline(*commands)
            for at, (words, reply, wanted) in enumerate(zip(commands, replies, want)):
                if wanted is None and words[0] == "CACHE.GET" and reply[1] == b"fresh":
                    # It waited for a fill, and that may have come from behind it.
                    writes = [w[2] for w in commands[at:] if "SET" in w[0] and w[1] == words[1]]
                    self.assertIn(reply[0], writes)
                elif wanted is None and words[0] == "CACHE.GET":
                    self.assertEqual(reply[:2], [None, b"miss"], words)
                else:
                    self.assertEqual(reply, wanted, words)

    def test_databases_are_apart(self):
        client = self.client()
        client("CACHE.SET", "k", "zero", "TAGS", 1, "t")
        self.assertEqual(
            client.pipeline(("SELECT", 3), ("CACHE.GET", "k"), ("CACHE.SET", "k", "three", "TAGS",
                                                                 1, "t"),
                            ("CACHE.GET", "k"), ("CACHE.INVALIDATE", "t"), ("CACHE.GET", "k"),
                            ("SELECT", 0), ("CACHE.GET", "k"), ("CACHE.INVALIDATE", "t")),
            ["OK", [None, b"miss", None], "OK", [b"three", b"fresh", None], 1,
             [None, b"miss", None], "OK", [b"zero", b"fresh", None], 1])

    def test_with_the_rights_of_the_clients_user(self):
        self.user("app", "+@all", "~app:*", "~__hawser__:*", "&*")
        client = self.client()
        client("CACHE.SET", "k", "v", "TAGS", 1, "t")
        client("CACHE.SET", "app:k", "v", "TAGS", 1, "t")
        self.assertEqual(client("AUTH", "app", "p"), "OK")
        self.assertEqual(client("CACHE.GET", "app:k"), [b"v", b"fresh", None])
        self.assertEqual(client("CACHE.SET", "app:l", "v", "TAGS", 1, "u"), "OK")
        self.assertEqual(client("CACHE.INVALIDATE", "u"), 1)
        for words in [("CACHE.GET", "k"), ("CACHE.SET", "k", "w"), ("CACHE.TAG", "k", 1, "u"),
                      ("CACHE.SET", "k", "w", "TAGS", 1, "u"), ("CACHE.INVALIDATE", "t")]:
            self.assertIsInstance(client(*words), ErrorReply, words)
        self.assertEqual(self.redis_itself("GET", "k"), b"v")

    def test_who_may_not_do_what_it_needs_is_told_so(self):
        for name, rules in [("noeval", ("+@all", "-eval", "~*", "&*")),
                            ("narrow", ("+@all", "~app:*", "&*")),
                            ("nosort", ("+@all", "-zadd", "~*", "&*"))]:
            self.user(name, *rules)
            client = self.client()
            client("AUTH", name, "p")
            for words in [("CACHE.SET", "app:k", "v"), ("CACHE.GET", "app:k"),
                          ("CACHE.TAG", "app:k", 1, "t"), ("CACHE.UNTAG", "app:k", 1, "t"),
                          ("CACHE.INVALIDATE", "t")]:
                self.assertRegex(client(*words), "^ERR cache commands are not available: .+")
            self.assertEqual(client.pipeline(("SET", "app:k", 1), ("GET", "app:k")), ["OK", b"1"])
            eventually(lambda: f'"user":"{name}"' in self.hawser.log(), "it is told")
        self.assertEqual(self.client()("CACHE.SET", "k", "v"), "OK")

    def test_through_a_client_library(self):
        client = redis_py.Redis(port=self.hawser.port, socket_timeout=20)
        with client.pipeline(transaction=False) as pipe:
            pipe.execute_command("CACHE.SET", "k", "v", "TAGS", 1, "t")
            pipe.execute_command("CACHE.GET", "k")
            pipe.get("k")
            pipe.execute_command("CACHE.INVALIDATE", "t")
            pipe.execute_command("CACHE.GET", "k", "LEASE", 1000)
            replies = pipe.execute()
        self.assertEqual(replies[:4], [b"OK", [b"v", b"fresh", None], b"v", 1])
        with self.assertRaises(redis_py.exceptions.ResponseError):
            client.execute_command("CACHE.SET", "k")
        client.close()

    def test_under_watch(self):
        client = self.client()
        for end in [(("UNWATCH",), "OK"), (("DISCARD",), "ERR DISCARD without MULTI")]:
            self.assertEqual(
                client.pipeline(("WATCH", "w"), ("CACHE.SET", "k", "v", "TAGS", 1, "t"),
                                ("GET", "k"), ("SET", "k", "w"), ("CACHE.GET", "k"),
                                ("CACHE.INVALIDATE", "t"), ("GET", "k"),
                                ("CACHE.SET", "big", b"x" * (2 << 20)), ("STRLEN", "big"), end[0]),
                ["OK", "OK", b"v", "OK", [b"w", b"fresh", None], 1, None, "OK", 2 << 20, end[1]])
        for change in [("CACHE.SET", "w", "v", "TAGS", 1, "t"), ("CACHE.INVALIDATE", "t")]:
            self.assertEqual(client.pipeline(("WATCH", "w"), change, ("MULTI",), ("SET", "x", 1),
                                             ("EXEC",))[4], None, change)
            client("CACHE.SET", "w", "v", "TAGS", 1, "t")
        self.assertEqual(client.pipeline(("WATCH", "w"), ("CACHE.SET", "k", "v", "TAGS", 1, "t"),
                                         ("MULTI",), ("GET", "k"), ("EXEC",))[4], [b"v"])

    def test_in_a_transaction_they_are_refused_and_nothing_of_it_happens(self):
        client = self.client()
        for words in [("CACHE.SET", "k", "v"), ("CACHE.GET", "k", "LEASE", 999),
                      ("CACHE.TAG", "k", 1, "t"), ("CACHE.INVALIDATE", "t")]:
            replies = client.pipeline(("MULTI",), ("SET", "a", 1), words, ("EXEC",), ("GET", "a"))
            self.assertEqual(replies[2], "ERR Command not allowed inside a transaction")
            self.assertTrue(replies[3].startswith("EXECABORT"))
            self.assertIsNone(replies[4])
        self.assertEqual(self.redis_itself("KEYS", "*k"), [])

    def test_in_a_subscribed_client(self):
        client = self.client()
        client("HELLO", 3)
        self.assertEqual(client("SUBSCRIBE", "ch"), Push([b"subscribe", b"ch", 1]))
        self.assertEqual(
            client.pipeline(("CACHE.SET", "k", "v", "TAGS", 1, "t"), ("CACHE.GET", "k"),
                            ("CACHE.TAG", "k", 1, "u"), ("CACHE.INVALIDATE", "t"),
                            ("CACHE.SET", "big", b"x" * (2 << 20), "TAGS", 1, "t"), ("GET", "k")),
            ["OK", [b"v", b"fresh", None], 1, 1, "OK", None])
        self.redis_itself("PUBLISH", "ch", "hello")
        self.assertEqual(client.read(), Push([b"message", b"ch", b"hello"]))
        old = self.client()
        old("SUBSCRIBE", "ch")
        self.assertRegex(old("CACHE.GET", "k"), r"^ERR Can't execute 'cache.get': only \(P")

    def test_without_replies(self):
        client = self.client()
        client.raw(b"".join(encode(*words) for words in [
            ("CLIENT", "REPLY", "OFF"), ("CACHE.SET", "k", "v", "TAGS", 1, "t"), ("CACHE.GET", "k"),
            ("CACHE.GET", "none", "LEASE", 9999), ("CACHE.TAG", "k", 1, "u"), ("CACHE.SET", "k"),
            ("CACHE.INVALIDATE", "none"), ("CACHE.SET", "big", b"x" * (2 << 20)),
            ("CLIENT", "REPLY", "ON"), ("CACHE.GET", "k"),
            ("CLIENT", "REPLY", "SKIP"), ("CACHE.INVALIDATE", "u"), ("CACHE.GET", "k")]))
        self.assertEqual([client.read() for _ in range(3)],
                         ["OK", [b"v", b"fresh", None], [None, b"miss", None]])
        self.assertEqual(client("STRLEN", "big"), 2 << 20)


class Invalidate(CacheCase):
    def test_many_at_once_whose_tags_are_empty(self):
        clients = [self.client() for _ in range(200)]
        for number, client in enumerate(clients):
            client.send("CACHE.INVALIDATE", *[f"t:{number}:{i}" for i in range(100)])
        self.assertEqual({client.read() for client in clients}, {0})

    def test_it_does_not_overtake_its_clients_own_writes(self):
        client = self.client()
        for _ in range(20):
            client.pipeline(("CACHE.SET", "k", "v"), ("CACHE.TAG", "k", 1, "t"))
            self.redis_itself("SCRIPT", "FLUSH")
            # Redis has lost the script, so the first one has to be sent again.
            replies = client.pipeline(("CACHE.TAG", "k", 1, "t"), ("CACHE.INVALIDATE", "t"))
            self.assertEqual(replies[1], 1, replies)
            self.assertEqual(self.redis_itself("EXISTS", "k"), 0)

    def test_what_is_gone_is_told_though_the_rest_is_refused(self):
        self.user("u", "~a:*", "~__hawser__:*", "&*", "+@all")
        client, listener = self.client(), self.client()
        client("CACHE.SET", "a:1", "v", "TAGS", 1, "t1")
        client("CACHE.SET", "b:1", "v", "TAGS", 1, "t2")
        listener("SUBSCRIBE", CHANNEL)
        self.assertEqual(client("AUTH", "u", "p"), "OK")
        self.assertIn("can't access", client("CACHE.INVALIDATE", "t1", "t2"))
        self.assertEqual(self.redis_itself("EXISTS", "a:1"), 0)
        self.assertEqual(self.redis_itself("EXISTS", "b:1"), 1)
        self.assertEqual(json.loads(listener.read()[2])["target"], ["t1", "t2"])

    def test_a_restart_of_redis_in_the_middle_undoes_nothing(self):
        redis = RedisServer()
        self.addCleanup(redis.stop)
        hawser = Hawser(redis, cache_batch=20)
        self.addCleanup(hawser.stop)
        direct = Client(redis.port)
        self.addCleanup(direct.close)
        direct("EVAL", "for i = 1, 60000 do redis.call('SET', 'k:' .. i, 'v') "
               "redis.call('ZADD', KEYS[1], 1e15, 'k:' .. i) end", 1, index("t"))
        direct("SAVE")  # What is done from here on is forgotten.
        client = Client(hawser.port)
        self.addCleanup(client.close)
        client.send("CACHE.INVALIDATE", "t")
        eventually(lambda: direct("DBSIZE") < 50000, "it is in the middle")
        redis.kill()
        redis.start()
        # The answer comes when all of it is gone, what came back included.
        self.assertIsInstance(client.read(), int)
        again = Client(redis.port)
        self.addCleanup(again.close)
        self.assertEqual(again("EXISTS", *[f"k:{i}" for i in range(1, 60001)]), 0)


class Eviction(CacheCase):
    redis_options = ("--maxmemory-policy", "allkeys-lru")

    def test_is_warned_of_once_it_is_used(self):
        client = self.client()
        self.assertNotIn("may evict", self.hawser.log())
        client("CACHE.SET", "k", "v")
        client("CACHE.SET", "k", "v")
        eventually(lambda: '"maxmemory_policy":"allkeys-lru"' in self.hawser.log(), "a warning")
        self.assertEqual(self.hawser.log().count("may evict"), 1)
        self.assertEqual(self.hawser.metric("hawser_cache_eviction_unsafe"), 1)


class TooOld(unittest.TestCase):
    def test_the_cache_is_refused_and_the_rest_works(self):
        redis = RedisServer()
        self.addCleanup(redis.stop)
        version = b"redis_version:7."

        def on_data(_, upwards, data):
            return data if upwards else data.replace(version, b"redis_version:4.").replace(
                b"$7\r\nversion\r\n$6\r\n7.", b"$7\r\nversion\r\n$6\r\n4.")

        way = Way(redis.port, on_data)
        self.addCleanup(way.stop)
        hawser = Hawser(f"redis://127.0.0.1:{way.port}")
        self.addCleanup(hawser.stop)
        client = Client(hawser.port)
        self.addCleanup(client.close)
        told = '"reason":"they need Redis 5.0 or newer, this is 4.'
        eventually(lambda: told in hawser.log(), "it is told at the start")
        self.assertRegex(client("CACHE.SET", "k", "v"), "^ERR cache commands are not available: "
                         "they need Redis 5.0 or newer, this is 4.[0-9.]+$")
        self.assertEqual(client.pipeline(("SET", "k", 1), ("GET", "k")), ["OK", b"1"])


if __name__ == "__main__":
    unittest.main()
