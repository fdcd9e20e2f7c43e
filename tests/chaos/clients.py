"""The clients of a workload: one that pipelines everything, one that pops, one that subscribes."""

import collections
import random
import socket
import time

from fault_proxy import end
from models import Channel, Counter, Echo, Log, Model, Queue, Register, ScriptCounter, Transaction
from resp import ErrorReply, encode
from wire import DONE, UNANSWERED, UNKNOWN, UNTOLD, Malformed, ReplyStream, outcome

PIPELINE = 12
POP_WAIT = 0.15  # Seconds.
HEAVY_TIMES, HEAVY_BYTES, HEAVY_PAUSE = 20, 15000, 0.05


class Request:
    __slots__ = ("words", "model", "token", "kind", "wait", "sent")

    def __init__(self, words, model, token, kind="total", wait=0.0):
        self.words, self.model, self.token = words, model, token
        self.kind, self.wait, self.sent = kind, wait, 0.0


class Connection:
    """One connection to hawser; opened again, with new keys, when it is gone."""

    def __init__(self, load, name):
        self.load = load
        self.name = name
        self.random = random.Random(f"{load.seed} {name}")
        self.socket = None
        self.owed = collections.deque()
        self.stream = ReplyStream()
        self.generation = 0

    def open(self):
        self.generation += 1
        self.stream = ReplyStream()
        self.socket = socket.create_connection(("127.0.0.1", self.load.port), 5)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.load.watch(self)
        self.begin()

    def own(self, model_type, letter):
        """A model whose key nobody else writes, and no earlier connection of this client."""
        model = model_type(f"{self.load.prefix}:{self.name}:{self.generation}:{letter}")
        self.load.models.append(model)
        return model

    def submit(self, requests):
        now = time.monotonic()
        for request in requests:
            request.sent = now
        self.owed.extend(requests)
        self.load.sent(len(requests))
        try:
            self.socket.sendall(b"".join(encode(*request.words) for request in requests))
        except OSError as error:
            self.lost(error)

    def receive(self):
        try:
            data = self.socket.recv(1 << 18)
        except OSError as error:
            self.lost(error)
            return
        if not data:
            self.lost("closed")
            return
        try:
            replies = self.stream.feed(data)
        except Malformed as error:
            self.lost(error)
            return
        now = time.monotonic()
        for reply in replies:
            self.reply(reply, now)

    def reply(self, reply, now):
        """The answer to the oldest request."""
        if not self.owed:
            self.load.violation(Model(self.name), f"an answer to nothing: {reply!r}")
            return
        request = self.owed.popleft()
        result = outcome(reply)
        request.model.note(now - self.load.began, request.words, reply)
        self.load.took(request, reply, result, now)
        if not self.load.altered:
            wrong = (f"{UNTOLD}: {reply!r}" if result is None
                     else self.settle(request, reply, result))
            if wrong:
                self.load.violation(request.model, wrong)
        if not self.owed:
            self.idle()

    def settle(self, request, reply, result):
        return request.model.settle(request.token, reply, result)

    def abandon(self, reset=True):
        """Leaves; what it was owed is unknown from then on."""
        self.load.unwatch(self)
        end(self.socket, reset)
        left, self.owed = list(self.owed), collections.deque()
        for request in left:
            request.model.note(time.monotonic() - self.load.began, request.words, "(left)")
            self.settle(request, ErrorReply("PROXYLOST"), UNKNOWN)
        return len(left)

    def lost(self, why):
        """Hawser ended the connection, which it may not while it owes answers that fit together."""
        self.load.closed_by_hawser += 1
        if not self.load.altered:
            model = self.owed[0].model if self.owed else Model(self.name)
            self.load.violation(model, f"connection ended: {self.name}, by hawser, {why!r}, "
                                       f"{len(self.owed)} answers were due")
        self.abandon()
        self.open()

    def leave(self):
        """At the end, when everything ought to have been answered long ago."""
        now, left = time.monotonic(), list(self.owed)
        self.abandon(False)
        for request in left:
            self.load.unanswered += 1
            words = " ".join(map(str, request.words))[:80]
            self.load.violation(request.model, f"{UNANSWERED}: {words} "
                                               f"after {now - request.sent:.3f} s, {len(left)} due")

    def begin(self):
        """A connection is open: models are made, and the first action is planned."""

    def act(self, now):
        """Called when the time asked for with wake() has come."""

    def idle(self):
        """Nothing is owed any more."""


class Ordinary(Connection):
    """Pipelines of all kinds of requests on its own keys; now and then it leaves in the middle."""

    def __init__(self, load, number):
        super().__init__(load, f"c{number}")
        # These outlive the connection, as others look at them: all that is sent is numbered.
        self.queue = self.channel = None

    def begin(self):
        self.plain = [self.own(Echo, "echo"), self.own(Register, "a"), self.own(Register, "b"),
                      self.own(Counter, "n"), self.own(Log, "log"), self.own(Transaction, "t")]
        self.script = self.own(ScriptCounter, "s")
        if self.queue is None:
            self.queue, self.channel = self.own(Queue, "q"), self.own(Channel, "ch")
        self.shared = [self.queue, self.channel] if self.generation == 1 else []
        self.load.wake(self, self.random.random() * self.load.pause)

    def act(self, _):
        if self.owed:
            return
        requests = []
        if self.random.random() < 0.04:
            requests = [Request(words, self.script, token, "script")
                        for words, token in self.script.make(self.random)]
        else:
            for _ in range(self.random.randrange(1, PIPELINE)):
                model = self.random.choice(self.plain + self.shared)
                requests += [Request(words, model, token)
                             for words, token in model.make(self.random)]
        self.submit(requests)
        if self.owed and self.random.random() < self.load.vanishing:
            self.abandon()
            self.open()

    def idle(self):
        self.load.wake(self, self.random.random() * self.load.pause)


class Heavy(Ordinary):
    """Its pipelines are longer than what Redis reads at once: when Redis hangs there is always a
    backlog that it has not read, which must not run after what is sent later."""

    def act(self, _):
        if self.owed:
            return
        requests = []
        for _ in range(HEAVY_TIMES):
            for model, made in ((self.plain[1], self.plain[1].write(HEAVY_BYTES)),
                                (self.plain[3], self.plain[3].make(self.random)),
                                (self.plain[4], self.plain[4].make(self.random))):
                requests += [Request(words, model, token) for words, token in made]
        self.submit(requests)

    def idle(self):
        self.load.wake(self, HEAVY_PAUSE)


class Popper(Connection):
    """Blocks on the list another client pushes to."""

    def __init__(self, load, owner):
        super().__init__(load, owner.name + "-pop")
        self.owner = owner

    def begin(self):
        self.load.wake(self, 0.01)

    def act(self, _):
        if not self.owed:
            queue = self.owner.queue
            words = ("BLPOP", queue.name, POP_WAIT)
            self.submit([Request(words, queue, None, "blocking", POP_WAIT)])

    def settle(self, request, reply, result):
        return request.model.settle_pop(reply, result)

    def idle(self):
        self.load.wake(self, self.random.random() * self.load.pause)


class Subscriber(Connection):
    """Listens to the channel another client publishes to. Closed after a gap, it comes back."""

    def __init__(self, load, owner):
        super().__init__(load, owner.name + "-sub")
        self.owner = owner
        self.stay = None

    def begin(self):
        self.stay = None
        self.load.wake(self, 0.01)

    def act(self, _):
        if not self.owed and self.stay is None:
            channel = self.owner.channel
            self.submit([Request(("SUBSCRIBE", channel.name), Model(channel.name), None)])

    def reply(self, reply, now):
        if isinstance(reply, list) and reply[:1] == [b"message"]:
            self.message(reply, now)
        else:
            super().reply(reply, now)

    def message(self, reply, now):
        channel = self.owner.channel
        if self.load.altered:
            return
        if self.stay is None or len(reply) != 3 or reply[1] != channel.name.encode():
            self.load.violation(channel, f"crossed: a message {reply!r}")
            return
        self.stay["messages"].append((int(reply[2]), now))

    def settle(self, request, reply, result):
        if result == DONE:
            channel = self.owner.channel
            if reply != [b"subscribe", channel.name.encode(), 1]:
                return f"crossed: SUBSCRIBE was answered {reply!r}"
            self.stay = {"messages": [], "closed": None}
            channel.stays.append(self.stay)
        return None

    def idle(self):
        if self.stay is None:
            self.load.wake(self, 0.05)

    def lost(self, why):
        if self.stay is None and not self.load.altered:
            super().lost(why)  # Nothing was subscribed to.
            return
        if self.stay is not None:
            self.stay["closed"] = time.monotonic()
        self.abandon()
        self.open()
