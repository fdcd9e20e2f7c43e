"""The fixture of the integration tests: one Redis and one hawser for each test class."""

import unittest

from resp import Client
from servers import Hawser, RedisServer, eventually


class HawserCase(unittest.TestCase):
    """Starts both once per class, closes a test's clients, and checks that nothing leaks."""

    redis_options = ()
    settings = {}
    arguments = ()
    unix = False
    url_password = ""

    @classmethod
    def setUpClass(cls):
        cls.redis = RedisServer(*cls.redis_options)
        cls.addClassCleanup(cls.redis.stop)
        login = f":{cls.url_password}@" if cls.url_password else ""
        url = f"redis://{login}127.0.0.1:{cls.redis.port}"
        cls.hawser = Hawser(url, unix=cls.unix, arguments=cls.arguments, **cls.settings)

    @classmethod
    def tearDownClass(cls):
        code = cls.hawser.stop()
        if code != 0:
            raise AssertionError(f"hawser ended with {code}")

    def setUp(self):
        self.clients = []

    def tearDown(self):
        for client in self.clients:
            client.close()
        eventually(self.hawser.at_rest, "no session, request, lease or buffer is left", 10)

    def client(self, address=None, **options):
        client = Client(address or self.hawser.port, **options)
        self.clients.append(client)
        return client

    def direct(self):
        """A client of Redis itself."""
        return self.client(self.redis.port)

    def upstream_names(self):
        """Roles of hawser's connections as Redis lists them."""
        listing = self.direct()("CLIENT", "LIST").decode()
        names = [field[5:] for line in listing.splitlines() for field in line.split()
                 if field.startswith("name=hawser:")]
        return sorted(name.rsplit(":", 1)[1] for name in names)
