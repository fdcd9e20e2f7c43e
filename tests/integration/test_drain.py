"""Start and end of the process: sockets, signals, drain."""

import os
import signal
import socket
import stat
import subprocess
import time
import unittest

from resp import Client
from servers import HAWSER, Hawser, RedisServer, eventually, free_port


class Lifecycle(unittest.TestCase):
    def setUp(self):
        self.redis = RedisServer()
        self.addCleanup(self.redis.stop)

    def test_sigterm_finishes_what_is_in_flight_and_ends_with_0(self):
        hawser = Hawser(self.redis)
        busy, idle, blocked = (Client(hawser.port) for _ in range(3))
        idle("PING")
        blocked.send("BLPOP", "none", 0)
        eventually(lambda: hawser.metric("hawser_pinned_in_use") == 1, "blocked")
        busy.send("DEBUG", "SLEEP", 1)
        eventually(lambda: hawser.metric("hawser_commands_in_flight") == 2, "in flight")
        hawser.process.send_signal(signal.SIGTERM)
        self.assertEqual(idle.rest(), b"")
        self.assertEqual(blocked.rest(), b"")
        self.assertEqual(hawser.get("/readyz")[0], 503)
        self.assertEqual(hawser.metric("hawser_draining"), 1)
        self.assertEqual(busy.read(), "OK")
        self.assertEqual(hawser.process.wait(5), 0)
        for client in (busy, idle, blocked):
            client.close()

    def test_ends_well_with_invalidations_under_way_and_redis_gone(self):
        """Databases whose invalidations are looked after, questions that wait, and nobody there."""
        hawser = Hawser(self.redis, cache_batch=10, cache_sweep="10ms",
                        cache_invalidate_when_down="queue")
        clients = [Client(hawser.port) for _ in range(3)]
        for database, client in enumerate(clients):
            client("SELECT", database)
            client.pipeline(*(("CACHE.SET", f"k{i}", "v", "TAGS", 1, "t") for i in range(3000)))
            client.send("CACHE.INVALIDATE", "t")
        eventually(lambda: hawser.metric("hawser_cache_invalidations_in_progress") > 0, "under way")
        self.redis.kill()
        clients[0].send("CACHE.INVALIDATE", "t")
        hawser.process.send_signal(signal.SIGTERM)
        self.assertEqual(hawser.process.wait(15), 0)
        for client in clients:
            client.close()

    def test_drain_max_bounds_the_wait_and_a_second_signal_ends_at_once(self):
        for second in (False, True):
            hawser = Hawser(self.redis, drain_max="60s" if second else "300ms",
                            timeout_script="60s")
            client = Client(hawser.port)
            self.assertEqual(client("PING"), "PONG")  # The connection to Redis is open.
            self.redis.freeze()
            client.send("EVAL", "return 1", 0)
            eventually(lambda: hawser.metric("hawser_commands_in_flight") == 1, "in flight")
            hawser.process.send_signal(signal.SIGTERM)
            eventually(lambda: hawser.metric("hawser_draining") == 1, "draining")
            began = time.monotonic()
            if second:
                hawser.process.send_signal(signal.SIGTERM)
            self.assertEqual(hawser.process.wait(5), 0)
            self.assertLess(time.monotonic() - began, 3)
            self.redis.thaw()
            client.close()

    def test_unix_socket_has_its_mode_and_is_removed(self):
        hawser = Hawser(self.redis, unix=True)
        self.assertEqual(stat.S_IMODE(os.stat(hawser.socket).st_mode), 0o660)
        client = Client(hawser.socket)
        self.assertEqual(client("PING"), "PONG")
        client.close()
        self.assertEqual(hawser.terminate(), 0)
        self.assertFalse(os.path.exists(hawser.socket))

    def test_a_stale_socket_is_replaced_a_living_one_is_not(self):
        hawser = Hawser(self.redis, unix=True)
        command = [HAWSER, "--listen", f"unix://{hawser.socket}", "--admin", "off",
                   "--upstream", f"redis://127.0.0.1:{self.redis.port}"]
        second = subprocess.run(command, capture_output=True, text=True, timeout=10)
        self.assertEqual(second.returncode, 1)
        self.assertIn("in use", second.stderr)
        client = Client(hawser.socket)
        self.assertEqual(client("PING"), "PONG")
        client.close()
        hawser.process.kill()
        hawser.process.wait()
        self.assertTrue(os.path.exists(hawser.socket))
        third = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        eventually(lambda: self.answers(hawser.socket), "the stale one is replaced")
        third.terminate()
        self.assertEqual(third.wait(10), 0)

    def answers(self, path):
        try:
            client = Client(path)
        except OSError:
            return False
        with client.socket:
            return client("PING") == "PONG"

    def test_a_taken_port_is_an_error_that_says_so(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            result = subprocess.run(
                [HAWSER, "--listen", f"tcp://127.0.0.1:{port}", "--admin", "off", "--upstream",
                 f"redis://127.0.0.1:{self.redis.port}"],
                capture_output=True, text=True, timeout=10)
        self.assertEqual(result.returncode, 1)
        self.assertIn(f"cannot listen on tcp://127.0.0.1:{port}", result.stderr)

    def test_a_hawser_that_would_connect_to_itself_refuses_to_start(self):
        port = free_port()
        result = subprocess.run([HAWSER, "--listen", f"tcp://127.0.0.1:{port}",
                                 f"redis://localhost:{port}"],
                                capture_output=True, text=True, timeout=10)
        self.assertEqual(result.returncode, 78)
        self.assertIn("itself", result.stderr)

    def test_sighup_reloads_the_log_level_and_a_bad_file_changes_nothing(self):
        path = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"hawser-{os.getpid()}.toml")
        self.addCleanup(lambda: os.path.exists(path) and os.remove(path))
        with open(path, "w") as file:
            file.write('[log]\nlevel = "info"\n')
        hawser = Hawser(self.redis, arguments=("--config", path))
        good = "hawser_config_last_reload_successful"
        with open(path, "w") as file:
            file.write('[log]\nlevel = "nonsense"\n')
        hawser.process.send_signal(signal.SIGHUP)
        eventually(lambda: hawser.metric(good) == 0, "the bad file is refused")
        with open(path, "w") as file:
            file.write('[log]\nlevel = "debug"\n')
        hawser.process.send_signal(signal.SIGHUP)
        eventually(lambda: hawser.metric(good) == 1, "the good one is taken")
        client = Client(hawser.port)
        client.raw(b"POST / HTTP/1.1\r\n\r\n")
        client.rest()
        client.close()
        eventually(lambda: '"level":"debug"' in hawser.log(), "debug lines appear")
        self.assertEqual(hawser.stop(), 0)


if __name__ == "__main__":
    unittest.main()
