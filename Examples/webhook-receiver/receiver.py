#!/usr/bin/env python3
"""Receives webhooks: lets in what is signed and fresh, drops copies, prints the facts. Python's own library is enough.

    WEBHOOK_SECRET=whsec_... ./receiver.py 8000        while a secret is exchanged: both, with a blank between

The facts of an order come one after the other, each at least once: what was answered 2xx isn't sent again, unless the answer
got lost. A shop keeps the ids of what it has acted on in its database, in the transaction of what it did.
"""
import base64, hashlib, hmac, http.server, os, sys, time

KEYS = [base64.b64decode(secret.removeprefix("whsec_"), validate=True) for secret in os.environ["WEBHOOK_SECRET"].split()]
seen = {}


class Receiver(http.server.BaseHTTPRequestHandler):
    timeout = 10

    def do_POST(self):
        name, at = self.headers.get("webhook-id", ""), self.headers.get("webhook-timestamp", "")
        body = self.rfile.read(min(int(self.headers.get("content-length", 0)), 1 << 20))
        codes = [hmac.digest(key, f"{name}.{at}.".encode() + body, hashlib.sha256) for key in KEYS]
        signed = ["v1," + base64.b64encode(code).decode() for code in codes]
        given = self.headers.get("webhook-signature", "").split()
        known = any([hmac.compare_digest(a.encode(), b.encode()) for a in signed for b in given])
        fresh = known and abs(time.time() - int(at)) < 300
        if fresh and name not in seen:
            print(body.decode(), flush=True)
            seen[name] = None
            if len(seen) > 100_000:
                del seen[next(iter(seen))]
        self.send_response(204 if fresh else 401)
        self.end_headers()

    def log_message(self, *_):
        pass


http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
