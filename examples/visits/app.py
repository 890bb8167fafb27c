"""Counts visits in a Redis that may be elsewhere. It keeps nothing itself, so that there may be any number of it."""

import http.server
import os
import signal
import socket
import threading

HOST, PORT = os.environ.get("STORE", "127.0.0.1:6379").rsplit(":", 1)


def count():
    with socket.create_connection((HOST, int(PORT)), timeout=2) as store:
        store.sendall(b"INCR visits\r\n")
        answer = store.makefile("rb").readline()
    if not answer.startswith(b":"):
        raise OSError(f"the store says {answer!r}")
    return int(answer[1:])


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        # For its own health check. The store's health is the store's: were it part of this one, a store that is away
        # for a moment would have every replica restarted.
        if self.path == "/health":
            return self.answer(200, "ok\n")
        try:
            text = f"visit {count()}, version {os.environ['VERSION']}, from {socket.gethostname()}\n"
        except OSError as error:
            return self.answer(503, f"no store: {error}\n")
        self.answer(200, text)

    def answer(self, status, text):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass  # nginx has written it already


server = http.server.ThreadingHTTPServer(("127.0.0.1", 8000), Handler)
server.daemon_threads = False  # server_close() waits for the requests that are being answered
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
server.server_close()
