"""A program in Node as it is deployed with hawser at its side: it, its hawser, Redis, and the world
outside that its jobs call."""

import contextlib
import http.client
import json
import os
import pathlib
import subprocess
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from json_server import JsonServer
from resp import Client
from servers import Hawser, RedisServer, accepts, end_with_parent, eventually, free_port

HERE = pathlib.Path(__file__).parent


class Answer:
    """Of a program: `status`, `headers`, `value` (its JSON, or the text), `seconds` it took."""

    def __init__(self, status, headers, value, seconds):
        self.status, self.headers, self.value, self.seconds = status, headers, value, seconds

    @property
    def cache(self):
        return self.headers["x-cache"]

    def __repr__(self):
        return f"<{self.status} {self.cache} {self.value} in {self.seconds:.3f} s>"


class Program:
    """A process of it; it may not listen yet. `script`: beside this file."""

    def __init__(self, script, log, **environment):
        self.port = free_port()
        environment = os.environ | {"PORT": str(self.port)} | environment
        self.process = subprocess.Popen(["node", HERE / script], env=environment, stdout=log,
                                        stderr=log, preexec_fn=end_with_parent)

    def listens(self):
        eventually(lambda: self.process.poll() is not None or accepts(self.port),
                   "the program listens")
        if self.process.poll() is not None:
            raise AssertionError("the program ended")

    def ask(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        started = time.monotonic()
        try:
            connection.request(method, path, None if body is None else json.dumps(body),
                               {"Content-Type": "application/json"} | (headers or {}))
            reply = connection.getresponse()
            text = reply.read().decode()
        finally:
            connection.close()
        value = json.loads(text) if "json" in reply.headers.get("Content-Type", "") else text
        return Answer(reply.status, reply.headers, value, time.monotonic() - started)

    def get(self, path, headers=None):
        return self.ask("GET", path, headers=headers)

    def kill(self):
        self.process.kill()
        self.process.wait()


class Gate:
    """Holds calls back from their answer; `held`: how many so far."""

    def __init__(self, calls):
        self.left = calls  # How many it takes in; later ones pass.
        self.held = 0
        self.open = threading.Event()


class Outside:
    """What jobs call: POST of JSON to /kind. Notes who called when; fails and holds as told."""

    def __init__(self):
        self.lock = threading.Lock()
        self.calls = []  # (kind, what was sent, when)
        self.failures = Counter()  # subject -> how many of its next calls fail
        self.gate = None
        self.server = JsonServer(self.answer)
        self.url = self.server.url

    def answer(self, _, path, body):
        status = self.called(path[1:], body)
        return status, {"ok": status == 200}

    def called(self, kind, body):
        with self.lock:
            self.calls.append((kind, body, time.monotonic()))
            failing = self.failures[body["subject"]] > 0
            if failing:
                self.failures[body["subject"]] -= 1
            gate = self.gate
            if gate is not None and gate.left > 0:
                gate.left -= 1
                gate.held += 1
            else:
                gate = None
        if gate is not None:
            gate.open.wait(60)
        return 503 if failing else 200

    def fail(self, subject, times):
        with self.lock:
            self.failures[subject] = times

    @contextlib.contextmanager
    def holding(self, calls):
        """While it lasts the next `calls` calls have no answer."""
        gate = self.gate = Gate(calls)
        try:
            yield gate
        finally:
            gate.open.set()
            self.gate = None

    def subjects(self, kind, prefix=""):
        """What calls of this kind were about, in their order."""
        with self.lock:
            return [body["subject"] for called, body, _ in self.calls
                    if called == kind and body["subject"].startswith(prefix)]

    def times(self, subject):
        with self.lock:
            return [when for _, body, when in self.calls if body["subject"] == subject]

    def close(self):
        self.server.close()


class Rig:
    """All of it, with one process of `script`. `environment`: of that; `settings`: of hawser."""

    script = None

    def __init__(self, redis_options=(), settings=None, **environment):
        self.environment = environment
        self.settings = {"pinned_idle": "500ms"} | (settings or {})
        with contextlib.ExitStack() as stack:
            self.start(stack, redis_options)
            self.stack = stack.pop_all()

    def start(self, stack, redis_options):
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="application-"))
        self.log = stack.enter_context(open(os.path.join(folder, "log"), "w+"))
        self.redis = RedisServer(*redis_options)
        stack.callback(self.redis.stop)
        self.outside = Outside()
        stack.callback(self.outside.close)
        self.hawser = Hawser(self.redis, **self.settings)
        stack.callback(lambda: self.hawser.stop())
        self.program = self.launch(self.hawser)
        stack.callback(lambda: self.program.kill())
        self.program.listens()
        self.threads = stack.enter_context(ThreadPoolExecutor(64))

    def launch(self, server, **environment):
        """A process of the program whose Redis is `server`."""
        return Program(self.script, self.log, REDIS_URL=f"redis://127.0.0.1:{server.port}",
                       OUTSIDE_URL=self.outside.url, **self.environment | environment)

    def relaunch(self):
        """Kills the program and starts it again."""
        self.program.kill()
        self.program = self.launch(self.hawser)
        self.program.listens()

    def restart_hawser(self):
        """After it was killed; where it listened before."""
        self.hawser.folder.cleanup()
        self.hawser = Hawser(self.redis, port=self.hawser.port, **self.settings)

    def redis_is_seen(self):
        return self.hawser.get("/health/redis")[0] == 200

    def refuses(self):
        """Whether hawser has given up waiting for Redis."""
        return '"circuit":"open"' in self.hawser.get("/health/redis")[1]

    def later(self, function, *arguments, **named):
        """Its future; the call runs beside the test."""
        return self.threads.submit(function, *arguments, **named)

    def direct(self, *command):
        """What Redis itself answers."""
        client = Client(self.redis.port)
        try:
            return client(*command)
        finally:
            client.close()

    def connections(self, server=None):
        """As Redis lists them, with the part of the name that says what for; the asking one and
        hawser's short-lived own questions left out."""
        client = Client((server or self.redis).port)
        try:
            own = client("CLIENT", "ID")
            lines = client("CLIENT", "LIST").decode().splitlines()
        finally:
            client.close()
        names = Counter()
        for line in lines:
            fields = dict(field.split("=", 1) for field in line.split(" "))
            name = fields["name"]
            if name.startswith("hawser:"):
                name = name.rpartition(":")[2]
            if fields["id"] != str(own) and name != "control":
                names[name] += 1
        return names

    def has_connections(self, **wanted):
        """Waits until Redis has these and no others."""
        seen = None

        def as_wanted():
            nonlocal seen
            seen = self.connections()
            return seen == wanted
        try:
            eventually(as_wanted, "connections")
        except AssertionError as error:
            raise AssertionError(f"{dict(seen)} in place of {wanted}") from error

    def without_hawser(self, **environment):
        """How many connections the program has to a Redis of its own, without hawser."""
        redis = RedisServer()
        program = self.launch(redis, **environment)
        try:
            program.listens()
            # It listens when all of them are up.
            return self.connections(redis).total()
        finally:
            program.kill()
            redis.stop()
            redis.folder.cleanup()

    def written(self):
        """What the program wrote."""
        self.log.flush()
        with open(self.log.name) as log:
            return log.read()

    def close(self):
        """Ends it all, the program first; hawser must be at rest and end well."""
        self.program.kill()
        if self.hawser.process.poll() is None:
            eventually(self.hawser.at_rest, "nothing is left of any client", 10)
            if self.hawser.stop() != 0:
                raise AssertionError("hawser ended badly: " + self.hawser.log())
        self.stack.close()
