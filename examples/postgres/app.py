"""Counts visits in PostgreSQL. It says when it is ready, and how far it has come, by systemd's protocol."""

import http.server
import os
import signal

import psycopg2
import sdnotify

# sys.exit() raises, and sdnotify swallows whatever is raised while it sends.
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
systemd = sdnotify.SystemdNotifier()
database = psycopg2.connect("dbname=app")
database.autocommit = True


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with database.cursor() as cursor:
            cursor.execute("INSERT INTO visits DEFAULT VALUES RETURNING number")
            number = cursor.fetchone()[0]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"visit {number}\n".encode())
        systemd.notify(f"STATUS=served visit {number}")

    def log_message(self, *_):
        pass  # nginx has written it already


server = http.server.HTTPServer(("127.0.0.1", 8000), Handler)
server.timeout = 1
systemd.notify("READY=1\nSTATUS=no visit yet")
while True:
    server.handle_request()
    systemd.notify("WATCHDOG=1")
