"""Receives webhooks, verifies them, and says in a Slack channel what changed.

    WEBHOOK_SECRET=whsec_… SLACK_URL=https://… python examples/slack_receiver.py 8080

`SLACK_URL` is an incoming webhook of Slack's (or of anything that takes `{"text": "…"}`). Register this receiver with
the webhooks service, give it the secret, and then let it be verified: examples/README.md has the commands.
"""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import Request, urlopen

from standardwebhooks import Webhook, WebhookVerificationError

POLICY = "fivethirtyeight-2020"


def text_of(change: dict[str, Any]) -> str:
    """What changed, in a line."""
    cause = change["cause"]
    who = (cause["endorser"] or {}).get("name") or cause["recorded_by"]
    moves = [
        f"{one['candidate']} {one['before']['score']} → {one['after']['score']} (now no. {one['after']['rank']})"
        for one in change["scores"]
        if one["policy"] == POLICY and one["before"]["score"] != one["after"]["score"]
    ]
    past = f", also on past days since {change['rewrites_since'][:10]}" if change["rewrites_since"] else ""
    return f"{who}, {cause['type']}: {'; '.join(moves) or 'no score moved'}{past}"


# A real receiver keeps these, or each contest's last version, where they survive it.
taken: set[str] = set()


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            said = Webhook(os.environ["WEBHOOK_SECRET"]).verify(body, dict(self.headers))
        except WebhookVerificationError:
            self.answer(401, {"detail": "not signed with our secret"})
            return
        if "challenge" in said:
            self.answer(200, {"challenge": said["challenge"]})
            return
        if self.headers["webhook-id"] not in taken:
            message = json.dumps({"text": text_of(said["data"])}).encode()
            with urlopen(
                Request(os.environ["SLACK_URL"], message, {"Content-Type": "application/json"}), timeout=10
            ):
                taken.add(self.headers["webhook-id"])
        self.answer(200, {})  # only now: had Slack not taken it, the webhook would come again

    def answer(self, status: int, value: dict[str, Any]) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    if len(sys.argv) != 2 or not os.environ.keys() >= {"WEBHOOK_SECRET", "SLACK_URL"}:
        sys.exit(__doc__)
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
