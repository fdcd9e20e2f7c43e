"""Bad input: what Redis says to it, byte for byte, and nobody else notices."""

import random
import unittest

from adversary_case import AdversaryCase, OracleCase, joined
from resp import Client, encode
from servers import eventually

MIB = 1 << 20
MANY = b"*1000000000\r\n"


class BrokenProtocol(OracleCase):
    def test_every_kind_of_protocol_error(self):
        kinds = {
            "a count that is no number": [b"*x\r\n", b"*\r\n", b"*1x\r\n", b"*+1\r\n", b"*01\r\n",
                                          b"* 1\r\n", b"*1 \r\n", b"*0x1\r\n", b"*1.0\r\n",
                                          b"*--1\r\n", b"*-\r\n"],
            "a count beyond all limits": [b"*2147483648\r\n", b"*9223372036854775807\r\n",
                                          b"*9223372036854775808\r\n", b"*-9223372036854775809\r\n",
                                          b"*99999999999999999999\r\n"],
            "an argument that is none": [b"*1\r\nGET\r\n", b"*2\r\n$3\r\nGET\r\n:1\r\n",
                                         b"*1\r\n\r\n\r\n", b"*1\r\n*1\r\n$1\r\na\r\n",
                                         b"*1\r\n+OK\r\n", b"*2\r\n$1\r\na\r\n\r\n"],
            "a length that is no number": [b"*1\r\n$x\r\n", b"*1\r\n$\r\n", b"*1\r\n$ 1\r\na\r\n",
                                           b"*1\r\n$+1\r\na\r\n", b"*1\r\n$01\r\na\r\n",
                                           b"*1\r\n$1x\r\na\r\n", b"*1\r\n$1e1\r\n"],
            "a length below nothing": [b"*1\r\n$-1\r\n", b"*1\r\n$-0\r\n", b"*1\r\n$-100\r\n",
                                       b"*2\r\n$3\r\nGET\r\n$-2147483648\r\n"],
            "a length beyond all limits": [b"*1\r\n$536870913\r\n", b"*1\r\n$2147483648\r\n",
                                           b"*1\r\n$9223372036854775808\r\n"],
            "quotes that do not close": [b'SET "a\r\n', b"SET 'a\r\n", b'SET "a"b c\r\n',
                                         b"SET 'a'b c\r\n", b'GET "\\x4\r\n', b'GET "a\\\r\n'],
        }
        for harm, inputs in kinds.items():
            for bad in inputs:
                self.assert_same(harm, ("SET", "a", 1), ("GET", "a"), bad)
                self.assert_same(harm, ("HELLO", "2"), bad + encode("SET", "a", "smuggled"))
                self.assert_same("what came behind it was executed", ("GET", "a"))

    def test_a_line_without_end(self):
        for bad in [b"*" + b"9" * 70000, b"*1\r\n$" + b"1" * 70000, b"GET " + b"a" * 70000,
                    b"a" * 65537]:
            self.assert_same("all memory for one line", ("ECHO", "a"), bad, half_close=True)

    def test_odd_input_that_is_right(self):
        for odd in [b"*0\r\n", b"*-1\r\n", b"*-2147483648\r\n", b"\r\n", b"\n", b" \t \r\n",
                    b"PING\n", b"  PING  \r\n", b"PING\t\r\n", b'"PING"\r\n', b"'PING'\r\n",
                    b'ECHO "\\x00\\r\\n\\"\\\\\\a\\b"\r\n', b"ECHO 'a\\'b\\n'\r\n", b'ECHO ""\r\n',
                    b'P"ING"\r\n', b'"" a\r\n', b'""\r\n', b"PING\r\r\n", b"SET a\x0bb c\r\n",
                    b"GET a\x0cb\r\n", b"*1\r\n$0\r\n\r\n", b"*2\r\n$0\r\n\r\n$0\r\n\r\n",
                    b"*1\rX$4\rYPINGZZ", b"*1\r\n$4\r\nPING\n\r", b"GET \xff\xfe\r\n",
                    b"*2\r\n$4\r\nECHO\r\n$4\r\n\r\n\r\n\r\n",
                    b"*2\r\n$4\r\nECHO\r\n$5\r\n*1\r\n$\r\n"]:
            for resp in (2, 3):
                self.assert_same("the rest is misread", odd, ("ECHO", "next"), odd, ("GET", "none"),
                                 resp=resp)

    def test_a_client_that_goes_at_every_byte(self):
        """Half a request on a shared connection would take the next client's bytes for its end."""
        whole = joined(("SET", "cut", "0"), ("MULTI",), ("INCR", "cut"), ("SELECT", 1), ("EXEC",),
                       b'GET "cut"\r\n', ("SUBSCRIBE", "c"))
        for cut in range(len(whole)):
            client = Client(self.hawser.port)
            client.raw(whole[:cut])
            if cut % 2:
                client.reset()
            else:
                client.close()
        self.assert_same("half a request was taken for one", whole.replace(b"cut", b"end"))

    def test_a_request_in_crumbs(self):
        slow = self.client()
        for byte in joined(("SET", "crumbs", "x" * 20), ("GET", "crumbs")):
            slow.raw(bytes([byte]))
        self.assertEqual([slow.read(), slow.read()], ["OK", b"x" * 20])

    def test_promises_of_more_than_comes(self):
        """Memory for what a header promises."""
        clients = []
        for promise in [MANY, b"*3\r\n$3\r\nSET\r\n$536870912\r\nxx", b"*1048576\r\n$536870912\r\n",
                        b"*2147483647\r\n$1\r\na\r\n"] * 10:
            clients.append(self.client())
            clients[-1].raw(promise)
        eventually(lambda: self.hawser.connections() >= 40, "all have come")
        self.assertLess(self.hawser.metric("hawser_buffer_bytes"), 16 << 20)
        for client in clients[:20]:
            client.reset()


class BadArguments(OracleCase):
    def test_wrong_types_and_numbers(self):
        kinds = ["", "x", "1x", " 1", "1 ", "+1", "-1", "01", "-0", "1.5", "1e3", "nan", "inf",
                 "0x10",
                 "9223372036854775807", "9223372036854775808", "-9223372036854775808",
                 "99999999999999999999999", "\x00", "1\r\n+OK", "\xff"]
        templates = [
            ("SELECT", "?"), ("HELLO", "?"), ("HELLO", 3, "AUTH", "?"),
            ("HELLO", "3", "SETNAME", "?"),
            ("INCRBY", "n", "?"), ("INCRBYFLOAT", "f", "?"), ("EXPIRE", "n", "?"),
            ("LPOP", "l", "?"),
            ("GETRANGE", "n", "?", "?"), ("SETRANGE", "n", "?", "v"), ("SETEX", "e", "?", "v"),
            ("SETBIT", "b", "?", "1"), ("LRANGE", "l", "?", "?"), ("ZADD", "z", "?", "m"),
            ("EVAL", "return KEYS[1]", "?", "k"), ("XADD", "x", "?", "f", "v"),
            ("SSCAN", "none", "?"),
            ("CLIENT", "REPLY", "?"), ("CLIENT", "TRACKING", "?"), ("CLIENT", "CACHING", "?"),
            ("CLIENT", "NO-EVICT", "?"), ("CLIENT", "SETNAME", "?"), ("CLIENT", "UNBLOCK", "?"),
            ("CLIENT", "?"), ("CONFIG", "?"), ("SCRIPT", "?"), ("XGROUP", "?"),
            ("OBJECT", "?", "n"),
            ("PUBSUB", "?"), ("COMMAND", "?"), ("FUNCTION", "?"), ("ACL", "?"), ("MEMORY", "?"),
            ("WAIT", "?", "1"), ("XREAD", "BLOCK", "?", "STREAMS", "k"), ("OBJECT", "ENCODING"),
        ]
        requests = []
        for template in templates:
            for kind in kinds:
                if template == ("WAIT", "?", "1") and kind == "9223372036854775807":
                    continue
                words = tuple(kind.encode("latin-1") if w == "?" else w for w in template)
                requests.append(words)
        for first in range(0, len(requests), 24):
            for resp in (2, 3):
                self.assert_same("an argument of a wrong type", ("SELECT", 5),
                                 *requests[first:first + 24], resp=resp)

    def test_wrong_arity_everywhere(self):
        direct = self.client(port=self.oracle.port)
        names = sorted(entry[0].decode() for entry in direct("COMMAND"))
        unlike = {"shutdown", "sync", "psync", "replconf", "quit", "reset", "hello", "command",
                  "info", "time", "lastsave", "monitor", "role", "lolwut", "debug", "failover", "save",
                  "bgsave", "bgrewriteaof", "randomkey", "acl", "client", "dbsize", "flushall",
                  "flushdb", "pfselftest"}
        requests = [(name,) for name in names if name not in unlike]
        requests += [(name, *["x"] * 20) for name in names if name in
                     {"get", "echo", "select", "multi", "exec", "discard",
                      "publish", "asking", "readonly", "wait", "blmove", "incr", "ttl", "dbsize",
                      "flushall"}]
        for first in range(0, len(requests), 20):
            self.assert_same("too few or too many arguments", *requests[first:first + 20])

    def test_operations_against_a_key_of_another_kind(self):
        self.assert_same("a wrong kind of key", ("DEL", "s", "l", "h", "z"), ("SET", "s", "text"),
                         ("RPUSH", "l", 1), ("HSET", "h", "f", "v"), ("ZADD", "z", 1, "m"))
        requests = [(*command, key) for key in ("s", "l", "h", "z")
                    for command in [("INCR",), ("LLEN",), ("HGETALL",), ("ZCARD",), ("SCARD",),
                                    ("XLEN",), ("LPOP",), ("GETDEL",), ("SPOP",), ("PFCOUNT",)]]
        requests += [("BLPOP", "h", "0.01"), ("BZPOPMIN", "s", "0.01"),
                     ("BLMPOP", "0.01", 1, "h", "LEFT"),
                     ("XREAD", "BLOCK", 10, "STREAMS", "h", "$"),
                     ("BLMOVE", "h", "l", "LEFT", "LEFT", "1"),
                     ("BLPOP", "none", "x"), ("BLPOP", "none", "-1"), ("BLPOP", "none", "nan"),
                     ("BLPOP", "none", "1e400"), ("BLMPOP", "0.01", 0, "none", "LEFT"),
                     ("BLMPOP", "0.01", 1, "none", "MIDDLE"), ("BZMPOP", "x", 1, "none", "MIN")]
        self.assert_same("a wrong kind of key", *requests)


class OwnCommands(AdversaryCase):
    """Commands and messages that hawser reads itself."""

    def test_cache_commands_of_words_at_random(self):
        words = ["", "x", "0", "1", "-1", "2", "1000000000000", "9223372036854775807",
                 "9223372036854775808", "4294967297", "EX", "PX", "TAGS", "LEASE", "STALE", "ASYNC",
                 "t\r\n+OK", "\x00", "t" * 300, "t" * 200000, "__hawser__:tag:t", "{a}", "*"]
        names = ["CACHE.SET", "CACHE.GET", "CACHE.TAG", "CACHE.UNTAG", "CACHE.INVALIDATE"]
        dice = random.Random(7)
        client = self.client()
        for number in range(1500):
            request = [dice.choice(names), *dice.choices(words, k=dice.randint(0, 7))]
            if "LEASE" in request:
                continue  # It might wait.
            client.send(*request)
            client.read()
            if number % 100 == 0:
                self.assertEqual(client("ECHO", number), str(number).encode())

    def test_messages_to_the_invalidation_channel(self):
        client = self.client()
        for message in [
                b"[" * 100000, b'{"a":' * 1000,
                b'{"type":"tags","target":' + b"[" * 40 + b"]" * 40 + b"}",
                b'{"type":"tags","target":["' + b'x","' * 100000 + b'x"]}', b'{"type":1}', b"\xff",
                b"",
                b'{"type":"pattern","target":["' + b"a*" * 500 + b'b"]}', b"1" * MIB,
                b'{"type":"pattern","target":["[[[[["]}', b'{"type":"tags","target":[""]}',
                b'{"type":"tags","target":["\\u0000\\r\\n"]}',
                b'{"type":"tags","target":["\\ud800"]}',
                b'{"type":"tags","target":[1,null,{}]}',
                b'{"type":"tags","target":["x"],"sequence":1e400}',
                b'{"type":"tags","target":["x"],"type":"keys"}',
                b'{"type":"tags","target":["x"],"origin":"forged","sequence":-1}']:
            self.assertEqual(client("PUBLISH", "cache:invalidate", message), 0, message[:60])


class TooLarge(AdversaryCase):
    settings = {"clients_request_limit": "100KiB", "clients_pipeline": 1000}

    def test_a_request_over_the_limit_is_refused_however_it_comes(self):
        refused = b"-PROXYFULL clients.request_limit reached, command not executed\r\n"
        for big in [b"*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$200000\r\n", b"*3\r\n$200000\r\n",
                    joined(("SET", "big", "x" * 200000)),
                    b"*30000\r\n" + b"$1\r\na\r\n" * 29999]:
            said = self.said(self.hawser.port, joined(("ECHO", "before")) + big, half_close=True)
            self.assertEqual(said, b"$6\r\nbefore\r\n" + refused)
        self.assertIsNone(self.client()("GET", "big"))

    def test_a_pipeline_over_the_limit_of_a_client_that_reads_is_just_slower(self):
        client = self.client()
        self.assertEqual(client.pipeline(*[("ECHO", i) for i in range(5000)]),
                         [str(i).encode() for i in range(5000)])


if __name__ == "__main__":
    unittest.main()
