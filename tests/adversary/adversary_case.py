"""One application (the bystander) lives behind hawser, and so does somebody who wishes it ill."""

import itertools
import re
import socket
import threading
import time
import unittest

from resp import Client, Closed, encode
from servers import Hawser, RedisServer, eventually

# What a bystander's round may take on a busy machine, seconds.
PATIENCE = 1.5
ROUND_PAUSE = 0.002
# What HELLO tells may differ.
CLIENT_ID = re.compile(rb":\d+(?=\r\n\$4\r\nmode\r\n)")


def joined(*requests):
    """Bytes of requests: tuples are encoded, bytes are sent as they are."""
    return b"".join(r if isinstance(r, bytes) else encode(*r) for r in requests)


class Bystander:
    """Does what applications do, all the time, and knows what it must be answered: its own values,
    in its order, soon."""

    numbers = itertools.count()

    def __init__(self, port, login=(), resp=2, patience=PATIENCE):
        self.name = f"bystander{next(self.numbers)}"
        self.client, self.subscriber = Client(port), Client(port)
        for each in (self.client, self.subscriber):
            if login:
                assert each("AUTH", *login) == "OK"
        if resp == 3:
            self.client("HELLO", 3)
            self.subscriber("HELLO", 3)
        assert self.client("CLIENT", "SETNAME", self.name) == "OK"
        channel = f"{self.name}:channel".encode()
        acknowledged = self.subscriber("SUBSCRIBE", channel)
        assert list(acknowledged) == [b"subscribe", channel, 1], acknowledged
        self.channel, self.patience = channel, patience
        self.rounds, self.slowest, self.problem = 0, 0.0, None
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            while not self.stopping.is_set():
                began = time.monotonic()
                self.round(self.rounds)
                self.slowest = max(self.slowest, time.monotonic() - began)
                self.rounds += 1
                self.stopping.wait(ROUND_PAUSE)
        except Exception as error:  # Whatever it is, the test is to say it.
            self.problem = f"round {self.rounds}: {type(error).__name__}: {error}"

    def round(self, number):
        key, value = f"{self.name}:{number % 7}", f"{self.name}={number}"
        told = value.encode()
        got = self.client.pipeline(
            ("SET", key, value), ("GET", key), ("ECHO", value), ("CLIENT", "GETNAME"),
            ("MULTI",), ("APPEND", key, "!"), ("GET", key), ("EXEC",), ("STRLEN", key),
            ("EVAL", "return ARGV[1]", 0, value), ("INCR", f"{self.name}:rounds"),
            ("PUBLISH", self.channel, value))
        want = ["OK", told, told, self.name.encode(), "OK", "QUEUED", "QUEUED",
                [len(told) + 1, told + b"!"], len(told) + 1, told, number + 1, 1]
        if got != want:
            raise AssertionError(f"{got} instead of {want}")
        message = list(self.subscriber.read())
        if message != [b"message", self.channel, told]:
            raise AssertionError(f"told {message} instead of {told}")

    def check(self):
        """So far everything was as it must be; and it goes on."""
        rounds = self.rounds
        eventually(lambda: self.problem or self.rounds >= rounds + 2, f"{self.name} goes on")
        if self.problem:
            raise AssertionError(f"{self.name} was disturbed in {self.problem}")
        if self.slowest > self.patience:
            raise AssertionError(f"{self.name} waited {self.slowest:.2f} s")

    def stop(self):
        self.stopping.set()
        self.thread.join(20)
        self.client.close()
        self.subscriber.close()


class AdversaryCase(unittest.TestCase):
    """Redis, hawser, a RESP2 and a RESP3 bystander. After each test the bystanders must have been
    well all the time, nothing may be left, and the shared lane must be the one it was before."""

    redis_options = ()
    settings = {}
    patience = PATIENCE
    may_lose_lanes = False

    @classmethod
    def setUpClass(cls):
        cls.redis = RedisServer(*cls.redis_options)
        cls.addClassCleanup(cls.redis.stop)
        cls.hawser = Hawser(cls.redis, **cls.settings)
        cls.addClassCleanup(cls.hawser.stop)

    @classmethod
    def tearDownClass(cls):
        code = cls.hawser.stop()
        if code != 0:
            raise AssertionError(f"hawser ended with {code}:\n{cls.hawser.log()[-4000:]}")

    def setUp(self):
        self.clients = []
        self.bystanders = [Bystander(self.hawser.port, resp=resp, patience=self.patience)
                           for resp in (2, 3)]
        self.lanes = self.shared_lanes()

    def tearDown(self):
        try:
            self.assertIsNone(self.hawser.process.poll(), "hawser has ended:\n" + self.hawser.log())
            self.check_bystanders()
            if not self.may_lose_lanes:
                self.assertEqual(self.lanes - self.shared_lanes(), set(), "a shared lane was lost")
        finally:
            for bystander in self.bystanders:
                bystander.stop()
            for client in self.clients:
                client.close()
        eventually(self.hawser.at_rest, "no session, request, lease or buffer is left")

    def check_bystanders(self):
        for bystander in self.bystanders:
            bystander.check()

    def shared_lanes(self):
        """Upstream ids and roles of the connections that the bystanders share with others."""
        with Direct(self.redis.port) as direct:
            listing = direct("CLIENT", "LIST").decode()
        lane = r"id=(\d+) .* name=hawser:[^: ]*:(main|subscriber|publisher) .* db=0 "
        return set(re.findall(lane, listing))

    def client(self, *login, resp=2, port=None, timeout=20):
        client = Client(port or self.hawser.port, timeout=timeout)
        self.clients.append(client)
        if login:
            self.assertEqual(client("AUTH", *login), "OK")
        if resp == 3:
            client("HELLO", 3)
        return client

    def direct(self):
        return self.client(port=self.redis.port)

    def said(self, port, data, resp=2, half_close=False):
        """All bytes a server says to these, until it closes. They end with QUIT, or the client ends
        its side."""
        client = Client(port, timeout=3)
        try:
            if resp == 3:
                client("HELLO", 3)
            client.raw(data if half_close else data + encode("QUIT"), may_fail=True)
            if half_close:
                client.socket.shutdown(socket.SHUT_WR)
            return client.rest()
        except TimeoutError:
            return b"nothing more, and no end"
        finally:
            client.close()

    def user(self, name, *rules):
        direct = self.direct()
        self.assertEqual(direct("ACL", "SETUSER", name, "reset", "on", ">" + name, *rules), "OK")
        self.addCleanup(self.without_user, name)

    def without_user(self, name):
        with Direct(self.redis.port) as direct:
            direct("ACL", "DELUSER", name)

    def assert_closed(self, client):
        """It says nothing more but the end."""
        with self.assertRaises((Closed, OSError)):
            client.read()

    def assert_silent(self, client, seconds=0.1):
        client.socket.settimeout(seconds)
        try:
            said = client.socket.recv(1 << 16)
        except TimeoutError:
            said = b""
        client.socket.settimeout(20)
        self.assertEqual(said, b"")


class OracleCase(AdversaryCase):
    """With a second Redis that gets the very same bytes, and tells what the answer has to be."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.oracle = RedisServer(*cls.redis_options)
        cls.addClassCleanup(cls.oracle.stop)

    def assert_same(self, harm, *requests, resp=2, half_close=False):
        """Hawser says to these what Redis says, byte for byte."""
        data = joined(*requests)
        want = self.said(self.oracle.port, data, resp, half_close)
        got = self.said(self.hawser.port, data, resp, half_close)
        with self.subTest(harm, sent=data[:120], resp=resp):
            self.assertEqual(CLIENT_ID.sub(b":id", got), CLIENT_ID.sub(b":id", want))


class Direct(Client):
    """A client for a moment."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
