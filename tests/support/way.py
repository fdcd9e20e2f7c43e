"""A way to Redis that a test can interfere with."""

import os
import socket
import threading


class Way:
    """Hands on what comes at `port` of the loopback, or at the Unix socket `path`, to Redis at port
    `target`, which may be changed for new connections. on_data(number of the connection, upwards,
    data) says what is handed on: less than all cuts the connection behind that, None keeps it back.
    """

    def __init__(self, target, on_data=lambda number, upwards, data: data, path=None):
        self.target = target
        self.on_data = on_data
        self.path = path
        self.pairs = []
        if path is None:
            self.listener = socket.create_server(("127.0.0.1", 0))
            self.port = self.listener.getsockname()[1]
        else:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(path)
            self.listener.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near = self.listener.accept()[0]
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                near.close()
                continue
            number = len(self.pairs)
            self.pairs.append((near, far))
            for upwards in (True, False):
                threading.Thread(target=self.pump, args=(number, upwards), daemon=True).start()

    def pump(self, number, upwards):
        source, sink = self.pairs[number] if upwards else reversed(self.pairs[number])
        try:
            while data := source.recv(65536):
                handed_on = self.on_data(number, upwards, data)
                if handed_on is None:
                    continue
                sink.sendall(handed_on)
                if len(handed_on) < len(data):
                    break
        except OSError:
            pass
        self.cut(number)

    def cut(self, number):
        for end in self.pairs[number]:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def stop(self):
        self.listener.close()
        for pair in self.pairs:
            for end in pair:
                end.close()
        if self.path is not None:
            os.unlink(self.path)
