"""A chat-completions server that streams fixed replies at a fixed pace, for the peers of `benches/peers/agent`.

    fixed_llm.py PORT REPLIES

Speaks the same file as engines/protocol/examples/fixed_llm.rs, which serves ours: the first line is `FIRST_MS WORD_MS`,
each other line a reply; the nth question of a conversation gets the nth. Knows nothing of the API beyond streaming.
"""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

lines = [line for line in open(sys.argv[2], encoding="utf-8").read().splitlines() if line]
FIRST_S, WORD_S = (int(ms) / 1000 for ms in lines[0].split())
REPLIES = lines[1:]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        arrived = time.monotonic()
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        questions = sum(message["role"] == "user" for message in request["messages"])
        reply = REPLIES[max(questions - 1, 0) % len(REPLIES)]
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        words = [word + " " for word in reply.split(" ")]
        words[-1] = words[-1].rstrip()
        try:
            for n, word in enumerate(words):
                # From the arrival of the request, so that a late wake-up does not slow the rest.
                time.sleep(max(0.0, arrived + FIRST_S + n * WORD_S - time.monotonic()))
                self.event({"role": "assistant", "content": word}, None)
            self.event({}, "stop")
            self.chunk(b"data: [DONE]\n\n")
            self.chunk(b"")
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # an answer that nobody wants any more

    def event(self, delta, finish):
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        event = {
            "id": "fixed", "object": "chat.completion.chunk", "created": 0, "model": "fixed", "choices": [choice],
        }
        self.chunk(b"data: " + json.dumps(event).encode() + b"\n\n")

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    server.daemon_threads = True
    server.serve_forever()
