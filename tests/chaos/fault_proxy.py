"""A TCP proxy between hawser and Redis that can be told to behave like a bad network.

It runs in a thread of its own and needs nothing but the standard library. What it does is set by
plain attributes, at any time, and holds for all its connections:

    delay      seconds added to each piece, each way (the throughput stays)
    rate       bytes a second, each way; None is as fast as it goes
    dribble    replies leave one byte at a time
    hold       directions in which nothing is forwarded any more, without a FIN: "up" is towards
               Redis, "down" towards hawser. What is held goes on when the direction is released.
    alter      a function bytes -> bytes for what Redis says
    reset_new  each new connection is accepted and reset at once

and by methods: cut() ends the connections there are; stall() holds these alone, while new ones
pass, until release(); refuse() closes the listener and come_back() opens it again on the same port;
retarget() sends new connections elsewhere.
"""

import asyncio
import collections
import contextlib
import socket
import struct
import threading

PIECE = 65536
HELD_MAX = 1 << 20  # Bytes under way in one direction, before reading stops.


class FaultProxy:
    def __init__(self, target_port, target_host="127.0.0.1"):
        self.target = (target_host, target_port)
        self.delay = 0.0
        self.rate = None
        self.dribble = False
        self.hold = frozenset()
        self.alter = None
        self.reset_new = False
        self.accepted = 0
        self._links = set()
        self._listener = None
        self._accepting = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.port = 0
        self.come_back()

    def come_back(self):
        self._call(self._listen())

    def refuse(self):
        self._call(self._close_listener())

    def cut(self, reset=True):
        """Ends all connections, with a RST or a FIN; returns how many there were."""
        return self._call(self._cut(reset))

    def stall(self):
        """The connections there are hold what they have, as after lost packets, which are sent
        again later than a new connection is made."""
        for link in list(self._links):
            link.stalled = True

    def release(self):
        for link in list(self._links):
            link.stalled = False

    def retarget(self, port, host="127.0.0.1"):
        """For new connections."""
        self.target = (host, port)

    def pass_all(self):
        """No fault any more; connections stay."""
        self.delay, self.rate, self.dribble = 0.0, None, False
        self.alter, self.reset_new, self.hold = None, False, frozenset()
        self.release()

    def stop(self):
        self._call(self._close_listener())
        self._call(self._cut(True))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _listen(self):
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", self.port))
        self._listener.listen(512)
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self._accepting = self._loop.create_task(self._accept(self._listener))

    async def _close_listener(self):
        if self._listener is not None:
            self._accepting.cancel()
            await asyncio.gather(self._accepting, return_exceptions=True)
            self._listener.close()
            self._listener = None

    async def _accept(self, listener):
        while True:
            near, _ = await self._loop.sock_accept(listener)
            self.accepted += 1
            if self.reset_new:
                end(near, True)
                continue
            link = _Link(self, near)
            self._links.add(link)
            link.task = self._loop.create_task(link.run())

    async def _cut(self, reset):
        links = list(self._links)
        for link in links:
            link.reset = reset
            link.task.cancel()
        await asyncio.gather(*(link.task for link in links), return_exceptions=True)
        return len(links)


class _Link:
    """One connection of hawser and its one to Redis; lives in the proxy's loop."""

    def __init__(self, proxy, near):
        self.proxy = proxy
        self.near = near
        self.far = socket.socket()
        self.reset = False
        self.stalled = False
        self.task = None

    async def run(self):
        loop = self.proxy._loop
        try:
            for each in (self.near, self.far):
                each.setblocking(False)
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                await loop.sock_connect(self.far, self.proxy.target)
                ways = [_Way(self, self.near, self.far, "up"),
                        _Way(self, self.far, self.near, "down")]
                tasks = [loop.create_task(part)
                         for way in ways for part in (way.read(), way.write())]
            except OSError:
                self.reset = True  # As from a server that is not there.
                return
            try:
                await asyncio.gather(*tasks)
            except OSError:
                self.reset = True
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            self.proxy._links.discard(self)
            end(self.near, self.reset)
            end(self.far, self.reset)


class _Way:
    """One direction: pieces are read, wait for their time, and are written."""

    def __init__(self, link, source, sink, name):
        self.link, self.source, self.sink, self.name = link, source, sink, name
        self.proxy = link.proxy
        self.pieces = collections.deque()  # (when it may leave, bytes); empty bytes: the end.
        self.held = 0
        self.changed = asyncio.Event()

    async def passable(self):
        while self.name in self.proxy.hold or self.link.stalled:
            await asyncio.sleep(0.005)

    async def read(self):
        loop = self.proxy._loop
        while True:
            await self.passable()
            while self.held > HELD_MAX:
                await asyncio.sleep(0.005)
            data = await loop.sock_recv(self.source, PIECE)
            self.pieces.append((loop.time() + self.proxy.delay, data))
            self.held += len(data)
            self.changed.set()
            if not data:
                return

    async def write(self):
        loop = self.proxy._loop
        while True:
            while not self.pieces:
                self.changed.clear()
                await self.changed.wait()
            due, data = self.pieces.popleft()
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            await self.passable()
            if not data:
                with contextlib.suppress(OSError):
                    self.sink.shutdown(socket.SHUT_WR)
                return
            self.held -= len(data)
            if self.name == "down" and self.proxy.alter is not None:
                data = self.proxy.alter(data)
            await self.send(data)

    async def send(self, data):
        """As slowly as the proxy was told to."""
        loop, proxy, at = self.proxy._loop, self.proxy, 0
        while at < len(data):
            step = len(data) - at
            if proxy.dribble and self.name == "down":
                step = 1
            elif proxy.rate is not None:
                step = max(1, int(proxy.rate * 0.01))
            await self.passable()
            await loop.sock_sendall(self.sink, data[at:at + step])
            at += step
            if proxy.rate is not None:
                await asyncio.sleep(step / proxy.rate)
            elif at < len(data):
                await asyncio.sleep(0)


def end(connection, reset):
    """Closes a socket, with a RST if asked for."""
    with contextlib.suppress(OSError):
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
