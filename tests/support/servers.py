"""Real servers for integration tests: redis-server and hawser on free ports, with real faults."""

import ctypes
import os
import random
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

HAWSER = os.environ["HAWSER_BINARY"]
# Seconds a condition may take before a test fails.
DEADLINE = float(os.environ.get("HAWSER_TEST_TIMEOUT", "30"))


def end_with_parent():
    """In a child: it is killed when the test process ends, however that ends."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def free_port():
    """Below those that the kernel gives to connections, of which one might have it a moment later."""
    while True:
        port = random.SystemRandom().randrange(10000, 32768)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def eventually(condition, what, deadline=DEADLINE):
    """Waits until condition() is true; its value is returned."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline} s: {what}")
        time.sleep(0.01)


def accepts(port, host="127.0.0.1"):
    try:
        socket.create_connection((host, port), 1).close()
        return True
    except OSError:
        return False


class RedisServer:
    """A redis-server without persistence that can be killed, frozen and started again. `prefix` are
    words before the command, as of a network namespace it is to run in."""

    def __init__(self, *options, start=True, host="127.0.0.1", port=None, prefix=()):
        self.host = host
        self.port = port or free_port()
        self.prefix = prefix
        self.options = options
        self.process = None
        # What a replica receives is there, and read when it is started again; gone with this object.
        self.folder = tempfile.TemporaryDirectory(prefix="hawser-redis-")
        if start:
            self.start()

    def start(self):
        self.process = subprocess.Popen(
            [*self.prefix, "redis-server", "--port", str(self.port), "--save", "",
             "--appendonly", "no", "--enable-debug-command", "yes", "--dir", self.folder.name,
             *self.options],
            stdout=subprocess.DEVNULL, preexec_fn=end_with_parent)
        eventually(lambda: accepts(self.port, self.host), "redis-server listens")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def freeze(self):
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self):
        os.kill(self.process.pid, signal.SIGCONT)

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.thaw()
            self.kill()


class Hawser:
    """A hawser process in front of `upstream` (a URL or a RedisServer)."""

    def __init__(self, upstream, unix=False, host="127.0.0.1", port=None, arguments=(), **settings):
        self.port = port or free_port()
        self.admin = free_port()
        self.folder = tempfile.TemporaryDirectory(prefix="hawser-test-")
        self.socket = os.path.join(self.folder.name, "redis.sock")
        url = upstream if isinstance(upstream, str) else f"redis://127.0.0.1:{upstream.port}"
        command = [HAWSER, "--listen", f"tcp://{host}:{self.port}", "--upstream", url,
                   "--admin", f"127.0.0.1:{self.admin}", *arguments]
        if unix:
            command += ["--listen", f"unix://{self.socket}"]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("REDIS_")}
        for key, value in settings.items():  # clients_max="3" -> HAWSER_CLIENTS_MAX
            environment["HAWSER_" + key.upper()] = str(value)
        self.log_path = os.path.join(self.folder.name, "log")
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen(command, stderr=log, env=environment,
                                            preexec_fn=end_with_parent)
        eventually(lambda: self.process.poll() is not None or self.get("/readyz")[0] == 200,
                   "hawser is ready")
        if self.process.poll() is not None:
            raise AssertionError("hawser ended: " + self.log())

    def log(self):
        with open(self.log_path) as log:
            return log.read()

    def get(self, path):
        """Status and body of an HTTP GET of the admin listener; status 0 if nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}{path}", timeout=5) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def metric(self, series):
        """Value of one series, its labels included: 'hawser_draining'."""
        for line in self.get("/metrics")[1].splitlines():
            name, _, value = line.rpartition(" ")
            if name == series:
                return float(value)
        raise AssertionError(f"no series {series}")

    def connections(self):
        return sum(float(line.rpartition(" ")[2]) for line in self.get("/metrics")[1].splitlines()
                   if line.startswith("hawser_downstream_connections{"))

    def upstream_connections(self, lane):
        return sum(float(line.rpartition(" ")[2]) for line in self.get("/metrics")[1].splitlines()
                   if line.startswith("hawser_upstream_connections{") and f'"{lane}"' in line)

    def at_rest(self):
        """Whether nothing is left of any client."""
        return (self.connections() == 0 and self.metric("hawser_commands_in_flight") == 0
                and self.metric("hawser_buffer_bytes") == 0
                and self.metric("hawser_pinned_waiting") == 0)

    def terminate(self, within=15):
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within)

    def stop(self):
        code = self.terminate() if self.process.poll() is None else self.process.returncode
        self.folder.cleanup()
        return code
