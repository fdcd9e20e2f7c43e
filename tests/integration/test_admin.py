"""Health and metrics over HTTP."""

import contextlib
import ctypes
import os
import unittest

from case import HawserCase
from servers import eventually

PTRACE_ATTACH, PTRACE_DETACH, WALL = 16, 17, 0x40000000


@contextlib.contextmanager
def stopped_thread(thread):
    """One thread of a child process stands still, the others run."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if libc.ptrace(PTRACE_ATTACH, thread, None, None) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")
    os.waitpid(thread, WALL)
    try:
        yield
    finally:
        libc.ptrace(PTRACE_DETACH, thread, None, None)


class Admin(HawserCase):
    def test_health_endpoints_answer(self):
        for path in ("/livez", "/healthz", "/readyz", "/startupz", "/health/redis"):
            eventually(lambda: self.hawser.get(path)[0] == 200, path, 5)
        self.assertEqual(self.hawser.get("/nothing")[0], 404)

    def test_metrics_count_what_clients_do(self):
        client = self.client()
        series = 'hawser_commands_total{cmd="incr"}'
        client("INCR", "counted")
        before = self.hawser.metric(series)
        client.pipeline(*[("INCR", "counted")] * 25)
        self.assertEqual(self.hawser.metric(series) - before, 25)
        errors = 'hawser_command_errors_total{reason="denied"}'
        before = self.hawser.metric(errors)
        client("SHUTDOWN")
        self.assertEqual(self.hawser.metric(errors) - before, 1)
        self.assertEqual(self.hawser.metric(
            f'hawser_upstream_up{{upstream="127.0.0.1:{self.redis.port}"}}'), 1)

    def test_fewer_than_500_series_by_default(self):
        client = self.client()
        for words in [("SET", "a", 1), ("GET", "a"), ("NOSUCH",), ("BLPOP", "x", "0.01")]:
            client(*words)
        lines = [l for l in self.hawser.get("/metrics")[1].splitlines() if not l.startswith("#")]
        self.assertLess(len(lines), 500)
        self.assertGreater(len(lines), 100)

    def test_metrics_answer_while_the_data_loop_stands_still_and_livez_tells(self):
        with stopped_thread(self.hawser.process.pid):
            self.assertEqual(self.hawser.get("/metrics")[0], 200)
            self.assertEqual(self.hawser.get("/readyz")[0], 200)
            eventually(lambda: self.hawser.get("/livez")[0] == 503, "livez notices", 10)
        eventually(lambda: self.hawser.get("/livez")[0] == 200, "livez recovers", 10)

    def test_proxy_health_is_answered_in_every_state(self):
        client = self.client()
        self.assertEqual(client("PROXY", "HEALTH"), [b"circuit", b"closed", b"main", b"connected",
                                                     b"subscriber", b"idle", b"publisher", b"idle"])
        client("HELLO", 3)
        self.assertEqual(client("proxy", "health")[b"circuit"], b"closed")
        self.assertEqual(client("PROXY", "NO"), "ERR unknown subcommand 'NO'. Try PROXY HELP.")
        self.assertEqual(client("PROXY", "HEALTH", "x"),
                         "ERR wrong number of arguments for 'proxy|health' command")
        self.assertEqual(client("PROXY"), "ERR wrong number of arguments for 'proxy' command")


if __name__ == "__main__":
    unittest.main()
