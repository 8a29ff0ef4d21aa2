# SPDX-License-Identifier: Apache-2.0
"""An OTLP receiver that looks at nothing: takes what is posted to it, in a process
of its own, as cheaply as can be, and says 200."""
import multiprocessing
import socket

ANSWER = (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
          b"Content-Length: 2\r\n\r\n{}")


def take(connection, posts, taken):
    """One kept connection, POST after POST."""
    block = memoryview(bytearray(1 << 20))
    rest = b""
    while True:
        while b"\r\n\r\n" not in rest:
            more = connection.recv(65536)
            if not more:
                return
            rest += more
        head, _, rest = rest.partition(b"\r\n\r\n")
        (length,) = [int(line.split(b":")[1]) for line in head.lower().split(b"\r\n")
                     if line.startswith(b"content-length:")]
        left = length - len(rest)
        rest = rest[length:]
        while left > 0:
            n = connection.recv_into(block, min(left, len(block)))
            if n == 0:
                return
            left -= n
        posts.value, taken.value = posts.value + 1, taken.value + length
        connection.sendall(ANSWER)


def run(listener, posts, taken):
    while True:
        connection, _ = listener.accept()
        with connection:
            take(connection, posts, taken)


class Sink:
    def __enter__(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        self.posts = multiprocessing.Value("q", 0, lock=False)
        self.bytes = multiprocessing.Value("q", 0, lock=False)
        self.process = multiprocessing.Process(
            target=run, args=(listener, self.posts, self.bytes), daemon=True)
        self.process.start()
        listener.close()
        return self

    def __exit__(self, *error):
        self.process.terminate()
        self.process.join()
