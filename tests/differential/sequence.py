"""A sequence: what several connections send, in rounds. The same seed gives the same sequence."""

import hashlib
import random

from commands import BLOCKING_TEMPLATES, PRIVATE, TEMPLATES, Words, fill, mutate
from resp_frames import encode

PASSWORD = b"secret"
# Users whom sequences log in as; they stay as they are as long as the servers live.
USERS = {
    b"default": [],  # As Redis starts: may do all, with any password.
    b"plain": [b"~*", b"&*", b"+@all", b"-@dangerous", b"+client"],
    b"reader": [b"~*", b"&news:*", b"+@read", b"+@connection", b"+@transaction", b"+@pubsub"],
    b"corner": [b"~s*", b"~h*", b"%R~l*", b"+@all", b"-@admin", b"+client", b"(+lpush ~t*)"],
    # The table of differences says why these are left to it.
    b"nobody": [b"+select", b"+client", b"+echo", b"+ping", b"+unsubscribe", b"+punsubscribe",
                b"+sunsubscribe"],
    b"gone": [b"off", b"~*", b"&*", b"+@all"],
}
DATABASES = [b"0", b"1", b"2", b"5"]

# How often a command of each kind is asked when one connection speaks alone.
WEIGHTS = {"string": 12, "bitmap": 5, "list": 10, "set": 8, "zset": 12, "hash": 9, "stream": 10,
           "geo": 3, "hyperloglog": 3, "key": 14, "script": 6, "stored script": 5, "server": 8,
           "acl": 3, "client": 9, "pubsub": 6, "transaction": 6, "unknown": 1}
SUBSCRIBES = {b"SUBSCRIBE", b"PSUBSCRIBE", b"SSUBSCRIBE"}
UNSUBSCRIBES = {b"UNSUBSCRIBE", b"PUNSUBSCRIBE", b"SUNSUBSCRIBE"}

# Lines no client library would send. The answer is an error, or the end of the connection.
ODD_BYTES = [b"PING\r\n", b"SET s0 'a b'\r\n", b"\r\n", b"*0\r\n", b"*-1\r\n", b"GET \"s0\"\r\n",
             b"ECHO \"\\x41\\n\"\r\n", b"get s1\n", b"  PING   x  \r\n"]
FATAL_BYTES = [b"*abc\r\n", b"*1\r\n$x\r\n", b"*1\r\n:1\r\n", b"*2000000000\r\n", b"*1\r\n$-1\r\n",
               b"ECHO \"open\r\n", b"*1\r\n$99999999999\r\n", b"x" * 70000,
               encode([b"QUIT"]), encode([b"QUIT", b"x"]), encode([b"MULTI"]) + encode([b"QUIT"]),
               encode([b"POST", b"/"]), b"Host: example.com\r\n"]


class Part:
    """What one connection sends in a round: commands, each a list of words, or bytes as they are."""

    def __init__(self, connection, commands, cuts, is_raw=False, marker=None):
        self.connection = connection
        self.commands = commands
        self.cuts = cuts  # How many pieces, and a seed for where.
        # Replies do not stand for commands one by one: this text is the last, or the connection ends.
        self.is_raw = is_raw
        self.marker = marker

    def data(self):
        return b"".join([c if isinstance(c, bytes) else encode(c) for c in self.commands])

    def pieces(self):
        """The bytes, cut anywhere."""
        data = self.data()
        count, seed = self.cuts
        if count < 2 or len(data) < 2:
            return [data]
        chance = random.Random(seed)
        cuts = sorted(chance.sample(range(1, len(data)), min(count, len(data)) - 1))
        return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)])]

    def without(self, commands):
        return Part(self.connection, commands, self.cuts, self.is_raw, self.marker)


class Connection:
    """What the generator believes of a connection; the servers need not agree."""

    def __init__(self, number):
        self.number = number
        self.forget()

    def forget(self):
        self.resp, self.in_multi, self.subscribed = 2, False, 0
        self.has_watched = self.has_subscribed = False

    def follow(self, command):
        name = command[0].upper()
        if name == b"HELLO" and len(command) > 1 and command[1] in (b"2", b"3"):
            self.resp = int(command[1])
        elif name == b"MULTI" and len(command) == 1:
            self.in_multi = True
        elif name in (b"EXEC", b"DISCARD") and len(command) == 1:
            self.in_multi = False
        elif name in SUBSCRIBES:
            self.subscribed += 1
            self.has_subscribed = True
        elif name == b"WATCH":
            self.has_watched = True
        elif name == b"RESET" and len(command) == 1:
            self.forget()


class Generator:
    """Makes one sequence of about `count` commands."""

    def __init__(self, seed, count, dump, functions):
        self.random = random.Random(seed)
        self.count = count
        logins = [(user, PASSWORD) for user in USERS]
        self.words = Words(self.random, logins + logins[:2], DATABASES, dump, functions)
        self.words.salt = f"{seed}"
        self.connections = [Connection(i) for i in range(self.random.randrange(2, 9))]
        # Each sequence has its own mixture: some of something, much of something else.
        self.kinds = [*WEIGHTS]
        self.weights = [WEIGHTS[kind] * self.random.choice((0.1, 1, 1, 1, 5)) for kind in self.kinds]

    def rounds(self):
        """A list of rounds, each a list of parts."""
        made, out = 0, []
        while made < self.count:
            draw = self.random.random()
            if draw < 0.03:
                parts = [self.blocking()]
            elif draw < 0.035:
                parts = [self.odd()]
            elif draw < 0.055:
                parts = [self.muted()]
            elif draw < 0.065:
                parts = self.served()
            elif draw < 0.35:
                parts = self.together()
            else:
                parts = [self.alone(self.random.choice(self.connections))]
            made += sum(len(part.commands) for part in parts)
            out.append(parts)
        return out

    def part(self, connection, commands, **options):
        draw = self.random.random()
        pieces = 1 if draw < 0.6 else self.random.randrange(2, 5) if draw < 0.97 else 60
        return Part(connection.number, commands, (pieces, self.random.getrandbits(32)), **options)

    def length(self):
        draw = self.random.random()
        return 1 if draw < 0.15 else self.random.randrange(2, 30)

    def fill(self, template):
        command = fill(template, self.words, self.random)
        if self.random.random() < 0.05:
            mutate(command, self.random, self.words.suffix.encode())
        return command

    def alone(self, connection):
        """One connection, any commands."""
        self.words.suffix = ""
        commands = []
        for _ in range(self.length()):
            if connection.subscribed and connection.resp == 2 and self.random.random() < 0.4:
                commands.append(self.leave_subscribed())
            elif connection.in_multi and self.random.random() < 0.15:
                commands.append([self.random.choice([b"EXEC", b"EXEC", b"DISCARD"])])
            else:
                commands.append(self.any_command())
                if commands[-1][:2] in ([b"CLIENT", b"SETINFO"], [b"CLIENT", b"TRACKING"]):
                    # In MULTI these differ.
                    commands[-1:-1] = [[b"RESET"]]
                    connection.forget()
            name = commands[-1][0].upper()
            subscribes = name in SUBSCRIBES
            if (subscribes and (connection.in_multi or connection.has_watched)
                    or name in UNSUBSCRIBES and connection.in_multi
                    or name == b"WATCH" and connection.has_subscribed):
                commands.pop()  # See the table of differences.
                continue
            connection.follow(commands[-1])
            if name in UNSUBSCRIBES and len(commands[-1]) == 1:
                connection.subscribed = 0
                break  # As many replies as there were: only at the end they are told apart.
        return self.part(connection, commands or [[b"PING"]])

    def leave_subscribed(self):
        return self.random.choice([[b"RESET"], [b"UNSUBSCRIBE"], [b"PUNSUBSCRIBE"], [b"SUNSUBSCRIBE"],
                                   [b"PING"], [b"PING", b"x"], [b"GET", b"s0"]])

    def any_command(self):
        kind = self.random.choices(self.kinds, self.weights)[0]
        command = self.fill(self.random.choice(TEMPLATES[kind]))
        if command[:2] == [b"SCRIPT", b"LOAD"]:
            self.words.shas.append(hashlib.sha1(command[2]).hexdigest().encode())
        return command

    def together(self):
        """Several connections at once, each with keys of its own, so that the order is no matter."""
        parts = []
        for connection in self.random.sample(
                self.connections, self.random.randrange(2, len(self.connections) + 1)):
            self.words.suffix = f".{connection.number}"
            is_block = not connection.in_multi and self.random.random() < 0.2
            commands = [[b"MULTI"]] if is_block else []
            for _ in range(self.length()):
                kind = self.random.choice(PRIVATE)
                commands.append(self.fill(self.random.choice(TEMPLATES[kind])))
            if is_block:
                commands.append([b"EXEC"])
            parts.append(self.part(connection, commands))
        return parts

    def blocking(self):
        """Alone, for it takes milliseconds."""
        self.words.suffix = ""
        command = fill(self.random.choice(BLOCKING_TEMPLATES), self.words, self.random)
        return self.part(self.random.choice(self.connections), [command])

    def served(self):
        """One waits for what another brings, at a key nobody else uses."""
        key = b"wait.%d" % self.random.getrandbits(32)
        waits, brings = self.random.choice([
            ([b"BLPOP", key, b"0.3"], [b"RPUSH", key, b"x"]),
            ([b"BRPOP", b"none", key, b"0.3"], [b"LPUSH", key, b"x"]),
            ([b"BLMOVE", key, key + b"2", b"LEFT", b"LEFT", b"0.3"], [b"LPUSH", key, b"x"]),
            ([b"BZPOPMIN", key, b"0.3"], [b"ZADD", key, b"1", b"x"]),
            ([b"BLMPOP", b"0.3", b"1", key, b"LEFT"], [b"EVAL", b"return redis.call('rpush',KEYS[1],1)",
                                                      b"1", key]),
            ([b"XREAD", b"BLOCK", b"300", b"STREAMS", key, b"0"], [b"XADD", key, b"1-1", b"f", b"v"]),
        ])
        first, second = self.random.sample(self.connections, 2)
        return [self.part(first, [waits]), self.part(second, [brings])]

    def odd(self):
        """Bytes that are no ordinary request. Most end the connection."""
        connection = self.random.choice(self.connections)
        connection.forget()
        if self.random.random() < 0.4:
            return self.marked(connection, self.random.choices(ODD_BYTES, k=3))
        return self.part(connection, [self.random.choice(FATAL_BYTES)], is_raw=True)

    def marked(self, connection, commands):
        """A part whose end can be seen, as nothing before it changes that."""
        marker = b"end-%d" % self.random.getrandbits(32)
        return self.part(connection, [[b"RESET"], *commands, [b"ECHO", marker]], is_raw=True,
                         marker=marker)

    def muted(self):
        """CLIENT REPLY, over when the round is."""
        connection = self.random.choice(self.connections)
        self.words.suffix = f".{connection.number}"
        commands = []
        for _ in range(self.length()):
            template = self.random.choice(TEMPLATES[self.random.choice(["string", "hash", "set"])])
            commands.append(self.fill(template))
            if self.random.random() < 0.3:
                mode = self.random.choice([b"OFF", b"SKIP", b"SKIP", b"ON", b"foo"])
                commands.append([b"CLIENT", b"REPLY", mode])
        connection.forget()  # In a transaction hawser refuses it.
        return self.marked(connection, [*commands, [b"CLIENT", b"REPLY", b"ON"]])
