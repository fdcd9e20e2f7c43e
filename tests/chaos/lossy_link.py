"""A network namespace, and a link to it that loses and delays packets.

The link is two TUN devices, one on each side, and this process, which carries the packets between
them: TCP sees real loss and real latency, and no kernel module for it is needed. Takes root.
"""

import fcntl
import heapq
import itertools
import os
import random
import select
import struct
import subprocess
import threading
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
PACKET_MAX = 65536


class LossyLink:
    """`loss`: the share of packets that vanish, 0 to 1; `delay`: seconds, each way. Both may be set
    at any time. `prefix` runs a command inside; what listens there is reached at `host`. `attempts`
    counts the TCP connections that were asked for."""

    numbers = itertools.count()

    def __init__(self, seed):
        self.loss, self.delay = 0.0, 0.0
        self.attempts = 0
        self.random = random.Random(seed)
        number = next(LossyLink.numbers)
        self.namespace = f"hawser-{os.getpid()}-{number}"
        network = f"10.213.{number % 256}"
        self.host = f"{network}.2"
        self.prefix = ("ip", "netns", "exec", self.namespace)
        self.ends, self.thread, self.ended = [], None, threading.Event()
        run("ip", "netns", "add", self.namespace)
        try:
            names = [f"hw{os.getpid() % 100000}n{number}{side}" for side in "ab"]
            self.ends = [tun(name) for name in names]
            run("ip", "link", "set", names[1], "netns", self.namespace)
            run("ip", "addr", "add", f"{network}.1/30", "dev", names[0])
            run("ip", "link", "set", names[0], "up")
            run(*self.prefix, "ip", "addr", "add", f"{network}.2/30", "dev", names[1])
            run(*self.prefix, "ip", "link", "set", names[1], "up")
            run(*self.prefix, "ip", "link", "set", "lo", "up")
        except BaseException:
            self.close()
            raise
        self.thread = threading.Thread(target=self.carry, daemon=True)
        self.thread.start()

    def carry(self):
        """Packets wait for their time in a heap; they stay in their order while the delay does."""
        waiting, order = [], itertools.count()
        while not self.ended.is_set():
            now = time.monotonic()
            while waiting and waiting[0][0] <= now:
                _, _, sink, packet = heapq.heappop(waiting)
                try:
                    os.write(sink, packet)
                except OSError:
                    pass  # The device's queue is full: lost, as on any link.
            pause = min(waiting[0][0] - now, 0.05) if waiting else 0.05
            for source in select.select(self.ends, [], [], pause)[0]:
                sink = self.ends[1 - self.ends.index(source)]
                packet = os.read(source, PACKET_MAX)
                self.attempts += is_syn(packet)
                if self.random.random() >= self.loss:
                    due = time.monotonic() + self.delay
                    heapq.heappush(waiting, (due, next(order), sink, packet))

    def close(self):
        self.ended.set()
        if self.thread is not None:
            self.thread.join()
        for each in self.ends:
            os.close(each)  # The devices are gone with them.
        self.ends = []
        run("ip", "netns", "del", self.namespace)


def is_syn(packet):
    """Whether it is the first of an IPv4 TCP connection."""
    flags = 4 * (packet[0] & 15) + 13
    return packet[0] >> 4 == 4 and packet[9] == 6 and packet[flags] & 0x12 == 0x02


def tun(name):
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return device


def run(*words):
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise AssertionError(f"{' '.join(words)}: {result.stderr.strip()}")
