"""Redis fails in every way there is, under load: each answer is true and in time, nothing is lost,
doubled, crossed or reordered, and everything is normal again within a second of Redis being normal.

HAWSER_CHAOS_SECONDS: how long each test makes faults; HAWSER_CHAOS_SEED: replays the clients.
"""

import time
import unittest

from chaos_case import ChaosCase
from faults import SLOW_SCRIPT, kill_clients
from host_name import HostName
from servers import eventually, free_port


class Process(ChaosCase):
    """What happens to the Redis process."""

    def test_frozen_and_thawed(self):
        self.begin()

        def fault():
            for seconds in (0.3, 1.4):
                self.redis.freeze()
                time.sleep(seconds)
                self.redis.thaw()
                time.sleep(0.2)
        self.endure(fault)

    def test_killed_and_restarted(self):
        self.begin()

        def fault():
            self.redis.kill()
            time.sleep(self.random.uniform(0.2, 1.2))
            self.redis.start()
        self.endure(fault)

    def test_restarted_with_a_long_loading(self):
        self.begin()
        plain = self.redis.options
        direct = self.direct()
        direct("CONFIG", "SET", "auto-aof-rewrite-percentage", 0)
        direct.pipeline(*[("SET", f"filler:{i}", i) for i in range(12000)])

        def fault():
            self.redis.kill()
            self.redis.options = (*plain, "--key-load-delay", "60")
            self.redis.start()
            self.assertIn("LOADING", str(self.direct()("PING")))
            eventually(lambda: self.direct()("PING") == "PONG", "loaded", 20)
        self.endure(fault)

    def test_never_there_at_first(self):
        self.redis = self.redis_server(start=False)
        self.start_hawser(f"redis://127.0.0.1:{self.redis.port}")

        def fault():
            self.redis.stop()
            time.sleep(1.3)
            self.redis.start()
        self.endure(fault)

    def test_a_replica_without_its_primary(self):
        self.begin("--replica-serve-stale-data", "no")
        direct = self.direct()

        def fault():
            direct("REPLICAOF", "127.0.0.1", free_port())
            time.sleep(1.2)
            self.assertIn("MASTERDOWN", str(direct("GET", "k")))
            direct("REPLICAOF", "NO", "ONE")
        self.endure(fault)

    def test_a_replica_is_promoted(self):
        self.begin(proxied=True)
        other = self.redis_server("--replicaof", f"127.0.0.1 {self.redis.port}", name="replica")
        servers = [self.redis, other]

        def fault():
            self.promote(*servers)
            time.sleep(0.5)
            self.proxy.retarget(servers[1].port)
            servers.reverse()

        def settled():
            left = self.direct(servers[1])("CLIENT", "LIST").decode()
            self.assertNotIn("name=hawser:", left, "connections to the old primary")
        self.endure(fault, server=lambda: servers[0], settled=settled)

    def test_the_name_changes_its_address(self):
        port = free_port()
        servers = [self.redis_server("--bind", host, "--replica-announce-ip", host, host=host,
                                     port=port, name=host) for host in ("127.0.0.2", "127.0.0.3")]
        self.direct(servers[1])("REPLICAOF", servers[0].host, port)
        name = HostName(servers[0].host)
        self.addCleanup(name.close)
        self.start_hawser(f"redis://{name.name}:{port}")

        def fault():
            if servers[1].process.poll() is not None:
                servers[1].start()
                self.direct(servers[1])("REPLICAOF", servers[0].host, port)
            self.promote(*servers)
            servers[0].kill()
            servers.reverse()
            time.sleep(0.5)
            name.point_to(servers[0].host)
        self.endure(fault, server=lambda: servers[0])

    def promote(self, primary, replica):
        """Swaps the roles; nothing that was acknowledged is lost by Redis itself."""
        old, new = self.direct(primary), self.direct(replica)
        eventually(lambda: b"master_link_status:up" in new("INFO", "replication"), "in sync", 20)
        self.assertEqual(old("FAILOVER"), "OK")
        eventually(lambda: new("ROLE")[0] == b"master", "promoted", 5)


class Refusal(ChaosCase):
    """Redis is there, and does not serve."""

    def test_maxclients_is_reached(self):
        self.begin()
        direct = self.direct()

        def fault():
            direct("CONFIG", "SET", "maxclients", 1)
            kill_clients(direct)
            time.sleep(1.2)
            direct("CONFIG", "SET", "maxclients", 10000)
        self.endure(fault)

    def test_the_password_changes(self):
        self.begin()
        direct = self.direct()

        def fault():
            direct("CONFIG", "SET", "requirepass", "changed")
            kill_clients(direct)
            time.sleep(1.2)
            direct("CONFIG", "SET", "requirepass", "")
        self.endure(fault)
        self.assertRegex(self.hawser.log(), "NOAUTH|WRONGPASS|password")

    def test_a_slow_script_blocks_redis(self):
        self.begin("--busy-reply-threshold", "150")

        def fault():
            self.direct()("EVAL", SLOW_SCRIPT, 0, 1300000)
        self.endure(fault)

    def test_keys_blocks_redis(self):
        self.begin()
        self.direct()("DEBUG", "POPULATE", 300000)

        def fault():
            client, direct = self.client(), self.direct()
            client.raw(b"*2\r\n$4\r\nKEYS\r\n$8\r\nnothing*\r\n" * 8)
            direct.send("KEYS", "*")
            for _ in range(8):
                client.read()
            direct.read()
            client.close()
        self.endure(fault)


class Clients(ChaosCase):
    def test_clients_vanish_or_stop_reading(self):
        self.begin(clients_output_limit="1MiB", pubsub_output_hard="1MiB")

        def fault():
            deaf = [self.client() for _ in range(6)]
            for number, client in enumerate(deaf):
                client("SET", f"big:{number}", "x" * 200000)
                client.raw(b"*2\r\n$3\r\nGET\r\n$5\r\nbig:%d\r\n" % number * 100, may_fail=True)
            listener = self.client()
            listener("SUBSCRIBE", "loud")
            for turn in range(40):
                self.vanish(turn)
                self.direct()("PUBLISH", "loud", "x" * 200000)
                time.sleep(0.01)
            for client in [*deaf, listener]:
                client.reset()
        self.endure(fault, vanishing=0.1)

    def vanish(self, turn):
        client = self.client()
        client.raw([b"*2\r\n$4\r\nINCR\r\n$4\r\njunk\r\n" * 200,
                    b"*3\r\n$3\r\nSET\r\n$4\r\njunk\r\n$100000\r\nhalf",
                    b"*3\r\n$5\r\nBLPOP\r\n$7\r\nnothing\r\n$1\r\n0\r\n",
                    b"*1\r\n$5\r\nMULTI\r\n*2\r\n$4\r\nINCR\r\n$4\r\njunk\r\n",
                    b"*2\r\n$9\r\nSUBSCRIBE\r\n$4\r\njunk\r\n"][turn % 5])
        if turn % 2:
            client.reset()
        else:
            client.close()


if __name__ == "__main__":
    unittest.main()
