"""A small RESP2/RESP3 client that shows replies as they are. Independent of hawser's own code."""

import os
import socket
import struct

# How long a reply may take before a test fails, seconds.
TIMEOUT = float(os.environ.get("HAWSER_TEST_TIMEOUT", "20"))


class ErrorReply(str):
    """An error reply's text, without '-'."""


class Push(list):
    """A RESP3 push frame."""


class Closed(Exception):
    """The connection was closed where a reply was expected."""


def encode(*words):
    words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


class Client:
    """One connection, TCP or Unix. client("GET", "k") sends and reads one reply."""

    def __init__(self, address, timeout=TIMEOUT, host="127.0.0.1"):
        if isinstance(address, str):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(address)
        else:
            self.socket = socket.create_connection((host, address))
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(timeout)
        self.file = self.socket.makefile("rb")

    def __call__(self, *words):
        self.send(*words)
        return self.read()

    def send(self, *words):
        self.socket.sendall(encode(*words))

    def raw(self, data, may_fail=False):
        """`may_fail`: the server may close before it has read everything."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            if not may_fail:
                raise

    def pipeline(self, *commands):
        self.raw(b"".join(encode(*c) for c in commands))
        return [self.read() for _ in commands]

    def rest(self):
        """All bytes until the server closes."""
        try:
            return self.file.read()
        except ConnectionResetError:
            return b""

    def close(self):
        self.file.close()
        self.socket.close()

    def reset(self):
        """Closes with a RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def read(self):
        try:
            line = self.file.readline()
        except ConnectionResetError:
            line = b""
        if not line.endswith(b"\r\n"):
            raise Closed(line)
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            return ErrorReply(rest.decode())
        if kind in b":(":
            return int(rest)
        if kind == b",":
            return float(rest)
        if kind == b"#":
            return rest == b"t"
        if kind == b"_":
            return None
        if kind in b"$=":
            size = int(rest)
            if size < 0:
                return None
            data = self.file.read(size + 2)
            if len(data) != size + 2:
                raise Closed(data)
            return data[:-2] if kind == b"$" else data[4:-2]
        if kind in b"*~>":
            size = int(rest)
            if size < 0:
                return None
            items = [self.read() for _ in range(size)]
            return Push(items) if kind == b">" else items
        if kind == b"%":
            return {self.read(): self.read() for _ in range(int(rest))}
        raise AssertionError(f"not RESP: {line!r}")
