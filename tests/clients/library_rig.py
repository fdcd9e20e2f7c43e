"""What a program of libraries/ runs against: a Redis that keeps its data, with a password and a user
of its own, and a hawser in front of it. The program asks for faults, line by line:

    ok NAME                it did a check
    not ok NAME            it failed, why follows
    ? kill                 Redis is killed, and stays away until "? start"
    ? hawser restart       hawser is told to end, and another one started on its port and socket
    ? lanes ROLE=1 ...     Redis has exactly these connections, all of them of hawser, by their names;
                           main lanes as main/db0/resp2
    ? later COMMAND ...    once a client is blocked this is sent, to wake it; a PUBLISH once somebody
                           hears it

The answer, on its standard input, is a line as well: "yes", or what is the case instead.

With LIBRARY_DIRECT set the program gets Redis itself, to tell what is hawser's doing."""

import os
import pathlib
import re
import subprocess
import tempfile
import threading
import time
from collections import Counter

from resp import Client
from servers import Hawser, RedisServer, end_with_parent, eventually, free_port

LIBRARIES = pathlib.Path(__file__).parent / "libraries"
PASSWORD = "of-the-default-user"
USER, USER_PASSWORD = "orders", "of-orders"
# Seconds a program may take.
PATIENCE = 100


def words(counts):
    return " ".join(f"{role}={counts[role]}" for role in sorted(counts))


class Rig:
    def __init__(self):
        self.is_direct = "LIBRARY_DIRECT" in os.environ
        self.folder = tempfile.TemporaryDirectory(prefix="hawser-library-")
        self.socket = os.path.join(self.folder.name, "redis.sock")
        # Without fsync each write is in the file before it is answered: a fsync under way delays it.
        options = ["--appendonly", "yes", "--appendfsync", "no",
                   "--user", USER, "on", ">" + USER_PASSWORD, "~*", "&*", "+@all"]
        if self.is_direct:
            options += ["--unixsocket", self.socket]
        else:
            options += ["--requirepass", PASSWORD]
        self.redis = RedisServer(*options)
        if self.is_direct:
            self.port = self.redis.port
            self.hawser = None
        else:
            self.port = free_port()
            self.start_hawser()

    def start_hawser(self):
        # Leases of one check are gone in the next; a Redis that is back is noticed sooner, and what was
        # asked just before the circuit opened does not wait for it as long as it would.
        self.hawser = Hawser(
            f"redis://:{PASSWORD}@127.0.0.1:{self.redis.port}",
            arguments=("--listen", f"tcp://127.0.0.1:{self.port}",
                       "--listen", f"unix://{self.socket}"),
            pinned_idle="500ms", circuit_probe="100ms",
            timeout_total="2s", timeout_command="2s", timeout_script="2s")

    def here(self, snippet):
        """What the README says, for this hawser: only port and path are replaced."""
        return snippet.replace("6380", str(self.port)).replace("/run/hawser/redis.sock", self.socket)

    def log(self):
        return "" if self.hawser is None else self.hawser.log()

    def run(self, command, **environment):
        """Runs a program to its end; gives the names of the checks it did, those that failed, and
        all it said."""
        process = subprocess.Popen(
            ["timeout", str(PATIENCE), *map(str, command)], cwd=LIBRARIES, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            preexec_fn=end_with_parent,
            env=os.environ | {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(self.port),
                              "REDIS_URL": f"redis://127.0.0.1:{self.port}",
                              "REDIS_SOCKET": self.socket, "REDIS_PASSWORD": PASSWORD,
                              "REDIS_USER": USER, "REDIS_USER_PASSWORD": USER_PASSWORD}
            | environment)
        done, failed, said = [], [], []
        started = time.monotonic()

        def note(line):
            said.append(f"{time.monotonic() - started:6.2f} {line}")

        with process:
            for line in process.stdout:
                note(line)
                kind, _, rest = line.rstrip("\n").partition(" ")
                if kind == "?":
                    answer = self.answer(rest) + "\n"
                    note(answer)
                    process.stdin.write(answer)
                    process.stdin.flush()
                elif kind == "ok":
                    done.append(rest)
                elif line.startswith("not ok "):
                    failed.append(rest.partition(" ")[2])
        if process.returncode != 0 and not failed:
            failed.append(f"exit code {process.returncode}")
        return done, failed, "".join(said)

    def answer(self, question):
        try:
            kind, *rest = question.split()
            if kind == "kill":
                self.redis.kill()
            elif kind == "start":
                self.redis.start()
            elif kind == "lanes":
                return self.lanes(" ".join(rest))
            elif kind == "later":
                threading.Thread(target=self.later, args=(rest,), daemon=True).start()
            elif question == "hawser restart":
                self.restart_hawser()
            else:
                return f"unknown: {question}"
            return "yes"
        except AssertionError as error:
            return str(error)

    def direct(self):
        """A client of Redis itself; in direct mode the password is one too many."""
        client = Client(self.redis.port)
        client("AUTH", PASSWORD)
        return client

    def later(self, command):
        client, direct = Client(self.port), self.direct()
        if command[0] == "PUBLISH":
            eventually(lambda: client(*command) > 0, "somebody hears it")
        else:
            eventually(lambda: re.search(rb" flags=\w*b", direct("CLIENT", "LIST")), "a client is blocked")
            client(*command)
        client.close()
        direct.close()

    def restart_hawser(self):
        if self.is_direct:
            self.redis.kill()
            self.redis.start()
            return
        code = self.hawser.stop()
        assert code == 0, f"hawser ended with {code}"
        self.start_hawser()

    def lanes(self, wanted):
        """Redis' connections by role, asked for until they are those."""
        if self.is_direct:
            return "yes"
        seen = None

        def fits():
            nonlocal seen
            seen = words(self.connections())
            return seen == wanted

        try:
            eventually(fits, "lanes", 5)
        except AssertionError:
            return f"has {seen}, not {wanted}"
        return "yes"

    def connections(self):
        """By role, as Redis names them. Control connections come and go by themselves."""
        client = self.direct()
        client("CLIENT", "SETNAME", "test")
        roles = Counter()
        for line in client("CLIENT", "LIST").decode().splitlines():
            fields = dict(field.split("=", 1) for field in line.split())
            maker, _, rest = fields["name"].partition(":")
            role = rest.rpartition(":")[2] if maker == "hawser" else f"foreign({fields['name']})"
            if role == "main":
                role += f"/db{fields['db']}/resp{fields['resp']}"
            if maker != "test" and role != "control":
                roles[role] += 1
        client.close()
        return roles

    def close(self):
        """Nothing may be left of the program in hawser."""
        try:
            if self.hawser is not None:
                eventually(self.hawser.at_rest, "nothing is left of any client", 10)
                code = self.hawser.stop()
                assert code == 0, f"hawser ended with {code}: {self.hawser.log()}"
        finally:
            self.redis.stop()
            self.folder.cleanup()
