"""What differs from Redis: the one table, each row with its reason and as narrow as can be.

A row for commands has a function same(direct, hawser) that says whether two frames that are not equal
are the same all the same; one without is about what is not asked, or seen elsewhere than in replies.
"""

import re
from collections import Counter

ERROR, TEXT, INTEGER, ARRAY = b"-$:*"


def near(tolerance):
    """Integers that are no errors may differ by so much; everything else is equal."""
    def same(a, b):
        if a == b:
            return True
        if a[0] != b[0]:
            return False
        if a[0] == INTEGER:
            x, y = int(a[1]), int(b[1])
            return x >= 0 and y >= 0 and abs(x - y) <= tolerance
        if isinstance(a[1], list) and isinstance(b[1], list):
            return len(a[1]) == len(b[1]) and all(map(same, a[1], b[1]))
        return False
    return same


def masked(pattern):
    """Texts are equal but for what fits the pattern."""
    def same(a, b):
        return (a[0] == b[0] and isinstance(a[1], bytes) and isinstance(b[1], bytes)
                and re.sub(pattern, b"", a[1]) == re.sub(pattern, b"", b[1]))
    return same


def of_same_type(a, b):
    """Anything, as long as it is not an error in place of an answer."""
    return a[0] == b[0] and ERROR != a[0]


def of_same_fields(a, b):
    """Lines `name:value` with the same names, but for those that tell of what was asked."""
    def names(text):
        return {name for name in re.findall(rb"(?m)^[^:\r]*", text)
                if not name.startswith((b"cmdstat_", b"errorstat_", b"latency_percentiles_"))}
    return of_same_type(a, b) and names(a[1]) == names(b[1])


def of_same_length(a, b):
    return of_same_type(a, b) and len(a[1]) == len(b[1])


def both_numbers(a, b):
    return a[0] == b[0] == INTEGER and int(a[1]) > 0 and int(b[1]) > 0


def receivers(a, b):
    return a[0] == b[0] == INTEGER and (int(b[1]) > 0 or a == b)


def not_fewer(a, b):
    if a[0] == INTEGER:
        return b[0] == INTEGER and int(b[1]) >= int(a[1])
    return a[0] == b[0] and isinstance(b[1], list) and all(item in b[1] for item in a[1])


def not_fewer_each(a, b):
    return (a[0] == b[0] == ARRAY and len(a[1]) == len(b[1])
            and all(x == y or not_fewer(x, y) for x, y in zip(a[1], b[1])))


def in_any_order(a, b):
    """Arrays, one level deep or as the second of two (SCAN)."""
    def in_order(frame):
        items = frame[1]
        if isinstance(items, list):
            return (frame[0], sorted((in_order(item) for item in items), key=repr))
        return frame
    return in_order(a) == in_order(b)


def hello(a, b):
    """All but the id."""
    def without(frame):
        items = list(frame[1] or [])
        for at in range(0, len(items) - 1, 2):
            if items[at][1] == b"id":
                items[at + 1] = None
        return items
    return a[0] == b[0] and isinstance(a[1], list) and isinstance(b[1], list) and (
        without(a) == without(b))


def is_own(frame):
    """Whether a COMMAND entry is about a command of hawser's own."""
    name = frame[1][0][1] if isinstance(frame[1], list) and frame[1] else frame[1]
    return isinstance(name, bytes) and name.lower().startswith((b"cache.", b"proxy"))


def without_own(a, b):
    """COMMAND and COMMAND LIST without hawser's own, in any order: Redis' own changes."""
    return a[0] == b[0] and isinstance(b[1], list) and in_any_order(
        a, (b[0], [frame for frame in b[1] if not is_own(frame)]))


def more_by_own(a, b):
    return a[0] == b[0] == INTEGER and 0 < int(b[1]) - int(a[1]) < 20


def left_in_any_order(a, b):
    """UNSUBSCRIBE of everything: the names in any order, the counts in this one."""
    return a[0] == b[0] and a[1][0] == b[1][0] and a[1][2] == b[1][2]


def healed(a, b):
    return a[0] == ERROR and a[1].startswith(b"NOSCRIPT") and not b[1:2] == a[1:2]


def exists_more(a, b):
    return (a[0] == b[0] == ARRAY and len(a[1]) == len(b[1])
            and all(x == y or (x[1] == b"0" and y[1] == b"1") for x, y in zip(a[1], b[1])))


def starts(direct, hawser):
    """An error in place of another answer, by how the two begin."""
    def same(a, b):
        text = [(bytes([f[0]]) + f[1]) if isinstance(f[1], bytes) else bytes([f[0]]) for f in (a, b)]
        return text[0].startswith(direct) and text[1].startswith(hawser)
    return same


class Row:
    """`commands` are names, some with a subcommand."""

    def __init__(self, commands, what, reason, same=None):
        self.commands = [c.strip() for c in commands.split(",")]
        self.what, self.reason, self.same = what, reason, same


TABLE = [
    Row("TTL, EXPIRETIME, OBJECT IDLETIME", "the time", "they ran at different times", near(60)),
    Row("PTTL, PEXPIRETIME", "the time", "they ran at different times", near(60000)),
    Row("XPENDING, XINFO CONSUMERS, XINFO STREAM", "idle and delivery times",
        "they ran at different times", near(60000)),
    Row("TIME", "the time", "they ran at different times", of_same_length),
    Row("DEBUG OBJECT", "address, LRU clock and idle time", "memory and time of the server",
        masked(rb"(at:0x[0-9a-f]+|lru:\d+|lru_seconds_idle:\d+|ql_\S+)")),
    Row("INFO", "values; the names are the same", "time, load and connections differ",
        of_same_fields),
    Row("MEMORY STATS, MEMORY MALLOC-STATS, MEMORY DOCTOR, LATENCY HISTOGRAM", "values",
        "time, load and connections differ", of_same_type),
    Row("ACL LOG", "values", "hawser checks passwords on a connection of its own", of_same_type),
    Row("ACL GENPASS", "the text", "random", of_same_length),
    Row("RANDOMKEY", "the key", "random", of_same_type),
    Row("SPOP, SRANDMEMBER, ZRANDMEMBER, HRANDFIELD", "asked only where there is one choice",
        "random"),
    Row("KEYS, SCAN", "the order", "by what was in the table before", in_any_order),
    Row("CLIENT ID", "the number", "hawser numbers its clients itself", both_numbers),
    Row("HELLO", "the id", "hawser numbers its clients itself", hello),
    Row("CLIENT LIST, CLIENT INFO", "all but the type", "hawser lists its own clients, with its fields",
        of_same_type),
    Row("CLIENT, ECHO, UNSUBSCRIBE, PUNSUBSCRIBE, SUNSUBSCRIBE",
        "answered to a user without the right to it: all users here have it", "hawser answers them "
        "itself, and what Redis' ACL rules say of them it does not know"),
    Row("PING", "a user without the right to it is refused these in MULTI: all users here have it",
        "PING stands in the queue for what hawser answers itself"),
    Row("*", "refused to a RESP2 subscriber before it is refused to the user",
        "hawser refuses it itself", starts(b"-NOPERM", b"-ERR Can't execute")),
    Row("CLIENT SETINFO", "accepted where Redis 7.0 knows no such subcommand",
        "hawser keeps them itself, for whatever server", starts(b"-ERR unknown subcommand", b"")),
    Row("COMMAND, COMMAND LIST", "hawser's own commands are in it; the order",
        "they are there to be found; Redis' own order changes", without_own),
    Row("COMMAND COUNT", "hawser's own commands are counted", "they are there to be found",
        more_by_own),
    Row("PUBLISH, SPUBLISH", "the number", "all subscribers of one hawser and user are one to Redis, "
        "and the last that left without a word (RESET, QUIT) is one for a moment", receivers),
    Row("PUBSUB CHANNELS, PUBSUB SHARDCHANNELS, PUBSUB NUMPAT", "may be more",
        "what the last subscriber left without a word is there for a moment", not_fewer),
    Row("PUBSUB NUMSUB, PUBSUB SHARDNUMSUB", "may be more", "as before", not_fewer_each),
    Row("MODULE LOAD, MODULE UNLOAD", "refused to a RESP2 subscriber before it is refused to everybody",
        "hawser refuses it itself", starts(b"-ERR MODULE command not", b"-ERR Can't execute")),
    Row("MEMORY USAGE", "the number", "how much the server reads at once decides how a value is stored",
        both_numbers),
    Row("UNSUBSCRIBE, PUNSUBSCRIBE, SUNSUBSCRIBE", "without names: the order",
        "by the server's hash table", left_in_any_order),
    Row("EVALSHA, EVALSHA_RO", "a script that Redis lost is run", "hawser sends EVAL if it knows it",
        healed),
    Row("SCRIPT EXISTS", "a script that Redis lost exists again", "hawser sent EVAL", exists_more),
    Row("SHUTDOWN, SYNC, PSYNC, REPLCONF", "refused",
        "one client would end it for all, or take the shared connection out of use"),
    Row("MONITOR, CLIENT KILL, CLIENT PAUSE, CLIENT UNPAUSE, SCRIPT KILL, FUNCTION KILL", "not asked",
        "what others do shows, or stops"),
    Row("PUBLISH, SPUBLISH", "what a client tells itself before it leaves in the same pipeline may not come, and before "
        "HELLO in the new version", "messages come on another connection than replies"),
    Row("SELECT", "a user without the right to it is in database 0 only",
        "each connection of hawser's selects its database as its user"),
    Row("EXEC", "refused to a RESP2 subscriber it leaves the watched keys watched: not asked",
        "hawser refuses it itself"),
    Row("CLIENT TRACKING, CLIENT REPLY", "refused in MULTI",
        "what they change is the connection, which is hawser's"),
    Row("DEBUG PROTOCOL", "push is not asked", "a push on a shared connection is nobody's"),
    Row("SCRIPT DEBUG", "not asked in a pipeline, where Redis refuses it",
        "on a connection of its own it is no pipeline"),
    Row("SAVE, BGSAVE, BGREWRITEAOF, PFSELFTEST, MODULE LOADEX", "not asked",
        "they take long or work on files, and are passed on as any other"),
]

BY_NAME = {command for row in TABLE for command in row.commands}
# How often each row was needed: one that never is may be dropped.
USED = Counter()


def rows_of(command):
    """Those whose commands hold this one, with its subcommand or without."""
    words = command[:2] if isinstance(command, list) else []
    names = [word.upper().decode("latin-1") for word in words if isinstance(word, bytes)]
    wanted = {"*", *names[:1], " ".join(names)}
    return [row for row in TABLE if row.same and not wanted.isdisjoint(row.commands)]


def is_same(command, direct, hawser):
    """Whether hawser's frame is an answer to the command that is as good as the direct one."""
    if direct == hawser:
        return True
    for row in rows_of(command):
        if row.same(direct, hawser):
            USED[row] += 1
            return True
    return False


def printed():
    """The table, for people."""
    out = []
    for row in TABLE:
        out.append(", ".join(row.commands))
        out.append(f"    {row.what}: {row.reason}")
    return "\n".join(out)
