#!/usr/bin/env python3
"""Rules about the tree itself: who may include whom, and how files look.

    check_tree.py [ROOT]      prints one line for each violation; exit 0 if there is none, else 1
"""

import re
import sys
from pathlib import Path

# A room is named by the longest prefix that fits the path of a file.
ROOMS = {
    "protocol/": "protocol",
    "config/": "config",
    "proxy/log": "log",
    "proxy/runtime/": "runtime",
    "proxy/resilience/": "resilience",
    "proxy/traffic/": "traffic",
    "proxy/upstream/": "upstream",
    "proxy/commands/": "commands",
    "proxy/transactions/": "transactions",
    "proxy/blocking/": "blocking",
    "proxy/degradation/": "degradation",
    "proxy/pubsub/": "pubsub",
    "proxy/cache/": "cache",
    "proxy/downstream/": "downstream",
    "proxy/admin/": "admin",
    "proxy/": "server",
    "tests/": "tests",
}

# Arrows run one way: room -> rooms it may include. Its own headers are always allowed.
ALLOWED = {
    "protocol": set(),
    "config": set(),
    "log": set(),
    "runtime": {"log"},
    "resilience": {"runtime"},
    "traffic": {"protocol", "log", "runtime"},
    "upstream": {"protocol", "config", "log", "runtime", "resilience", "traffic"},
    "commands": {"protocol", "runtime", "traffic", "upstream"},
    "transactions": {"protocol", "runtime", "traffic", "upstream"},
    "blocking": {"protocol", "runtime", "traffic", "upstream"},
    "degradation": {"protocol", "runtime", "traffic", "upstream"},
    "pubsub": {"protocol", "runtime", "traffic", "upstream"},
    "cache": {"protocol", "config", "runtime", "traffic", "upstream"},
    "downstream": {"protocol", "config", "log", "runtime", "traffic"},
    "admin": {"protocol", "config", "log", "runtime", "traffic"},
}
# These two wire everything together.
ALLOWED["server"] = set(ALLOWED)
ALLOWED["tests"] = set(ALLOWED) | {"server"}

# Headers that are not ours: the prefix of the include -> prefixes of the files that may have it.
# The longest fitting prefix decides; what fits none is the standard library or the system.
LIBRARIES = {
    "boost/asio": ["proxy/runtime/", "proxy/upstream/", "proxy/downstream/listener",
                   "proxy/server", "proxy/admin/", "tests/"],
    "boost/beast": ["proxy/admin/", "tests/"],
    "boost/json": ["proxy/admin/", "proxy/cache/", "tests/"],
    "boost/url": ["config/"],
    "boost/system": ["config/", "proxy/", "tests/"],
    "boost/": [],
    "hiredis/": ["proxy/upstream/", "tests/"],
    "toml": ["config/"],
    "spdlog/": ["proxy/log"],
    "fmt/": ["proxy/log"],
    "prometheus/": ["proxy/admin/", "tests/"],
    "openssl/": ["proxy/runtime/", "proxy/upstream/"],
    "gtest/": ["tests/"],
    "gmock/": ["tests/"],
}

# Rooms that get along with the standard library: no headers of the system either.
STANDARD_ONLY = ["protocol", "resilience"]

MAX_LINES = 600
FORBIDDEN = ["TO" + "DO", "FIX" + "ME", "GTEST_" + "SKIP", "DISAB" + "LED_"]

CODE = (".hpp", ".cpp")
TEXT_SUFFIXES = CODE + (".txt", ".cmake", ".json", ".md", ".py", ".sh", ".toml", ".yaml", ".yml",
                        ".mjs", ".php", ".rb", ".pl", ".service", ".socket", ".conf", "")
SKIPPED_FOLDERS = {".git", "build", "node_modules", "__pycache__", "seeds"}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)


def longest_prefix(text, table):
    """The key of `table` that is the longest prefix of `text`, or None."""
    return max((key for key in table if text.startswith(key)), key=len, default=None)


def room_of(path):
    prefix = longest_prefix(path, ROOMS)
    return ROOMS[prefix] if prefix else None


def files_of(root):
    """(path relative to root, text) of every text file of the tree."""
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if SKIPPED_FOLDERS & set(relative.parts) or path.is_symlink() or not path.is_file():
            continue
        if path.suffix in TEXT_SUFFIXES and path.name != "LICENSE":
            yield relative.as_posix(), path.read_text(encoding="utf-8", errors="replace")


def check_include(path, quote, target, root):
    """The violation in including `target` from `path`, or None."""
    room = room_of(path)
    if quote == '"':
        if not (root / target).is_file():
            return f'includes "{target}", which is not a path from the root of the repository'
        wanted = room_of(target)
        if wanted != room and wanted not in ALLOWED[room]:
            return f'room {room} must not include room {wanted} ("{target}")'
        return None
    prefix = longest_prefix(target, LIBRARIES)
    if prefix is not None and not any(path.startswith(place) for place in LIBRARIES[prefix]):
        return f"<{target}> does not belong here"
    if room in STANDARD_ONLY and ("/" in target or "." in target):
        return f"room {room} uses the standard library only, not <{target}>"
    return None


def find_cycle(edges):
    """Rooms that include each other in a circle, as a list, or None."""
    def walk(room, trail):
        if room in trail:
            return trail[trail.index(room):] + [room]
        for following in sorted(edges.get(room, ())):
            cycle = walk(following, trail + [room])
            if cycle:
                return cycle
        return None

    for room in sorted(edges):
        cycle = walk(room, [])
        if cycle:
            return cycle
    return None


def is_listed(path, build_files):
    """Whether a CMakeLists.txt above names the source, relative to itself. ${x} fits anything."""
    for folder in path.parents:
        name = path.relative_to(folder).as_posix()
        for listed in re.findall(r"[\w./${}-]+\.cpp\b", build_files.get(folder, "")):
            if re.fullmatch(re.sub(r"\\\$\\\{\w+\\\}", r"[\\w-]+", re.escape(listed)), name):
                return True
    return False


def violations(root):
    edges = {}
    sources = []
    build_files = {}
    for path, text in files_of(root):
        lines = text.count("\n")
        is_lock = path.endswith("package-lock.json")  # Written by npm.
        if lines > MAX_LINES and not is_lock:
            yield f"{path}: {lines} lines, at most {MAX_LINES}"
        for number, line in enumerate(text.splitlines(), 1):
            for word in FORBIDDEN:
                if word in line:
                    yield f"{path}:{number}: the word {word} must not stand here"
        if is_lock and '"resolved"' in text:
            yield f"{path}: names download addresses; see .npmrc beside it"
        if path.endswith("CMakeLists.txt"):
            build_files[Path(path).parent] = text
        if not path.endswith(CODE):
            continue
        room = room_of(path)
        if room is None:
            yield f"{path}: in no room; rooms are named at the top of check_tree.py"
            continue
        if path.endswith(".cpp"):
            sources.append(path)
        elif not text.startswith("#pragma once"):
            yield f"{path}: a header begins with #pragma once"
        for match in INCLUDE.finditer(text):
            number = text.count("\n", 0, match.start()) + 1
            problem = check_include(path, match[1], match[2], root)
            if problem:
                yield f"{path}:{number}: {problem}"
            if match[1] == '"' and room_of(match[2]) not in (None, room):
                edges.setdefault(room, set()).add(room_of(match[2]))
    for path in sources:
        if not is_listed(Path(path), build_files):
            yield f"{path}: listed in no CMakeLists.txt"
    cycle = find_cycle(edges)
    if cycle:
        yield "rooms include each other in a circle: " + " -> ".join(cycle)


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2]).resolve()
    found = list(violations(root))
    for line in found:
        print(line)
    print(f"{len(found)} violations in {root}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
