"""Bytes: malformed input, pieces, order of replies. Compared with Redis itself."""

import unittest

import redis as redis_py

from case import HawserCase
from resp import Closed, ErrorReply, encode

MALFORMED = [
    b"*x\r\n", b"*-5x\r\n", b"*99999999999\r\n", b"*1\r\nGET\r\n", b"*1\r\n$x\r\n",
    b"*1\r\n$-1\r\n", b"*1\r\n$1000000000\r\n", b"*2\r\n$3\r\nGET\r\n:1\r\n", b'SET "a\r\n',
    b"*" + b"1" * 70000, b"GET " + b"a" * 70000, b"*1\r\n$" + b"1" * 70000,
]


class Protocol(HawserCase):
    def test_malformed_input_has_redis_words_behind_the_replies_owed_then_a_close(self):
        for bad in MALFORMED:
            answers = []
            for address in (self.redis.port, self.hawser.port):
                client = self.client(address)
                client.raw(encode("SET", "a", "1") + encode("GET", "a") + bad)
                answers.append(client.rest())
            self.assertTrue(answers[0].startswith(b"+OK\r\n$1\r\n1\r\n-ERR Protocol error"), bad[:20])
            self.assertEqual(answers[1], answers[0], bad[:20])

    def test_http_is_closed(self):
        for request in (b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", b"Host: x\r\n"):
            client = self.client()
            client.raw(request)
            self.assertEqual(client.rest(), b"")
        for state in ("SUBSCRIBE", "c"), ("MULTI",), ("WATCH", "k"):  # Whatever it was about.
            client = self.client()
            client(*state)
            client.raw(b"POST / HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertEqual(client.rest(), b"", state)

    def test_a_pipeline_cut_at_every_byte_gives_the_same_replies(self):
        whole = (encode("SET", "cut", "v" * 30) + b"GET cut\r\n" + b"*0\r\n\r\n"
                 + encode("ECHO", "a\r\nb") + encode("SELECT", 1) + encode("GET", "cut")
                 + encode("SELECT", 0) + encode("NOSUCH") + encode("MGET", "cut", "none"))
        client = self.client()
        client.raw(whole)
        expected = [client.read() for _ in range(8)]
        for cut in range(1, len(whole)):
            client = self.client()
            client.raw(whole[:cut])
            client.raw(whole[cut:])
            self.assertEqual([client.read() for _ in range(8)], expected, cut)
            client.close()
            self.clients.remove(client)

    def test_local_and_forwarded_replies_keep_their_order(self):
        client = self.client()
        commands, expected = [], []
        for i in range(300):
            commands += [("ECHO", f"e{i}"), ("EVAL", "return ARGV[1]", 0, f"s{i}"),
                         ("CLIENT", "GETNAME"), ("SELECT", i % 3), ("GET", "none"),
                         ("HELLO", "9")]
            expected += [f"e{i}".encode(), f"s{i}".encode(), None, "OK", None,
                         "NOPROTO unsupported protocol version"]
        self.assertEqual(client.pipeline(*commands), expected)

    def test_a_pipeline_of_writes_and_reads_runs_in_its_order(self):
        client = self.client()
        commands, expected = [], []
        for i in range(200):
            commands += [("SET", "order", f"a{i}"), ("SET", "order", f"b{i}"), ("GET", "order")]
            expected += ["OK", "OK", f"b{i}".encode()]
        self.assertEqual(client.pipeline(*commands), expected)

    def test_line_ends_that_redis_does_not_check_do_not_mislead_the_upstream(self):
        client, other = self.client(), self.client()
        client.raw(b"*3\rX$3\rYSETab$3\r\nodd??$1\r\n1!!" + encode("GET", "odd"))
        self.assertEqual((client.read(), client.read()), ("OK", b"1"))
        self.assertEqual(other("GET", "odd"), b"1")

    def test_dangerous_commands_are_refused(self):
        client = self.client()
        for words in [("SHUTDOWN", "NOSAVE"), ("SYNC",), ("PSYNC", "?", "-1"), ("REPLCONF", "a", "b")]:
            self.assertEqual(client(*words), "NOPERM command denied by proxy policy", words)
        self.assertEqual(client("PING"), "PONG")

    def test_a_request_larger_than_large_request_keeps_its_place(self):
        client = self.client()
        big = "x" * (3 << 20)
        replies = client.pipeline(("SET", "o", "1"), ("SET", "o", big), ("APPEND", "o", "y"),
                                  ("STRLEN", "o"), ("SET", "o", "2"), ("GET", "o"))
        self.assertEqual(replies, ["OK", "OK", (3 << 20) + 1, (3 << 20) + 1, "OK", b"2"])

    def test_a_closed_connection_is_not_answered(self):
        client = self.client()
        client.send("QUIT")
        self.assertEqual(client.read(), "OK")
        self.assertRaises((Closed, OSError), lambda: client("PING"))


CACHE = [b"cache.get", b"cache.invalidate", b"cache.set", b"cache.tag", b"cache.untag"]
OWN = CACHE + [b"proxy"]


class OwnCommands(HawserCase):
    """COMMAND: Redis' answer with hawser's own commands."""

    def ask(self, *words, resp=2):
        """What Redis answers, and what hawser does."""
        answers = []
        for port in (self.redis.port, self.hawser.port):
            client = self.client(port)
            client("HELLO", resp)
            answers.append(client(*words))
        return answers

    def test_they_stand_behind_those_of_redis(self):
        for resp in (2, 3):
            for words in [("COMMAND",), ("COMMAND", "INFO")]:
                theirs, ours = self.ask(*words, resp=resp)
                self.assertEqual(ours[:len(theirs)], theirs)
                self.assertEqual([entry[0] for entry in ours[len(theirs):]], OWN)
                for entry in ours[len(theirs):]:
                    self.assertEqual(len(entry), len(theirs[0]))
            theirs, ours = self.ask("COMMAND", "COUNT", resp=resp)
            self.assertEqual(ours, theirs + len(OWN))
            theirs, ours = self.ask("COMMAND", "LIST", resp=resp)
            self.assertEqual(ours[:len(theirs)], theirs)
            self.assertEqual([n for n in ours[len(theirs):] if b"|" not in n], OWN)
            theirs, ours = self.ask("COMMAND", "DOCS", resp=resp)
            self.assertEqual(len(ours), len(theirs) + len(OWN) * (2 if resp == 2 else 1))
            if resp == 3:
                self.assertEqual({**ours, **theirs}, ours)
                self.assertEqual(ours[b"proxy"][b"group"], b"hawser")
                self.assertIn(b"proxy|help", ours[b"proxy"][b"subcommands"])

    def test_info_answers_at_the_place_of_the_question(self):
        for resp in (2, 3):
            theirs, ours = self.ask("COMMAND", "INFO", "get", "cache.set", "nosuch", "config|get",
                                    "PROXY", "Cache.Get", "set", resp=resp)
            self.assertEqual([theirs[1], theirs[4], theirs[5]], [None] * 3)
            for i in (0, 2, 3, 6):
                self.assertEqual(ours[i], theirs[i])
            self.assertEqual([ours[i][0] for i in (1, 4, 5)], [b"cache.set", b"proxy", b"cache.get"])
            self.assertEqual(ours[1][:2] + ours[1][3:6], [b"cache.set", -3, 1, 1, 1])
            self.assertIn("no_multi", ours[1][2])
            # Both have one key at the same place.
            own, get = ours[1][8][0], theirs[0][8][0]
            if resp == 3:
                del own[b"flags"], get[b"flags"]
            self.assertEqual(own[-4:] if resp == 2 else own, get[-4:] if resp == 2 else get)
            self.assertEqual(sorted(sub[0] for sub in ours[4][9])[:2],
                             [b"proxy|health", b"proxy|help"])

    def test_the_types_are_those_of_redis(self):
        """Sets, maps and arrays, which the client does not tell apart."""
        client = self.client()
        client("HELLO", 3)
        client.raw(encode("COMMAND", "INFO", "get", "cache.set") + encode("QUIT"))
        text = client.rest()
        get, own = text.index(b"$3\r\nget"), text.index(b"$9\r\ncache.set")
        types = [[line[:1] for line in part.split(b"\r\n") if line.startswith((b"*", b"~", b"%"))]
                 for part in (text[get:own], text[own:])]
        self.assertEqual(types[0], types[1] + [b"*"])  # The head of the entry behind it.

    def test_list_filters(self):
        for words, more in [(("MODULE", "hawser"), []), (("PATTERN", "CACHE.*"), CACHE),
                            (("pattern", "[cx][ar]*[gd]"), [b"cache.tag", b"cache.untag"]),
                            (("ACLCAT", "write"), CACHE), (("ACLCAT", "nosuch"), [])]:
            theirs, ours = self.ask("COMMAND", "LIST", "FILTERBY", *words)
            self.assertEqual(ours, theirs + more)

    def test_keys(self):
        client = self.client()
        self.assertEqual(client("COMMAND", "GETKEYS", "cache.set", "k", "v"), [b"k"])
        self.assertEqual(client("COMMAND", "GETKEYSANDFLAGS", "CACHE.GET", "k"),
                         [[b"k", ["RW", "access", "update"]]])
        theirs, _ = self.ask("COMMAND", "GETKEYS", "set", "k")
        self.assertEqual(client("COMMAND", "GETKEYS", "cache.set", "k"), theirs)
        theirs, _ = self.ask("COMMAND", "GETKEYS", "ping", "k")
        self.assertEqual(client("COMMAND", "GETKEYS", "cache.invalidate", "k"), theirs)

    def test_the_rest_is_as_redis_has_it(self):
        for resp in (2, 3):
            for words in [("INFO", "get"), ("INFO", "nosuch", "client"), ("DOCS", "get"),
                          ("DOCS", "nosuch"), ("COUNT", 1), ("LIST", "x"), ("NOSUCH",), ("HELP",),
                          ("LIST", "FILTERBY", "NOSUCH", "x"), ("LIST", "FILTERBY", "PATTERN"),
                          ("GETKEYS",), ("GETKEYS", "get"), ("GETKEYS", "nosuch", "x"),
                          ("GETKEYS", "mset", "a", 1, "b", 2), ("GETKEYSANDFLAGS", "get", "k")]:
                theirs, ours = self.ask("COMMAND", *words, resp=resp)
                self.assertEqual((ours, type(ours)), (theirs, type(theirs)), words)

    def test_errors_of_the_upstream_pass(self):
        self.direct()("ACL", "SETUSER", "blind", "on", ">p", "~*", "+@all", "-command")
        for words in [("COMMAND",), ("COMMAND", "COUNT"), ("COMMAND", "INFO", "cache.set")]:
            answers = []
            for port in (self.redis.port, self.hawser.port):
                client = self.client(port)
                client("AUTH", "blind", "p")
                answers.append(client(*words))
            self.assertIsInstance(answers[0], ErrorReply)
            self.assertEqual(answers[1], answers[0])

    def test_a_clients_order_is_kept(self):
        client = self.client()
        got = client.pipeline(("SET", "o", 1), ("COMMAND",), ("INCR", "o"),
                              ("COMMAND", "GETKEYS", "cache.get", "k"), ("COMMAND", "DOCS"),
                              ("INCR", "o"), ("COMMAND", "COUNT"), ("GET", "o"))
        self.assertEqual([got[i] for i in (0, 2, 3, 5, 6, 7)],
                         ["OK", 2, [b"k"], 3, len(got[1]), b"3"])

    def test_they_are_told_to_a_client_that_has_a_connection_of_its_own(self):
        client = self.client()
        got = client.pipeline(("WATCH", "w"), ("COMMAND", "INFO", "cache.set"), ("SET", "o", 1),
                              ("COMMAND", "COUNT"), ("INCR", "o"), ("MULTI",),
                              ("COMMAND", "COUNT"), ("EXEC",), ("COMMAND", "COUNT"))
        self.assertEqual([got[0], got[2], got[4:7]], ["OK", "OK", [2, "OK", "QUEUED"]])
        self.assertEqual(got[1][0][0], b"cache.set")
        # A transaction is Redis' own.
        self.assertEqual((got[3], got[7]), (got[8], [got[8] - len(OWN)]))

    def test_a_client_library_finds_them(self):
        with redis_py.Redis(port=self.hawser.port) as library:
            commands = library.command()
            self.assertEqual(commands["cache.set"]["first_key_pos"], 1)
            self.assertEqual(commands["get"]["arity"], 2)
            self.assertEqual(library.command_getkeys("cache.set", "k", "v"), ["k"])
            self.assertEqual(library.command_count(), len(commands))


if __name__ == "__main__":
    unittest.main()
