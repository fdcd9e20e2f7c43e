"""A tiny Redis that can be told to lie: what the workload must notice."""

import collections
import socket
import threading
import time

from fault_proxy import end
from resp import encode
from wire import ReplyStream

LIES = {
    "truth": None,
    "swap": "crossed",           # Two replies of one pipeline change places.
    "lose": "lost",              # INCR is acknowledged and not done.
    "double": "doubled",         # APPEND is done twice.
    "reorder": "reordered",      # An acknowledged APPEND takes effect after the next one.
    "stale": "overwritten",      # GET gives an older value.
    "undo": "overwritten",       # A SET that was said to be unknown runs later than the next one.
    "untrue": "said not to be",  # APPEND is done, and said not to be.
    "torn": "torn",              # Of a transaction, only the first command runs.
    "late": "late",              # Answers after the deadline.
    "silent": "not answered",    # Does not answer at all.
    "deaf": "not told",          # Does not deliver a message that it counted.
}


class LyingServer:
    """Tells the truth, but for `lie`, once for every `every` occasions. With lie = None it is
    honest from then on."""

    def __init__(self, lie, every=25):
        self.lie, self.every = lie, every
        self.occasions = 0
        self.connections = []
        self.lock = threading.RLock()
        self.strings = {}
        self.lists = collections.defaultdict(list)
        self.previous = {}
        self.late_append = None
        self.late_set = None
        self.subscribers = collections.defaultdict(list)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def stop(self):
        for each in [self.listener, *self.connections]:
            end(each, True)

    def lies(self, lie):
        if lie != self.lie:
            return False
        self.occasions += 1
        return self.occasions % self.every == 0

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        stream, queued = ReplyStream(), None
        try:
            while data := connection.recv(1 << 16):
                replies = []
                for words in stream.feed(data):
                    name = words[0]
                    if name == b"MULTI":
                        queued = []
                        replies.append(b"+OK\r\n")
                    elif name == b"EXEC":
                        torn = self.lies("torn")
                        with self.lock:
                            parts = [self.run(each, connection, torn and number > 0)
                                     for number, each in enumerate(queued)]
                        queued = None
                        replies.append(b"*%d\r\n" % len(parts) + b"".join(parts))
                    elif queued is not None:
                        queued.append(words)
                        replies.append(b"+QUEUED\r\n")
                    elif name == b"BLPOP":
                        replies.append(self.pop(words))
                    else:
                        with self.lock:
                            replies.append(self.run(words, connection))
                if len(replies) > 1 and self.lies("swap"):
                    replies[0], replies[-1] = replies[-1], replies[0]
                if self.lies("late"):
                    time.sleep(0.7)
                if not self.lies("silent"):
                    connection.sendall(b"".join(replies))
        except OSError:
            pass

    def pop(self, words):
        end = time.monotonic() + float(words[2])
        while time.monotonic() < end:
            with self.lock:
                if self.lists[words[1]]:
                    return encode(words[1], self.lists[words[1]].pop(0))
            time.sleep(0.005)
        return b"*-1\r\n"

    def run(self, words, connection, skip=False):
        name, arguments = words[0], words[1:]
        key = arguments[0] if arguments else None
        if name == b"PING":
            return b"$%d\r\n%s\r\n" % (len(key), key)
        if name == b"SET":
            return self.set(key, arguments[1], skip)
        if name == b"GET":
            value = self.previous.get(key) if self.lies("stale") else self.strings.get(key)
            return b"$-1\r\n" if value is None else b"$%d\r\n%s\r\n" % (len(value), value)
        if name in (b"INCR", b"EVAL"):
            key = arguments[2] if name == b"EVAL" else key
            count = int(self.strings.get(key, 0)) + 1
            if not self.lies("lose"):
                self.strings[key] = b"%d" % count
            return b":%d\r\n" % count
        if name == b"APPEND":
            return self.append(key, arguments[1])
        if name == b"RPUSH":
            self.lists[key].append(arguments[1])
            return b":%d\r\n" % len(self.lists[key])
        if name == b"LRANGE":
            return encode(*self.lists[key])
        if name == b"SUBSCRIBE":
            # At once: no message may be sent before it.
            connection.sendall(encode("subscribe", key).replace(b"*2", b"*3") + b":1\r\n")
            self.subscribers[key].append(connection)
            return b""
        if name == b"PUBLISH":
            heard = self.subscribers[key]
            if not self.lies("deaf"):
                for subscriber in heard:
                    subscriber.sendall(encode("message", *arguments))
            return b":%d\r\n" % len(heard)
        return b"-ERR unknown command\r\n"

    def set(self, key, value, skip):
        if skip:
            return b"+OK\r\n"
        if self.late_set is not None and self.late_set[0] == key:
            self.strings[key] = self.late_set[1]  # The older one, over the one acknowledged now.
            self.late_set = None
            return b"+OK\r\n"
        if not key.endswith(b":v") and self.lies("undo"):
            self.late_set = (key, value)
            return b"-PROXYTIMEOUT no reply within 1 ms, outcome unknown\r\n"
        self.previous[key] = self.strings.get(key)
        self.strings[key] = value
        return b"+OK\r\n"

    def append(self, key, value):
        if self.lies("reorder") and self.late_append is None:
            self.late_append = (key, value)
            return b":1\r\n"
        self.strings[key] = self.strings.get(key, b"") + value
        if self.lies("double"):
            self.strings[key] += value
        if self.late_append is not None and self.late_append[0] == key:
            self.strings[key] += self.late_append[1]
            self.late_append = None
        if self.lies("untrue"):
            return b"-PROXYDOWN no upstream connection, command not executed (ECONNREFUSED)\r\n"
        return b":%d\r\n" % len(self.strings[key])
