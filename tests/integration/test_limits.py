"""Every queue and buffer has its limit."""

import unittest

from case import HawserCase
from resp import Client, encode
from servers import Hawser, RedisServer, eventually


class ClientLimits(HawserCase):
    settings = {"clients_max": 3, "clients_request_limit": "100KiB", "clients_pipeline": 50}

    def test_one_client_too_many_is_told_and_closed(self):
        clients = [self.client() for _ in range(3)]
        self.assertEqual([c("PING") for c in clients], ["PONG"] * 3)
        self.assertEqual(self.client().rest(), b"-ERR max number of clients reached\r\n")
        clients[0].close()
        self.clients.remove(clients[0])
        eventually(lambda: self.hawser.connections() == 2, "one has left")
        self.assertEqual(self.client()("PING"), "PONG")

    def test_a_request_over_the_limit_is_refused_before_it_is_stored(self):
        client = self.client()
        client.raw(encode("SET", "a", 1) + b"*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$200000\r\nxxx")
        self.assertEqual(client.rest(), b"+OK\r\n-PROXYFULL clients.request_limit reached, "
                                        b"command not executed\r\n")

    def test_a_pipeline_beyond_the_limit_is_read_as_it_is_answered(self):
        client = self.client()
        self.assertEqual(client.pipeline(*[("ECHO", i) for i in range(5000)]),
                         [str(i).encode() for i in range(5000)])


class LongReplies(HawserCase):
    def test_one_client_asks_for_a_few_at_a_time(self):
        """The others' replies come behind them on the same connection."""
        client, other = self.client(), self.client()
        other("SET", "long", "x" * (1 << 20))
        client("GET", "long")  # What its replies are like is known by the last ones.
        client.raw(encode("GET", "long") * 500)
        for _ in range(50):
            self.assertLessEqual(self.hawser.metric("hawser_commands_in_flight"), 40)
            self.assertEqual(other("PING"), "PONG")
        for _ in range(500):
            self.assertEqual(len(client.read()), 1 << 20)


class BufferLimit(HawserCase):
    settings = {"buffers_max_bytes": "16MiB"}

    def test_a_request_that_all_buffers_together_cannot_take_is_refused(self):
        client, other = self.client(), self.client()
        client.raw(b"*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$60000000\r\n" + b"x" * 20000000, may_fail=True)
        self.assertEqual(client.rest(),
                         b"-PROXYFULL buffers.max_bytes reached, command not executed\r\n")
        self.assertEqual(other("PING"), "PONG")


class LaneLimits(unittest.TestCase):
    def test_requests_beyond_the_queue_of_a_lane_that_is_down_are_refused_at_once(self):
        redis = RedisServer(start=False)
        self.addCleanup(redis.stop)
        hawser = Hawser(redis, lanes_max_requests=5, lanes_max_bytes="1MiB")
        client = Client(hawser.port)
        for _ in range(5):
            client.send("SET", "a", 1)
        other = Client(hawser.port)
        self.assertEqual(other("SET", "a", 1),
                         "PROXYFULL lanes.max_requests reached, command not executed")
        redis.start()
        self.assertEqual([client.read() for _ in range(5)], ["OK"] * 5)
        client.close()
        other.close()
        self.assertEqual(hawser.stop(), 0)

    def test_contexts_beyond_the_limit_are_refused(self):
        redis = RedisServer()
        self.addCleanup(redis.stop)
        hawser = Hawser(redis, contexts_max=2)
        client = Client(hawser.port)
        self.assertEqual(client.pipeline(("SELECT", 1), ("SELECT", 2)),
                         ["OK", "PROXYFULL contexts.max reached, command not executed"])
        self.assertEqual(client("SET", "a", 1), "OK")
        client.close()
        self.assertEqual(hawser.stop(), 0)


if __name__ == "__main__":
    unittest.main()
