"""The order service as it is deployed: two instances behind two hawsers, the old PHP program, one
Redis, one database."""

import contextlib
import os
import pathlib
import re
import subprocess
import tempfile
import threading
import urllib.parse
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from application import Gate, Program
from json_server import JsonServer
from resp import Client
from servers import Hawser, RedisServer, eventually

ORDERS = pathlib.Path(__file__).parent / "orders"


class Database:
    """The truth. JSON over HTTP, and every read is counted."""

    def __init__(self):
        self.lock = threading.Lock()
        self.reads = Counter()
        self.gates = {}
        self.rows = {}  # "/users/1" -> what is written there
        self.orders = []
        self.server = JsonServer(self.answer)
        self.url = self.server.url

    def answer(self, method, path, body):
        if method == "GET":
            return 200, self.read(path)
        if method == "PUT":
            return 200, self.write(path, body)
        company = re.fullmatch(r"/companies/(\d+)/orders", path)[1]
        return 200, self.create_order(company, body)

    def read(self, path):
        with self.lock:
            self.reads[path] += 1
            value = self.value(path)
            gate = self.gates.get(path)
            if gate is not None and gate.left > 0:
                gate.left -= 1
                gate.held += 1
            else:
                gate = None
        if gate is not None:
            gate.open.wait(30)
        return value

    def value(self, path):
        url = urllib.parse.urlsplit(path)
        company = re.fullmatch(r"/companies/(\d+)/(orders|analytics)", url.path)
        if company is None:
            number = re.fullmatch(r"/orders/(\d+)", path)
            return self.orders[int(number[1]) - 1] if number else self.rows.get(path)
        orders = [order for order in self.orders if order["company"] == company[1]]
        if company[2] == "analytics":
            return {"orders": len(orders)}
        status = urllib.parse.parse_qs(url.query)["status"][0]
        return [order for order in orders if status in ("all", order["status"])]

    def write(self, path, value):
        with self.lock:
            number = re.fullmatch(r"/orders/(\d+)", path)
            if number:
                value = self.orders[int(number[1]) - 1] | value
                self.orders[int(number[1]) - 1] = value
            else:
                self.rows[path] = value
            return value

    def create_order(self, company, fields):
        with self.lock:
            order = {"id": len(self.orders) + 1, "company": company, "status": "open", **fields}
            self.orders.append(order)
            return order

    @contextlib.contextmanager
    def holding(self, path, reads=1):
        """While it lasts the next reads of `path` have computed their answer and do not give it."""
        gate = self.gates[path] = Gate(reads)
        try:
            yield gate
        finally:
            gate.open.set()
            del self.gates[path]

    def spent(self):
        """Reads since the last call: path -> how often."""
        with self.lock:
            reads, self.reads = self.reads, Counter()
            return dict(reads)

    def close(self):
        self.server.close()


class Instance(Program):
    """One process of the order service."""

    def __init__(self, hawser, database, log, lease):
        super().__init__("orders/server.mjs", log, REDIS_URL=f"redis://127.0.0.1:{hawser.port}",
                         DATABASE_URL=database.url, LEASE_MS=str(lease))


class Rig:
    """All of it. `lease`: ms an instance may compute; `settings`: of both hawsers."""

    def __init__(self, lease=10_000, **settings):
        self.hawsers = []
        self.instances = []
        with contextlib.ExitStack() as stack:
            self.start(stack, lease, {"cache_wait": "5s"} | settings)
            self.stack = stack.pop_all()
        self.a, self.b = self.instances

    def start(self, stack, lease, settings):
        self.folder = pathlib.Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="orders-")))
        self.redis = RedisServer()
        stack.callback(self.redis.stop)
        self.database = Database()
        stack.callback(self.database.close)
        configuration = ("--config", ORDERS / "hawser.toml")
        for name in "ab":
            self.hawsers.append(Hawser(self.redis, arguments=configuration, **settings))
            stack.callback(self.hawsers[-1].stop)
            log = stack.enter_context(open(self.folder / f"{name}.log", "w"))
            self.instances.append(Instance(self.hawsers[-1], self.database, log, lease))
            stack.callback(self.instances[-1].kill)
        for instance in self.instances:
            instance.listens()
        self.direct = Client(self.redis.port)  # Redis, past the hawsers.
        stack.callback(self.direct.close)
        self.threads = stack.enter_context(ThreadPoolExecutor(64))

    def php(self, *arguments, hawser=1):
        """What the old program prints."""
        environment = os.environ | {"REDIS_PORT": str(self.hawsers[hawser].port),
                                    "DATABASE_URL": self.database.url}
        done = subprocess.run(["php", ORDERS / "legacy.php", *map(str, arguments)],
                              env=environment, capture_output=True, text=True, timeout=30)
        if done.returncode != 0 or done.stderr:
            raise AssertionError(f"legacy.php {arguments}: {done.stdout}{done.stderr}")
        return done.stdout

    def later(self, function, *arguments):
        """Its future; the call runs beside the test."""
        return self.threads.submit(function, *arguments)

    def logs(self):
        return "\n".join(f"--- {path.name}\n{path.read_text()}"
                         for path in sorted(self.folder.glob("*.log")))

    def close(self):
        """Ends it all, the instances first; every hawser must be at rest and end well."""
        for instance in self.instances:
            instance.kill()
        for hawser in self.hawsers:
            if hawser.process.poll() is None:
                eventually(hawser.at_rest, "nothing is left of any client", 10)
                if hawser.stop() != 0:
                    raise AssertionError("hawser ended badly: " + hawser.log())
        self.stack.close()
