"""Many clients that keep hawser busy and know what may be true of every answer.

All run in one thread over one selector, so that a reply's time is taken when it comes. Each client
has keys of its own (models.py), whose values carry its number and a sequence. A request is late
when its answer comes more than TOLERANCE after its deadline.

    load = Workload(port, seed=7)
    load.start()
    ...                       # the fault
    load.healed()             # Redis is well again
    load.stop()               # every request must have been answered
    load.verify(direct)       # AssertionError with seed and histories if anything is wrong
"""

import collections
import heapq
import random
import selectors
import threading
import time

from clients import Heavy, Ordinary, Popper, Subscriber
from wire import DONE, LATE

TOLERANCE = 0.1
# A blocking request has its own time-out and this; seconds.
BLOCKING_EXTRA = 0.5
VIOLATIONS_KEPT = 2  # Of each kind, with the history of their keys.


class Workload:
    """`total` and `script`: hawser's timeout.total and timeout.script, seconds. `pause`: the
    longest a client thinks between two pipelines. `altered`: bytes are altered on the way, so that
    only being answered in time is checked. `vanishing`: how likely a client leaves instead of
    reading on. `heavy`: one more client has long pipelines."""

    def __init__(self, port, seed, clients=10, total=1.0, script=1.5, pause=0.012, altered=False,
                 vanishing=0.002, heavy=True, prefix="w"):
        self.port, self.seed, self.prefix = port, seed, prefix
        self.total, self.script, self.pause = total, script, pause
        self.altered, self.vanishing = altered, vanishing
        self.random = random.Random(seed)
        self.models = []
        self.violations = []  # The first ones in words, all of them in wrongs.
        self.wrongs = collections.Counter()
        self.requests = self.answered = self.late = self.unanswered = self.acknowledged = 0
        self.errors = collections.Counter()
        self.slowest = collections.Counter()  # Kind of deadline -> longest past its begin, seconds.
        self.closed_by_hawser = 0
        self.began = time.monotonic()
        self.recovered_in = None  # From healed() to the first success, seconds.
        self._healed_at = None
        self._last_failed_sent = 0.0
        self._selector = selectors.DefaultSelector()
        self._wakeups = []
        self._woken = 0
        self._looked = self.began  # When the selector last had nothing more to say.
        self._stopping = False
        self._failure = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.clients = [Ordinary(self, number) for number in range(clients)]
        for owner in self.clients[:max(1, clients // 3)]:
            self.clients += [Popper(self, owner), Subscriber(self, owner)]
        if heavy:
            self.clients.append(Heavy(self, clients))

    def start(self):
        self._thread.start()

    def healed(self):
        """Redis is well from now on."""
        self.recovered_in = None
        self._healed_at = time.monotonic()

    def normal_after(self):
        """How long after healed() the last request was sent that failed, seconds; 0 if none was."""
        return max(0.0, self._last_failed_sent - self._healed_at)

    def stop(self):
        """No new requests; waits until all are answered, or their deadlines have passed."""
        self._stopping = True
        self._thread.join(self.script + self.total + BLOCKING_EXTRA + 5)
        if self._thread.is_alive():
            raise AssertionError(f"seed {self.seed}: the workload does not end")
        if self._failure is not None:
            raise self._failure

    def verify(self, direct):
        """Compares with what is in Redis. `direct`: a client of Redis itself."""
        for model in [] if self.altered else self.models:
            wrong = model.verify(direct)
            if wrong:
                self.violation(model, wrong)
        if self.wrongs:
            kinds = ", ".join(f"{kind} {count} x" for kind, count in self.wrongs.most_common())
            raise AssertionError(f"seed {self.seed}: {kinds}; slowest {dict(self.slowest)}\n"
                                 + "\n".join(self.violations))

    def summary(self):
        text = (f"{self.requests} requests, {self.acknowledged} acknowledged, late {self.late}, "
                f"unanswered {self.unanswered}, "
                f"slowest {max(self.slowest.values(), default=0):.3f} s")
        if self.errors:
            text += ", " + " ".join(f"{word} {n}" for word, n in self.errors.most_common())
        if self._healed_at is not None:
            first = "never" if self.recovered_in is None else f"{self.recovered_in * 1000:.0f} ms"
            text += (f"; back: first success after {first}, "
                     f"no failure after {self.normal_after() * 1000:.0f} ms")
        return text

    # What the clients call, in the workload's thread.

    def allowance(self, kind, wait):
        """Seconds a request may take: kind "total", "script", or "blocking" for `wait` seconds."""
        if kind == "blocking":
            return wait + BLOCKING_EXTRA
        return self.script if kind == "script" else self.total

    def wake(self, client, after):
        self._woken += 1
        heapq.heappush(self._wakeups, (time.monotonic() + after, self._woken, client))

    def watch(self, client):
        self._selector.register(client.socket, selectors.EVENT_READ, client)

    def unwatch(self, client):
        self._selector.unregister(client.socket)

    def sent(self, count=1):
        self.requests += count

    def took(self, request, reply, result, now):
        """A request was answered. What kept this loop busy itself is not held against hawser."""
        self.answered += 1
        seconds = now - request.sent - (now - self._looked)
        allowed = self.allowance(request.kind, request.wait)
        over = seconds - request.wait
        self.slowest[request.kind] = max(self.slowest[request.kind], over)
        if seconds > allowed + TOLERANCE:
            self.late += 1
            self.violation(request.model, f"{LATE}: {request.words[0]} was answered after "
                                          f"{seconds:.3f} s, allowed are {allowed:.3f} s")
        if result == DONE:
            self.acknowledged += 1
            if (self._healed_at is not None and self.recovered_in is None
                    and now >= self._healed_at):
                self.recovered_in = now - self._healed_at
        else:
            self.errors[str(reply).split(" ", 1)[0]] += 1
            self._last_failed_sent = max(self._last_failed_sent, request.sent)

    def violation(self, model, text):
        """`text`: what kind it is, a colon, and the rest."""
        kind = text.split(":", 1)[0]
        if self.wrongs[kind] < VIOLATIONS_KEPT:
            self.violations.append(f"{model.name}: {text}\n{model.told()}")
        self.wrongs[kind] += 1

    def _run(self):
        try:
            for client in self.clients:
                client.open()
            self._turn()
            for client in self.clients:
                client.leave()
        except BaseException as error:  # Shown by stop(), in the thread of the test.
            self._failure = error
        finally:
            self._selector.close()

    def _turn(self):
        """The loop: sends what is due, reads what is there, until everything is answered."""
        last = None
        while True:
            now = time.monotonic()
            if self._stopping:
                last = last or now + self.script + self.total + BLOCKING_EXTRA + TOLERANCE
                if now > last or not any(client.owed for client in self.clients):
                    return
            while self._wakeups and self._wakeups[0][0] <= now:
                client = heapq.heappop(self._wakeups)[2]
                if not self._stopping:
                    client.act(now)
            pause = self._wakeups[0][0] - time.monotonic() if self._wakeups else 0.05
            events = self._selector.select(min(max(pause, 0), 0.05))
            self._looked = time.monotonic()
            for key, _ in events:
                key.data.receive()
