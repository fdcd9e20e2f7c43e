"""A host name whose address can be changed: a line of /etc/hosts, taken out again at the end."""

import os
import threading

HOSTS = "/etc/hosts"


class HostName:
    lock = threading.Lock()

    def __init__(self, address):
        self.name = f"redis-{os.getpid()}.hawser-test"
        self.point_to(address)

    def point_to(self, address):
        """None: the name is not known any more."""
        with HostName.lock:
            with open(HOSTS) as hosts:
                lines = [line for line in hosts if self.name not in line.split()]
            if address is not None:
                if lines and not lines[-1].endswith("\n"):
                    lines[-1] += "\n"
                lines.append(f"{address} {self.name}\n")
            # Written in place: in a container the file is a mount, which cannot be replaced.
            with open(HOSTS, "r+") as hosts:
                hosts.write("".join(lines))
                hosts.truncate()

    def close(self):
        self.point_to(None)
