"""One client library behind hawser, doing what its users do: test_libraries.py LIBRARY

Every library does the checks of its kind; a program that leaves one out fails. `readme` alone: the
versions the README names are those that are installed."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
README = HERE.parents[1] / "README.md"

# What a client of Redis is to do.
CLIENT = {"connect", "lanes", "readme", "unix", "login", "wrong password", "database", "errors",
          "pipeline", "transaction", "script", "pubsub", "stream", "blocking", "big values", "scan",
          "redis restarts", "hawser restarts"}
# A queue of jobs.
QUEUE = {"readme", "jobs", "lanes", "failing jobs", "wrong password", "redis restarts",
         "hawser restarts"}
# Something that stores in Redis by one of the clients above.
PART = {"readme", "use", "lanes", "redis restarts"}

# name of the test -> row of the README's table, command, checks
LIBRARIES = {
    "ioredis5": ("ioredis", "node ioredis.mjs ioredis", CLIENT),
    "ioredis6": ("ioredis", "node ioredis.mjs ioredis6", CLIENT | {"protocol"}),
    "redis5": ("node-redis", "node node_redis.mjs redis5", CLIENT | {"protocol"}),
    "redis6": ("node-redis", "node node_redis.mjs redis6", CLIENT | {"protocol"}),
    "bull": ("Bull", "node bull.mjs", QUEUE | {"priorities, pause, repeat", "shared connections"}),
    "bullmq": ("BullMQ", "node bullmq.mjs", QUEUE | {"flows", "priorities, pause, repeat"}),
    "bee_queue": ("Bee-Queue", "node bee_queue.mjs", QUEUE),
    "connect_redis": ("connect-redis", "node connect_redis.mjs", PART),
    "rate_limiter": ("rate-limiter-flexible", "node rate_limiter.mjs", PART),
    "socket_io": ("@socket.io/redis-adapter", "node socket_io.mjs", PART | {"node-redis"}),
    "keyv": ("@keyv/redis", "node keyv.mjs", PART),
    "cache_manager": ("cache-manager", "node keyv.mjs cache-manager", PART),
    "redis_py": ("redis-py", "/usr/bin/python3 -B redis_py.py", CLIENT),
    "phpredis": ("phpredis", "php phpredis.php", CLIENT),
    "redis_rb": ("redis-rb", "ruby redis_rb.rb", CLIENT),
    "redis_pm": ("Redis.pm", "perl redis_pm.pl", CLIENT),
    "hiredis": ("hiredis", os.environ.get("HIREDIS_CLIENT", ""), CLIENT),
}

# The table's rows -> where their versions come from.
NPM = {
    "ioredis": ("ioredis", "ioredis6"), "node-redis": ("redis5", "redis6"), "Bull": ("bull",),
    "BullMQ": ("bullmq",), "Bee-Queue": ("bee-queue",), "connect-redis": ("connect-redis",),
    "rate-limiter-flexible": ("rate-limiter-flexible",),
    "@socket.io/redis-adapter": ("@socket.io/redis-adapter",), "@keyv/redis": ("@keyv/redis",),
    "cache-manager": ("cache-manager",),
}
DEBIAN = {
    "redis-py": "python3-redis", "phpredis": "php-redis", "redis-rb": "ruby-redis",
    "Redis.pm": "libredis-perl", "hiredis": "libhiredis-dev",
}


def table():
    """The README's: library -> (versions, what to write over TCP, what over the Unix socket)."""
    section = README.read_text().split("\n## Client libraries\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (\S+) (\d[^|]*) \| `([^|]+)` \| `([^|]+)` \|$", section, re.M)
    return {name: (versions.split(", "), tcp, unix) for name, versions, tcp, unix in rows}


def debian_version(package):
    """The version of the library itself: without the epoch and Debian's own additions."""
    full = subprocess.run(["dpkg-query", "-W", "-f=${source:Upstream-Version}", package],
                          capture_output=True, text=True, check=True).stdout
    return re.match(r"[\d.]+", full)[0]


def check_versions():
    locked = json.loads((HERE / "package-lock.json").read_text())["packages"]
    rows = {name: row[0] for name, row in table().items()}
    wanted = {name: [locked[f"node_modules/{package}"]["version"] for package in packages]
              for name, packages in NPM.items()}
    wanted |= {name: [debian_version(package)] for name, package in DEBIAN.items()}
    assert rows == wanted, f"README's table has {rows}\ninstalled are {wanted}"
    untested = wanted.keys() - {row for row, _, _ in LIBRARIES.values()}
    assert not untested, f"no test for {untested}"


def compile_and_run(snippet):
    """C cannot be evaluated: a program that does nothing but connect as the README says."""
    program = """#include <hiredis/hiredis.h>
int main(void) {
  redisContext* context = %s;
  redisReply* reply = redisCommand(context, "SET readme written");
  return reply == NULL || reply->type != REDIS_REPLY_STATUS;
}
""" % snippet
    with tempfile.TemporaryDirectory() as folder:
        binary = f"{folder}/readme"
        subprocess.run(["cc", "-x", "c", "-", "-o", binary, "-lhiredis"], input=program, text=True,
                       check=True)
        subprocess.run([binary], check=True, timeout=10)


def run(library):
    from library_rig import Rig
    row, command, checks = LIBRARIES[library]
    _, tcp, unix = table()[row]
    rig = Rig()
    try:
        started = time.monotonic()
        done, failed, said = rig.run(command.split(), README_TCP=rig.here(tcp),
                                     README_UNIX=rig.here(unix))
        if library == "hiredis":
            compile_and_run(rig.here(tcp))
            compile_and_run(rig.here(unix))
            done.append("readme")
        print(f"{library}: {len(done)} checks in {time.monotonic() - started:.1f} s")
        if failed or set(done) != checks or "-v" in sys.argv:
            print(said)
            print(rig.log())
        if failed or set(done) != checks:
            raise AssertionError(f"failed: {failed}, left out: {checks - set(done)}, "
                                 f"not known here: {set(done) - checks}")
    finally:
        rig.close()


if __name__ == "__main__":
    if sys.argv[1] == "readme":
        check_versions()
    else:
        run(sys.argv[1])
