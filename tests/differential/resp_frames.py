"""Replies taken apart: each frame as (kind, value), so that types are compared as well as content."""

END = b"\r\n"
AGGREGATES = b"*~>"
TEXTS = b"$=!"
MESSAGES = {b"message", b"pmessage", b"smessage", b"invalidate"}


class Incomplete(Exception):
    """More bytes are needed."""


def parse(data, at):
    """The frame that begins at `at`, and where the next one begins."""
    end = data.find(END, at)
    if end < 0:
        raise Incomplete
    kind, rest = data[at], data[at + 1:end]
    at = end + 2
    if kind in TEXTS:
        size = int(rest)
        if size < 0:
            return (kind, None), at
        if len(data) < at + size + 2:
            raise Incomplete
        return (kind, data[at:at + size]), at + size + 2
    if kind in b"*~>%|":
        size = int(rest)
        if size < 0:
            return (kind, None), at
        items = []
        for _ in range(size * 2 if kind in b"%|" else size):
            item, at = parse(data, at)
            items.append(item)
        if kind == ord("|"):  # An attribute belongs to the frame behind it.
            frame, at = parse(data, at)
            return (kind, [*items, frame]), at
        return (kind, items), at
    return (kind, rest), at


def frames_of(data):
    """All whole frames, and where the incomplete rest begins."""
    frames, at = [], 0
    try:
        while at < len(data):
            frame, at = parse(data, at)
            frames.append(frame)
    except Incomplete:
        pass
    return frames, at


def is_error(frame):
    return frame[0] == ord("-")


def is_message(frame):
    """What no command of this client asked for: it comes when it comes."""
    kind, items = frame
    return (kind in b"*>" and bool(items) and items[0][0] == ord("$")
            and items[0][1] in MESSAGES)


def encode(words):
    return b"*%d\r\n" % len(words) + b"".join([b"$%d\r\n%s\r\n" % (len(w), w) for w in words])


def shown(frame):
    """For people."""
    kind, value = frame
    if isinstance(value, list):
        return chr(kind) + "[" + ", ".join(shown(item) for item in value) + "]"
    if value is None:
        return chr(kind) + "nil"
    text = repr(value)[1:]
    return chr(kind) + (text if len(text) < 500 else text[:500] + "...")
