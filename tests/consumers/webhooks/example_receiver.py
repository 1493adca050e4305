"""A receiver of webhooks: keeps in its own database who is eligible, each change once, however often it is sent.

WEBHOOK_SECRET=whsec_… python -m tests.consumers.webhooks.example_receiver 8000 crm.db
"""

import os
import sqlite3
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from standardwebhooks import Webhook

BODY_BYTES_MAX = 65_536
SATISFIED = (
    "INSERT INTO eligible VALUES (?, ?, 1) ON CONFLICT (partner) DO UPDATE"
    " SET satisfied = excluded.satisfied, changes = changes + 1"
)


class Receiver(BaseHTTPRequestHandler):
    timeout = 10

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        if not (length.isdigit() and int(length) <= BODY_BYTES_MAX):
            return self.answer(413)
        body = self.rfile.read(int(length))
        try:
            # Turns away a wrong signature, and a timestamp that is more than five minutes off.
            message = Webhook(os.environ["WEBHOOK_SECRET"]).verify(body, dict(self.headers.items()))
        except Exception:
            return self.answer(400)
        change = message["data"]
        with database:  # the note that it was seen, and its effect, are one transaction
            new = database.execute("INSERT OR IGNORE INTO seen VALUES (?)", (self.headers["webhook-id"],)).rowcount
            if new and message["type"] == "EligibilityChanged":
                database.execute(SATISFIED, (change["membership"], change["satisfied"]))
        return self.answer(204)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.end_headers()


if __name__ == "__main__":
    database = sqlite3.connect(sys.argv[2])
    database.execute("CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY)")
    database.execute(
        "CREATE TABLE IF NOT EXISTS eligible (partner TEXT PRIMARY KEY, satisfied INTEGER, changes INTEGER)"
    )
    server = HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver)
    print(f"listening on {server.server_port}", flush=True)
    server.serve_forever()
