"""Clients that leave with requests in flight, or stop reading."""

import os
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
