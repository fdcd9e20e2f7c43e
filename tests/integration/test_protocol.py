"""Bytes: malformed input, pieces, order of replies. Compared with Redis itself."""

import unittest

from case import HawserCase
from resp import Closed, encode

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
        for words in [("SHUTDOWN", "NOSAVE"), ("SYNC",), ("PSYNC", "?", "-1"), ("REPLCONF", "a", "b"),
                      ("CLIENT", "KILL", "TYPE", "normal")]:
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


if __name__ == "__main__":
    unittest.main()
