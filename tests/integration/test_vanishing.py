"""Clients that leave with requests in flight, or stop reading."""

import os
import socket
import time
import unittest

from case import HawserCase
from resp import Client
from servers import eventually


class Vanishing(HawserCase):
    settings = {"clients_output_limit": "8MiB"}

    def test_replies_of_a_client_that_left_are_swallowed(self):
        other = self.client()
        for round_number in range(30):
            gone = Client(self.hawser.port)
            for i in range(50):
                gone.send("ECHO", f"gone{i}") if i % 2 else gone.send("EVAL", "return ARGV[1]", 0,
                                                                      f"gone{i}")
            (gone.reset if round_number % 2 else gone.close)()
            for i in range(10):
                self.assertEqual(other("EVAL", "return ARGV[1]", 0, i), str(i).encode())

    def test_half_a_request_of_a_client_that_left_reaches_nobody(self):
        other = self.client()
        gone = Client(self.hawser.port)
        gone.raw(b"*3\r\n$3\r\nSET\r\n$4\r\nhalf\r\n$1000000\r\n" + b"x" * 500000)
        gone.reset()
        for i in range(20):
            self.assertEqual(other("ECHO", i), str(i).encode())
            self.assertEqual(other("EXISTS", "half"), 0)

    def test_what_was_asked_before_a_half_close_is_answered(self):
        client = self.client()
        client.send("SET", "half-close", "1")
        client.send("GET", "half-close")
        client.socket.shutdown(1)
        self.assertEqual((client.read(), client.read()), ("OK", b"1"))
        self.assertEqual(client.rest(), b"")

    def test_a_client_that_leaves_before_its_blocking_request_is_sent_takes_no_element(self):
        other, leaving = self.client(), Client(self.hawser.port)
        blocker = self.direct()
        blocker.send("DEBUG", "SLEEP", "0.3")
        time.sleep(0.05)
        # The first one is in flight while the client leaves; the other one waits for it.
        leaving.raw(b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n*3\r\n$5\r\nBLPOP\r\n$4\r\nlast\r\n$1\r\n0\r\n")
        leaving.close()
        self.assertEqual(blocker.read(), "OK")
        other("RPUSH", "last", "kept")
        self.assertEqual(other("LPOP", "last"), b"kept")

    def test_what_a_half_closed_client_has_asked_is_answered(self):
        client, blocker = self.client(), self.direct()
        blocker.send("DEBUG", "SLEEP", "0.2")
        time.sleep(0.05)
        client.raw(b"SELECT 3\r\nSET half 1\r\nGET half\r\n")
        client.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(client.rest(), b"+OK\r\n+OK\r\n$1\r\n1\r\n")

    def test_a_client_that_stops_reading_is_cut_and_delays_nobody(self):
        other = self.client()
        other("SET", "mib", os.urandom(1 << 20))
        stalled = Client(self.hawser.port)
        stalled.raw(b"*2\r\n$3\r\nGET\r\n$3\r\nmib\r\n" * 100)
        slowest = 0
        closes = "hawser_downstream_output_limit_closes_total"
        end = time.monotonic() + 20
        while self.hawser.metric(closes) == 0 and time.monotonic() < end:
            began = time.monotonic()
            self.assertEqual(other("PING"), "PONG")
            slowest = max(slowest, time.monotonic() - began)
        self.assertEqual(self.hawser.metric(closes), 1)
        self.assertLess(slowest, 1)
        stalled.close()

    def test_a_reply_larger_than_the_output_limit_passes_at_its_readers_pace(self):
        client = self.client(timeout=60)
        value = os.urandom(24 << 20)
        self.assertEqual(client("SET", "large", value), "OK")
        client.send("GET", "large")
        time.sleep(0.3)  # A reader that takes its time.
        self.assertEqual(client.read(), value)
        client("DEL", "large")

    def test_a_slow_reader_of_one_large_reply_delays_nobody(self):
        slow, other = self.client(timeout=60), self.client()
        value = os.urandom(64 << 20)
        self.assertEqual(slow("SET", "large", value), "OK")
        slow.send("GET", "large")
        slowest = 0
        end = time.monotonic() + 0.9  # Not as long as clients.stall.
        while time.monotonic() < end:
            began = time.monotonic()
            self.assertEqual(other("PING"), "PONG")
            slowest = max(slowest, time.monotonic() - began)
        self.assertEqual(slow.read(), value)
        self.assertLess(slowest, 0.5)
        slow("DEL", "large")


if __name__ == "__main__":
    unittest.main()
