"""Plays a sequence at Redis itself, then through hawser, and compares what comes back."""

import select
import socket
import struct
import time

from differences import is_same
from resp_frames import encode, frames_of, is_error, is_message, shown
from sequence import PASSWORD, SUBSCRIBES, UNSUBSCRIBES, USERS

# Seconds until an answer is held for missing.
PATIENCE = 5
LEAVES = (b"RESET", *UNSUBSCRIBES)


class Difference(Exception):
    """The first one: where, and what came."""

    def __init__(self, number, connection, command, direct, hawser):
        self.number, self.connection, self.command = number, connection, command
        self.direct, self.hawser = direct, hawser

    def __str__(self):
        def text(frame):
            return frame if isinstance(frame, str) else shown(frame)
        return (f"round {self.number}, connection {self.connection}: {self.command}\n"
                f"  redis:  {text(self.direct)}\n  hawser: {text(self.hawser)}")


def connect(port):
    link = socket.create_connection(("127.0.0.1", port))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # Of the kernel, so that MSG_DONTWAIT is what it says.
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", PATIENCE, 0))
    return link


class Wires:
    """The connections of one play, opened as they are needed."""

    def __init__(self, port):
        self.port = port
        self.links = {}

    def send(self, parts):
        """The pieces of all parts in turn, so that each comes in the middle of another's."""
        waiting = [(self.link(part.connection), part.pieces()) for part in parts]
        while waiting:
            for link, pieces in waiting:
                try:
                    link.sendall(pieces.pop(0))
                except OSError:  # Closed before it was read; what came is compared.
                    pieces.clear()
            waiting = [entry for entry in waiting if entry[1]]

    def link(self, number):
        if number not in self.links:
            self.links[number] = connect(self.port)
        return self.links[number]

    def now(self, number):
        """What is there, and whether the connection is closed."""
        got = b""
        while True:
            try:
                data = self.links[number].recv(1 << 18, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return got, False
            except ConnectionError:
                data = b""
            if not data:
                return got, True
            got += data

    def forget(self, number):
        self.links.pop(number).close()

    def close(self):
        for link in self.links.values():
            link.close()
        self.links = {}


class Control:
    """A connection to Redis itself that is no part of the play."""

    def __init__(self, port):
        self.link = connect(port)

    def ask(self, *commands):
        self.link.sendall(b"".join(encode(words) for words in commands))
        data = b""
        while True:
            data += self.link.recv(1 << 18)
            frames, _ = frames_of(data)
            if len(frames) >= len(commands):
                return frames

    def ping(self):
        """Redis has read what was sent before, and at the second time answered it."""
        self.link.sendall(b"PING\r\n")
        self.link.recv(100)

    def make_users(self):
        for user, rules in USERS.items():
            if user != b"default":
                reply = self.ask([b"ACL", b"SETUSER", user, b"on", b">" + PASSWORD, *rules])[0]
                assert not is_error(reply), reply

    def reset(self):
        """All as at the start; nobody is subscribed any more."""
        end = time.monotonic() + 10
        while any(frame[1] not in ([], b"0") for frame in self.ask(
                [b"PUBSUB", b"CHANNELS"], [b"PUBSUB", b"NUMPAT"], [b"PUBSUB", b"SHARDCHANNELS"])):
            if time.monotonic() > end:
                raise AssertionError("subscriptions are left: %s" % self.ask([b"PUBSUB", b"CHANNELS"]))
            time.sleep(0.001)
        self.ask([b"FLUSHALL"], [b"FUNCTION", b"FLUSH"], [b"SCRIPT", b"FLUSH"],
                 [b"ACL", b"DELUSER", b"scratch", b"scratch2"], [b"ACL", b"LOG", b"RESET"],
                 [b"CONFIG", b"SET", b"slowlog-max-len", b"128"], [b"CONFIG", b"RESETSTAT"])

    def digest(self):
        """Of all that is stored, values and all."""
        return self.ask([b"DEBUG", b"DIGEST"])[0]


def played_directly(rounds, port, control):
    """For each round what came: {connection: (bytes, whether it closed)}; and a digest at the end."""
    control.reset()
    wires = Wires(port)
    record = []
    for parts in rounds:
        wires.send(parts)
        came = {}
        passes = 2  # For messages to others, and what ought not to come.
        end = time.monotonic() + PATIENCE
        while passes > 0:
            control.ping()
            passes -= 1
            for number in list(wires.links):
                data, is_closed = wires.now(number)
                if data or is_closed:
                    came[number] = (came.get(number, (b"",))[0] + data, is_closed)
                    passes = max(passes, 1)
                if is_closed:
                    wires.forget(number)
            if passes > 0 or time.monotonic() > end:
                continue
            late = [part.connection for part in parts
                    if not is_answered(part, *came.get(part.connection, (b"", False)))]
            if late:
                select.select([wires.link(number) for number in late], [], [], 0.1)
                passes = 1
        record.append(came)
    digest = control.digest()
    wires.close()
    control.ping()
    control.ping()
    return record, digest


def frames_for(command, frame):
    """How many frames answer the command, of which this is the first."""
    name = command[0].upper() if command else b""
    if isinstance(frame[1], list) and (name in SUBSCRIBES or name in UNSUBSCRIBES):
        return max(1, len(command) - 1)
    return 1


def is_answered(part, data, is_closed):
    """Whether the replies to all of a part are there."""
    if is_closed or part.is_raw:
        return is_closed if part.marker is None else data.endswith(encode([part.marker])[4:])
    replies = [frame for frame in frames_of(data)[0] if not is_message(frame)]
    at = 0
    for command in part.commands:
        if at >= len(replies):
            return False
        at += frames_for(command, replies[at])
    return at <= len(replies)


class Follower:
    """Knows which frames answer which command of a connection, by what Redis answered."""

    def __init__(self):
        self.queue = []

    def pairs(self, part, frames):
        """[(command, frame number or None)]; for EXEC the command is the list of those queued."""
        out, at = [], 0
        for command in part.commands:
            if at >= len(frames):
                break
            kind, value = frames[at]
            name = command[0].upper() if command else b""
            count = frames_for(command, frames[at])
            if value == b"QUEUED" and kind == ord("+"):
                self.queue.append(command)
            elif name == b"EXEC" and len(command) == 1:
                if not (kind == ord("-") and value.startswith(b"NOPERM")):
                    command, self.queue = [b"EXEC", *self.queue], []
            elif name == b"EXEC" and value.startswith(b"EXECABORT"):
                self.queue = []
            elif name in (b"DISCARD", b"RESET") and kind == ord("+"):
                self.queue = []
            elif name in UNSUBSCRIBES and len(command) == 1:
                count = len(frames) - at
            out += [(command, at + i) for i in range(count) if at + i < len(frames)]
            at += count
        out += [([b"(more)"], i) for i in range(at, len(frames))]
        return out


def compare(number, part, follower, direct, hawser):
    """Raises Difference. `direct` and `hawser` are the bytes that came on a connection in a round;
    `part` is what it sent in it, or None."""
    if part is None and direct == hawser:
        return
    if part is not None and part.is_raw:
        follower.queue = []
    connection = part.connection if part is not None else "listening"
    frames = frames_of(direct)[0]
    replies = [f for f in frames if not is_message(f)]
    pairs = []
    if part is not None and not part.is_raw:
        pairs = follower.pairs(part, replies)
    if direct == hawser:
        return
    frames = [frames, frames_of(hawser)[0]]
    messages = [[f for f in each if is_message(f)] for each in frames]
    got = [f for f in frames[1] if not is_message(f)]
    for command, at in pairs or [(part and part.commands, i) for i in range(len(replies))]:
        mine = got[at] if at < len(got) else (ord("*"), None)
        if at >= len(got):
            raise Difference(number, connection, command, replies[at], "nothing")
        if replies[at] == mine or is_same(command, replies[at], mine):
            continue
        if command and command[0] == b"EXEC" and isinstance(mine[1], list) and isinstance(
                replies[at][1], list) and len(mine[1]) == len(replies[at][1]):
            for queued, a, b in zip(command[1:], replies[at][1], mine[1]):
                if not is_same(queued, a, b):
                    raise Difference(number, connection, ["in EXEC", queued], a, b)
            continue
        raise Difference(number, connection, command, replies[at], mine)
    if len(got) > len(replies):
        raise Difference(number, connection, part and part.commands[-1:], "nothing",
                         got[len(replies)])
    if messages[0] != messages[1] and not is_farewell(part, *messages):
        raise Difference(number, connection, "messages", (ord("*"), messages[0]),
                         (ord("*"), messages[1]))


def is_farewell(part, direct, hawser):
    """Whether what is missing, or comes in another RESP version, may be what the client told itself
    just before it left or said HELLO: that comes on another connection than the replies it waits for.
    """
    names = [command[0].upper() for command in part.commands] if part and not part.is_raw else []
    told = [at for at, name in enumerate(names) if name in (b"PUBLISH", b"SPUBLISH")]
    left = [at for at, name in enumerate(names) if name in LEAVES]
    changed = [at for at, name in enumerate(names) if name == b"HELLO"]
    if told and changed and told[0] < changed[-1]:
        direct, hawser = ([message[1] for message in each] for each in (direct, hawser))
        if direct == hawser:
            return True
    remaining = iter(direct)
    is_part = all(message in remaining for message in hawser)
    return is_part and bool(told and left) and told[0] < left[-1]


def play_through(rounds, record, digest, port, control):
    """Raises Difference where hawser's answers are not those of the record."""
    control.reset()
    wires = Wires(port)
    followers = {}
    try:
        for number, (parts, came) in enumerate(zip(rounds, record)):
            wires.send(parts)
            by_connection = {part.connection: part for part in parts}
            for connection, (expected, closes) in came.items():
                part = by_connection.get(connection)
                got, is_closed = receive(wires.link(connection), expected, closes)
                follower = followers.setdefault(connection, Follower())
                compare(number, part, follower, expected, got)
                if is_closed != closes:
                    raise Difference(number, connection, part and part.commands[-1:],
                                     "closed" if closes else "open", "closed" if is_closed else "open")
                if is_closed:
                    wires.forget(connection)
                    followers.pop(connection)
        for connection in wires.links:
            got, is_closed = wires.now(connection)
            if got or is_closed:
                raise Difference(len(rounds), connection, "at the end", "nothing",
                                 f"closed: {is_closed}, {got[:200]}")
        mine = control.digest()
        if mine != digest:
            raise Difference(len(rounds), "any", "DEBUG DIGEST at the end", digest, mine)
    finally:
        wires.close()


def receive(link, expected, closes):
    """Bytes until they are as many frames as expected, and whether the connection closed."""
    got = b""
    wanted = None
    while True:
        if got == expected:
            if not closes:
                return got, False
        elif got and not closes:
            if wanted is None:
                wanted = len(frames_of(expected)[0])
            if len(frames_of(got)[0]) >= wanted:
                return got, False
        try:
            data = link.recv(1 << 18)
        except BlockingIOError:  # Nothing for so long.
            return got, False
        except ConnectionError:
            data = b""
        if not data:
            return got, True
        got += data
