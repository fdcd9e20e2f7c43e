"""The ways of throwing away everything under a tag that tests/bench/tags compares, and how entries
are written for them. Needs tests/support on the path, and HAWSER_BINARY."""

import contextlib
import multiprocessing
import random
import time

import servers
from resp import Client, ErrorReply, encode

PREFIX = b"__hawser__:"
HOUR = 3_600_000  # ms.
BATCH = 500  # Keys that a client removes at once.

FORK = multiprocessing.get_context("fork")


class Failed(Exception):
    """A measurement came to nothing, and why."""


def key_name(number):
    return b"list:orders:%d:page:%d" % (number // 10, number % 10)


def refused(error):
    """Of an error reply: what matters of it."""
    return Failed(error.lstrip("-").partition(", with args")[0])


def exchange(client, requests, size):
    """Sends, and reads as many bytes of replies, all of which must be of the same length."""
    client.raw(requests)
    while size > 0:
        data = client.socket.recv(1 << 18)
        if not data:
            raise Failed("closed")
        error = data if data.startswith(b"-") else data.partition(b"\n-")[2]
        if error:
            raise refused(error.decode(errors="replace").partition("\r")[0])
        size -= len(data)
    if size:
        raise Failed("replies of another length")


def chunks(items, size):
    for begin in range(0, len(items), size):
        yield items[begin:begin + size]


class Watcher:
    """A process that sends GET to Redis all the time. It notes the longest round trip of a time
    that is watched; one that only ends or begins there belongs to it as well."""

    def __init__(self, port):
        self.watching = FORK.Value("b", 0, lock=False)
        self.longest = FORK.Value("d", 0, lock=False)
        self.round_trips = FORK.Value("Q", 0, lock=False)
        self.process = FORK.Process(target=self.run, args=(port,))
        self.process.start()
        self.settle()

    def run(self, port):
        servers.end_with_parent()
        client = Client(port)
        request = encode("GET", "other:0")
        while True:
            watched = self.watching.value
            begin = time.perf_counter_ns()
            client.socket.sendall(request)
            client.socket.recv(4096)
            took = time.perf_counter_ns() - begin
            if (watched or self.watching.value) and took > self.longest.value:
                self.longest.value = took
            self.round_trips.value += 1
            # It is not to keep a core for itself, which the servers would miss.
            time.sleep(0.0001)

    def settle(self):
        """Waits for a round trip that began after the call: 2 may end that did not."""
        target = self.round_trips.value + 2
        servers.eventually(lambda: self.round_trips.value >= target, "GETs are answered")

    @contextlib.contextmanager
    def watch(self):
        self.longest.value = 0
        self.watching.value = 1
        yield
        self.watching.value = 0
        self.settle()

    def longest_ms(self):
        return self.longest.value / 1e6

    def stop(self):
        self.process.kill()
        self.process.join()


def values():
    return [b"v" * random.randint(64, 100) for _ in range(997)]


class CacheInvalidate:
    """Hawser does it. `load`: set, direct or auto, as tests/bench/tags tells."""

    def __init__(self, redis, hawser, load, ttl):
        self.redis = redis
        self.through = Client(hawser.port)
        self.load_by = load
        self.ttl = ttl

    def load(self, keys):
        if self.load_by == "direct" or (self.load_by == "auto" and len(keys) > 100_000):
            load(self.redis, keys, self.ttl, self.add_directly)
            return
        sample = values()
        life = lifetimes(self.ttl)
        for part in chunks(list(enumerate(keys)), 1000):
            exchange(self.through, b"".join(
                encode("CACHE.SET", key, sample[at % 997], *expiry(life(at)), "TAGS", 1, "bench")
                for at, key in part), 5 * len(part))

    @staticmethod
    def add_directly(entries):
        now = int(time.time() * 1000)
        return encode("ZADD", PREFIX + b"tag:bench",
                      *(word for key, life in entries
                        for word in (now + life if life else "+inf", key)))

    def invalidate(self):
        removed = self.through("CACHE.INVALIDATE", "bench")
        if isinstance(removed, ErrorReply):
            raise refused(removed)
        return removed


class SscanUnlink:
    """A client that cuts what SSCAN replied, and sends it back as UNLINK with the next SSCAN."""

    def __init__(self, redis, ttl):
        self.redis = redis
        self.client = Client(redis.port)
        self.ttl = ttl

    def load(self, keys):
        load(self.redis, keys, self.ttl, add_to_set)

    def invalidate(self):
        file = self.client.file
        cursor = b"0"
        removed = 0
        unanswered = 0
        sent = b""
        while True:
            self.client.raw(sent + encode("SSCAN", "bench", cursor, "COUNT", BATCH))
            for _ in range(unanswered):
                removed += int(file.readline()[1:])
            file.readline()
            file.readline()
            cursor = file.readline()[:-2]
            count = int(file.readline()[1:])
            lines = [file.readline() for _ in range(2 * count)]
            sent = b"".join(b"*%d\r\n$6\r\nUNLINK\r\n" % (len(part) // 2 + 1) + b"".join(part)
                            for part in chunks(lines, 2 * BATCH))
            unanswered = -(-count // BATCH)
            if cursor == b"0":
                break
        self.client.raw(sent + encode("UNLINK", "bench"))
        for _ in range(unanswered):
            removed += int(file.readline()[1:])
        file.readline()
        return removed


class SmembersDel:
    """A client that cuts what SMEMBERS replied, and sends it back as DEL."""

    def __init__(self, redis, ttl):
        self.redis = redis
        self.client = Client(redis.port)
        self.ttl = ttl

    def load(self, keys):
        load(self.redis, keys, self.ttl, add_to_set)

    def invalidate(self):
        connection = self.client.socket
        self.client.send("SMEMBERS", "bench")
        reply = bytearray()
        lines = 1  # Known so far to be in the reply.
        seen = 0
        while seen < lines:
            data = connection.recv(1 << 20)
            seen += data.count(b"\n")
            reply += data
            if lines == 1 and seen:
                lines = 1 + 2 * int(reply[1:reply.index(b"\r")])
        header = reply.index(b"\n") + 1
        self.client.raw(b"*%d\r\n$3\r\nDEL\r\n" % (lines // 2 + 2) + reply[header:]
                        + b"$5\r\nbench\r\n")
        return self.client.read() - 1


def add_to_set(entries):
    return encode("SADD", "bench", *(key for key, _ in entries))


def lifetimes(ttl):
    """Of the entry at a place: its time to live, ms; None for ever."""
    if ttl == "none":
        return lambda at: None
    return lambda at: HOUR if ttl == "same" else HOUR + at * 7919 % 600_011


def expiry(life):
    return ("PX", life) if life else ()


def load(redis, keys, ttl, index):
    """Writes entries and, `index` of each batch, their index, straight into Redis."""
    client = Client(redis.port)
    sample = values()
    life = lifetimes(ttl)
    for part in chunks(list(enumerate(keys)), 1000):
        client.raw(b"".join(encode("SET", key, sample[at % 997], *expiry(life(at)))
                            for at, key in part)
                   + index([(key, life(at)) for at, key in part]))
        for _ in range(len(part) + 1):
            if client.file.readline()[:1] == b"-":
                raise Failed("Redis refused to be loaded")
    client.close()
