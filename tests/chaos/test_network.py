"""The network between hawser and Redis fails in every way there is, under load; else as
test_chaos.py."""

import time
import unittest

from chaos_case import ChaosCase
from lossy_link import LossyLink
from servers import eventually


class Network(ChaosCase):
    def test_connections_are_reset(self):
        self.begin(proxied=True)

        def fault():
            for _ in range(6):
                self.proxy.cut(reset=True)
                time.sleep(self.random.uniform(0.02, 0.3))
        self.endure(fault)

    def test_connections_are_closed(self):
        self.begin(proxied=True)

        def fault():
            for _ in range(6):
                self.proxy.cut(reset=False)
                time.sleep(self.random.uniform(0.02, 0.3))
        self.endure(fault)

    def test_half_open_connections_that_go_on_later(self):
        self.begin(proxied=True)

        def fault():
            for directions, seconds in (({"up"}, 1), ({"down"}, 1), ({"up", "down"}, 0.3)):
                self.proxy.hold = directions
                time.sleep(seconds)
                self.proxy.pass_all()
                time.sleep(0.2)
        self.endure(fault)

    def test_half_open_connections_that_never_end(self):
        self.begin(proxied=True)

        def fault():
            self.proxy.hold = {"up", "down"}
            time.sleep(1.5)
            self.proxy.cut()
            self.proxy.pass_all()
        self.endure(fault)

    def test_old_connections_go_on_after_new_ones_were_made(self):
        self.begin(proxied=True)

        def fault():
            for _ in range(2):
                self.proxy.stall()
                time.sleep(1.2)
                self.proxy.release()
                time.sleep(0.1)
        self.endure(fault)

    def test_delay(self):
        self.begin(proxied=True)

        def fault():
            for delay in (0.1, 0.6):
                self.proxy.delay = delay
                time.sleep(1)
            self.proxy.pass_all()
        self.endure(fault)

    def test_throttle(self):
        self.begin(proxied=True)

        def fault():
            self.proxy.rate = 20000
            time.sleep(1.5)
            self.proxy.pass_all()
        self.endure(fault)

    def test_dribble(self):
        self.begin(proxied=True)

        def fault():
            self.proxy.dribble = True
            time.sleep(1)
            self.proxy.pass_all()
        self.endure(fault)

    def test_refused_and_reset_while_connecting(self):
        self.begin(proxied=True)

        def fault():
            self.proxy.refuse()
            self.proxy.cut()
            time.sleep(0.6)
            self.proxy.reset_new = True
            self.proxy.come_back()
            time.sleep(0.6)
            self.proxy.pass_all()
        self.endure(fault)

    def test_a_link_that_loses_delays_and_goes_silent(self):
        link = LossyLink(self.seed)
        self.addCleanup(link.close)
        self.redis = self.redis_server(host=link.host, prefix=link.prefix)
        self.start_hawser(f"redis://{link.host}:{self.redis.port}")

        def fault():
            link.loss, link.delay = 0.03, 0.01
            time.sleep(1)
            link.loss = 1
            time.sleep(1.2)
            link.loss = link.delay = 0
        self.endure(fault)


# What no reply begins with, or goes on with.
MALFORMED = (b"?\r\n", b"$-7\r\n", b"$x\r\n", b"*-7\r\n", b"$3\r\nabcdef", b"\r\n", b"HTTP/1.1\r\n",
             b"$99999999999999999999\r\n")
# That, and what is well-formed at the wrong place, too long or too deep.
FOREIGN = (*MALFORMED, b"$1000000000000\r\n", b"*2147483647\r\n" * 5, b"*1\r\n" * 5000,
           b"\x00" * 70000, b"+" + b"x" * 100000, b"%3\r\n", b">1\r\n:1\r\n", b"+OK\r\n",
           b"$-1\r\n", b"*0\r\n", b":\r\n")


class Shape(ChaosCase):
    """Bytes are altered on their way to hawser: what they say cannot be checked, but there is no
    crash, no hang and no growth, and the lane is closed at the first framing error."""

    def damaged(self, data):
        r = self.random
        at = r.randrange(len(data))
        harm = r.randrange(40)
        if harm == 0:
            return data[:at] + bytes([data[at] ^ (1 << r.randrange(8))]) + data[at + 1:]
        if harm == 1:
            return data[:at] + bytes(r.randrange(256) for _ in range(r.randrange(1, 9))) + data[at:]
        if harm == 2:
            return data[:at] + data[at + 1:]
        if harm == 3:
            return data + r.choice(FOREIGN)
        return data

    def errors(self):
        return self.hawser.metric('hawser_protocol_errors_total{side="upstream"}')

    def test_replies_of_wrong_shape(self):
        self.begin(proxied=True)

        def fault():
            self.proxy.alter = self.damaged
            time.sleep(1.5)
            self.proxy.pass_all()
            self.proxy.cut()
        self.endure(fault, altered=True)
        self.assertGreater(self.errors(), 0)
        self.endure(lambda: time.sleep(0.5), prefix="after")

    def test_each_framing_error_closes_the_lane(self):
        self.begin(proxied=True)
        client = self.client()
        for bad in MALFORMED:
            eventually(lambda: client("SET", "k", "v") == "OK", "works")
            before, lanes = self.errors(), self.proxy.accepted
            self.proxy.alter = lambda data, bad=bad: bad
            self.assertIn("PROXYLOST", str(client("INCR", "n")), bad)
            self.proxy.pass_all()
            self.assertGreaterEqual(self.errors(), before + 1, bad)
            eventually(lambda: self.proxy.accepted > lanes, "a new lane")
        client.close()
        self.at_rest()


if __name__ == "__main__":
    unittest.main()
