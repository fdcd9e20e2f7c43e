"""What the tests of the cache have in common."""

import json
import os
import tempfile
import threading
import time

from case import HawserCase
from servers import Hawser, eventually

PREFIX = b"__hawser__:"
CHANNEL = "cache:invalidate"


def as_bytes(text):
    return text if isinstance(text, bytes) else str(text).encode()


def index(tag):
    """The name of a tag's index."""
    return PREFIX + b"tag:" + as_bytes(tag)


def with_rules(test, *rules):
    """Arguments that give hawser a file with (pattern, [tag, ...]) rules."""
    folder = tempfile.TemporaryDirectory(prefix="hawser-rules-")
    test.addClassCleanup(folder.cleanup)
    path = os.path.join(folder.name, "hawser.toml")
    with open(path, "w") as file:
        for match, tags in rules:
            file.write(f"[[cache.rule]]\nmatch = {json.dumps(match)}\ntags = {json.dumps(tags)}\n")
    return ["--config", path]


def in_threads(count, work):
    """Runs work(i) in as many threads; the first problem is raised here."""
    problems = []

    def guarded(number):
        try:
            work(number)
        except BaseException as error:  # A thread's failure has to reach the test.
            problems.append(error)

    threads = [threading.Thread(target=guarded, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]


class CacheCase(HawserCase):
    """A HawserCase whose Redis is empty before each test. With `rules`, hawser has them; with
    `is_double` a second hawser, `other`, is in front of the same Redis."""

    rules = ()
    is_double = False

    @classmethod
    def setUpClass(cls):
        if cls.rules:
            cls.arguments = with_rules(cls, *cls.rules)
        super().setUpClass()
        if cls.is_double:
            cls.other = Hawser(cls.redis, arguments=cls.arguments, **cls.settings)
            cls.addClassCleanup(cls.other.stop)

    def setUp(self):
        super().setUp()
        self.redis_itself = self.direct()
        self.redis_itself("FLUSHALL")

    def tearDown(self):
        super().tearDown()
        if self.is_double:
            eventually(self.other.at_rest, "nothing is left in the other", 10)

    def members(self, tag, database=0):
        """The keys under a tag, sorted."""
        self.redis_itself("SELECT", database)
        members = self.redis_itself("ZRANGE", index(tag), 0, -1)
        self.redis_itself("SELECT", 0)
        return sorted(members)

    def age(self, tag):
        """As if everything under the tag had been written long ago: what is noted of when a key
        expires is past."""
        for key in self.members(tag):
            self.redis_itself("ZADD", index(tag), "XX", 1, key)

    def user(self, name, *rules):
        self.redis_itself("ACL", "SETUSER", name, "reset", "on", ">p", *rules)
        self.addCleanup(self.delete_user, name)

    def delete_user(self, name):
        direct = self.direct()
        direct("ACL", "DELUSER", name)
        direct.close()

    def assert_bytes(self, client, words, want):
        """The reply is these bytes exactly."""
        client.send(*words)
        self.assertEqual(client.file.read(len(want)), want, words)
        self.assertEqual(client("ECHO", "next"), b"next", words)

    def took(self, client):
        """A client's next reply, and the seconds until it came."""
        start = time.monotonic()
        return client.read(), time.monotonic() - start
