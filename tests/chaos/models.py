"""What must be true of a client's own keys, whatever happens to Redis.

A model makes up requests for its keys and is told each reply, in the order of the requests. It
keeps what can be true then: a request whose outcome is unknown ran or did not, at its place in the
order or never; one that was not executed did not run; one that was answered ran once. settle() and
verify() return None, or what is wrong: its kind, a colon, the rest. No other client writes these
keys.
"""

import collections

from wire import DONE, NOT_EXECUTED, UNKNOWN

HISTORY = 40
# What values are filled up with, bytes.
PADDING = (0, 0, 0, 10, 10, 10, 100, 100, 100, 2000)


class Model:
    """`name` is the key; the client's number is part of it, so that values tell whose they are."""

    def __init__(self, name):
        self.name = name
        self.history = collections.deque(maxlen=HISTORY)

    def note(self, when, words, reply):
        self.history.append((when, words, reply))

    def told(self):
        """The last requests and what they were answered, one a line."""
        return "\n".join(f"  {when:9.3f} {' '.join(str(word)[:48] for word in words)} -> "
                         f"{str(reply)[:80]}" for when, words, reply in self.history)


class Echo(Model):
    """PING goes to Redis and brings its argument back: a reply that is not ours shows at once."""

    def __init__(self, name):
        super().__init__(name)
        self.sent = 0

    def make(self, _):
        self.sent += 1
        words = ("PING", f"{self.name}:{self.sent}")
        return [(words, words[1])]

    def settle(self, token, reply, outcome):
        if outcome == DONE and reply != token.encode():
            return f"crossed: PING {token} was answered {reply!r}"
        return None

    def verify(self, _):
        return None


class Register(Model):
    """SET and GET of one key. What can be in it: the last acknowledged value, or one of those after
    it whose outcome is unknown. A read settles which: what has not run by then may never run."""

    def __init__(self, name):
        super().__init__(name)
        self.sent = 0
        self.possible = {None}

    def make(self, random):
        if random.random() < 0.5:
            return [(("GET", self.name), None)]
        return self.write(random.choice(PADDING))

    def write(self, padding):
        self.sent += 1
        value = f"{self.name}:{self.sent}:" + "x" * padding
        return [(("SET", self.name, value), value)]

    def settle(self, token, reply, outcome):
        if token is not None:
            if outcome == DONE:
                if reply != "OK":
                    return f"crossed: SET was answered {reply!r}"
                self.possible = {token}
            elif outcome == UNKNOWN:
                self.possible.add(token)
        elif outcome == DONE:
            return self.seen(reply)
        return None

    def seen(self, reply):
        if reply is not None and not isinstance(reply, bytes):
            return f"crossed: GET was answered {reply!r}"
        value = reply.decode() if reply is not None else None
        if value not in self.possible:
            wanted = sorted(str(p)[:48] for p in self.possible)
            return f"lost, overwritten or crossed: it is {str(value)[:48]}, may be {wanted}"
        self.possible = {value}
        return None

    def verify(self, direct):
        return self.seen(direct("GET", self.name))


class Counter(Model):
    """INCR: acknowledged is exactly once, unknown at most once, refused never."""

    def __init__(self, name):
        super().__init__(name)
        self.least = self.most = 0

    def make(self, _):
        return [(("INCR", self.name), None)]

    def settle(self, _, reply, outcome):
        if outcome == UNKNOWN:
            self.most += 1
        elif outcome == DONE:
            if not isinstance(reply, int):
                return f"crossed: INCR was answered {reply!r}"
            if not self.least < reply <= self.most + 1:
                return (f"lost, doubled or crossed: INCR gave {reply}, "
                        f"{self.least + 1} to {self.most + 1} are possible")
            self.least = self.most = reply
        return None

    def verify(self, direct):
        value = int(direct("GET", self.name) or 0)
        if not self.least <= value <= self.most:
            return f"lost or doubled: it is {value}, {self.least} to {self.most} are possible"
        return None


class ScriptCounter(Counter):
    """The same by a script, which is never sent again once it was sent."""

    def make(self, _):
        return [(("EVAL", "return redis.call('INCR', KEYS[1])", 1, self.name), None)]


class Transaction(Model):
    """MULTI, INCR, SET, EXEC: both or none, once, and nothing of it outside."""

    def __init__(self, name):
        super().__init__(name)
        self.sent = 0
        self.possible = {(0, None)}

    def make(self, _):
        self.sent += 1
        value = f"{self.name}:{self.sent}"
        return [(("MULTI",), "OK"), (("INCR", self.name + ":n"), "QUEUED"),
                (("SET", self.name + ":v", value), "QUEUED"), (("EXEC",), (value,))]

    def settle(self, token, reply, outcome):
        if outcome == NOT_EXECUTED:
            return None
        if isinstance(token, str):
            if outcome == DONE and reply != token:
                return f"crossed or outside its transaction: {reply!r} instead of {token}"
            return None
        after = {(count + 1, token[0]) for count, _ in self.possible}
        if outcome == UNKNOWN:
            self.possible |= after
        elif not isinstance(reply, list) or len(reply) != 2 or reply[1] != "OK":
            return f"crossed or torn: EXEC was answered {reply!r}"
        elif (reply[0], token[0]) not in after:
            return f"lost or doubled: EXEC gave {reply!r}, possible is {sorted(after)[:8]}"
        else:
            self.possible = {(reply[0], token[0])}
        return None

    def verify(self, direct):
        count, value = int(direct("GET", self.name + ":n") or 0), direct("GET", self.name + ":v")
        state = (count, value.decode() if value is not None else None)
        if state not in self.possible:
            wanted = sorted(map(str, self.possible))[:8]
            return f"lost, doubled or torn: {state} is none of {wanted}"
        return None


class Numbered(Model):
    """Writes with growing numbers; what became of each is kept."""

    def __init__(self, name):
        super().__init__(name)
        self.outcomes = {}

    def next(self):
        number = len(self.outcomes) + 1
        self.outcomes[number] = UNKNOWN  # Until it is told otherwise.
        return number

    def settle(self, token, reply, outcome):
        self.outcomes[token] = outcome
        if outcome == DONE and not isinstance(reply, int):
            return f"crossed: an integer was due, not {reply!r}"
        return None

    def compare(self, found, lost_allowed=0):
        """`found`: the numbers that took effect, in the order in which they did."""
        if any(a >= b for a, b in zip(found, found[1:])):
            return f"doubled or reordered: {describe_disorder(found)}"
        there = set(found)
        lost = [n for n, o in self.outcomes.items() if o == DONE and n not in there]
        if len(lost) > lost_allowed:
            return f"lost: {lost[:20]} were acknowledged and are not there ({lost_allowed} may be)"
        for number in found:
            if self.outcomes.get(number, NOT_EXECUTED) == NOT_EXECUTED:
                return f"said not to be executed: {number} is there all the same"
        return None


class Log(Numbered):
    """APPEND of numbers: the key tells afterwards which ran, how often and in which order."""

    PER_KEY = 500

    def make(self, _):
        number = self.next()
        return [(("APPEND", f"{self.name}:{number // self.PER_KEY}", f"{number};"), number)]

    def verify(self, direct):
        keys = range(len(self.outcomes) // self.PER_KEY + 1)
        text = b"".join(direct("GET", f"{self.name}:{key}") or b"" for key in keys)
        return self.compare([int(part) for part in text.split(b";")[:-1]])


class Queue(Numbered):
    """RPUSH by its owner, BLPOP by one other connection, which tells of each pop."""

    def __init__(self, name):
        super().__init__(name)
        self.popped = []
        self.unknown_pops = 0

    def make(self, _):
        number = self.next()
        return [(("RPUSH", self.name, number), number)]

    def settle_pop(self, reply, outcome):
        if outcome == UNKNOWN:
            self.unknown_pops += 1
        elif outcome == DONE and reply is not None:
            if not isinstance(reply, list) or len(reply) != 2 or reply[0] != self.name.encode():
                return f"crossed: BLPOP was answered {reply!r}"
            self.popped.append(int(reply[1]))
        return None

    def verify(self, direct):
        rest = [int(item) for item in direct("LRANGE", self.name, 0, -1)]
        return self.compare(self.popped + rest, self.unknown_pops)


class Channel(Numbered):
    """PUBLISH by its owner, one subscriber. A message Redis delivered reaches the subscriber,
    unless the subscriber's connection is closed, which is how it is told of a gap."""

    CLOSE_AFTER = 2.0  # Seconds from the first message behind a gap to the close.

    def __init__(self, name):
        super().__init__(name)
        self.stays = []  # One for each subscription: [(number, when)], closed at.

    def make(self, _):
        number = self.next()
        return [(("PUBLISH", self.name, number), number)]

    def settle(self, token, reply, outcome):
        wrong = super().settle(token, reply, outcome)
        if outcome == DONE and reply == 0:
            self.outcomes[token] = UNKNOWN  # Done, but there was nobody to hear it.
        return wrong

    def verify(self, _):
        for stay in self.stays:
            received = [number for number, _ in stay["messages"]]
            wrong = self.compare(received, len(self.outcomes))
            if wrong:
                return wrong
            for (before, _), (after, when) in zip(stay["messages"], stay["messages"][1:]):
                gap = [n for n in range(before + 1, after) if self.outcomes[n] == DONE]
                closed = stay["closed"]
                if gap and (closed is None or closed - when > self.CLOSE_AFTER):
                    return f"lost: messages {gap[:20]} were delivered and the subscriber not told"
        return None


def describe_disorder(numbers):
    at = next(i for i in range(1, len(numbers)) if numbers[i - 1] >= numbers[i])
    return f"...{numbers[max(0, at - 8):at + 8]}..."
