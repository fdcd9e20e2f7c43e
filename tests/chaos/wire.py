"""What the workload's clients read from hawser: RESP2 replies, and what an error means."""

import sys

from resp import ErrorReply

# Hawser hands on arrays in arrays, 10,000 deep; each takes parse() one call.
sys.setrecursionlimit(50000)

DONE, UNKNOWN, NOT_EXECUTED = "done", "unknown", "not executed"

# Kinds of wrongs that say nothing against the data. The others: crossed, lost, doubled and so on.
LATE, UNANSWERED = "late", "not answered at all"
UNTOLD = "an error that tells no outcome"

# First words of errors. Whatever is in neither list may not be said to any request of the workload.
SAYS_UNKNOWN = {"PROXYTIMEOUT", "PROXYLOST"}
SAYS_NOT_EXECUTED = {"PROXYOPEN", "PROXYDOWN", "PROXYFULL", "LOADING", "MASTERDOWN", "BUSY",
                     "READONLY", "EXECABORT", "NOAUTH", "WRONGPASS", "UNBLOCKED"}


class Malformed(Exception):
    """Bytes that are no reply."""


def first_word(error):
    return error.split(" ", 1)[0]


def outcome(reply):
    """What a reply says of its request; None for an error nobody may be given."""
    if not isinstance(reply, ErrorReply):
        return DONE
    word = first_word(reply)
    if word in SAYS_UNKNOWN:
        return UNKNOWN
    if word in SAYS_NOT_EXECUTED or reply == "ERR EXEC without MULTI":
        return NOT_EXECUTED
    return None


def parse(data, at=0):
    """The reply at `at` and where the next one begins; None if it is not complete."""
    end = data.find(b"\r\n", at)
    if end < 0:
        return None
    kind, line, at = data[at], data[at + 1:end], end + 2
    try:
        if kind == 0x2B:
            return line.decode(), at
        if kind == 0x2D:
            return ErrorReply(line.decode()), at
        if kind == 0x3A:
            return int(line), at
        if kind not in (0x24, 0x2A):
            raise Malformed(bytes(data[:80]))
        size = int(line)
    except ValueError as error:
        raise Malformed(bytes(data[:80])) from error
    if size < 0:
        return None, at
    if kind == 0x24:
        end = at + size
        if len(data) < end + 2:
            return None
        if data[end:end + 2] != b"\r\n":
            raise Malformed(bytes(data[:80]))
        return data[at:end], end + 2
    items = []
    for _ in range(size):
        item = parse(data, at)
        if item is None:
            return None
        items.append(item[0])
        at = item[1]
    return items, at


class ReplyStream:
    """Cuts what a client receives into replies."""

    def __init__(self):
        self.rest = b""

    def feed(self, data):
        data = self.rest + data if self.rest else data
        replies, at = [], 0
        while (found := parse(data, at)) is not None:
            replies.append(found[0])
            at = found[1]
        self.rest = data[at:]
        return replies
