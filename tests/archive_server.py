"""A stand-in for the archives: an HTTP server over a folder that can misbehave."""

import threading
import time
from collections import Counter, defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FAULTS = ("stall", "cut", "404", "429", "500", "long", "short", "page", "empty")


class Archive(ThreadingHTTPServer):
    """Serves a folder; `faults[name]` lists what the next answers for a file's name do."""

    daemon_threads = True

    def __init__(self, folder: Path):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.faults: dict[str, list[str]] = defaultdict(list)
        self.asked = Counter()
        self.lock = threading.Lock()
        self.running = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.running.set()
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.server.folder / self.path.strip("/")
        with self.server.lock:
            self.server.asked[path.name] += 1
            pending = self.server.faults[path.name]
            fault = pending.pop(0) if pending else None
        if path.is_dir():
            links = "".join(f'<a href="{p.name}">{p.name}</a>' for p in path.iterdir())
            return self.answer(200, f"<html>{links}</html>".encode())
        if fault == "404" or not path.exists():
            return self.answer(404, b"<html>Not found</html>")
        if fault in ("429", "500"):
            return self.answer(int(fault), b"<html>Later</html>")
        body = path.read_bytes()
        if fault == "page":
            return self.answer(200, b"<!DOCTYPE html><p>Down for maintenance")
        if fault == "empty":
            return self.answer(200, b"")
        if fault == "short":
            return self.answer(200, body[: len(body) // 2 - 3])
        sent = body[: len(body) // 2] if fault in ("stall", "cut") else body
        extra = 10 if fault == "long" else 0
        return self.answer(200, sent, length=len(body) + extra, stall=fault == "stall")

    def answer(self, status, body, *, length=None, stall=False):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        if status == 429:
            self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(body)
        if stall:
            self.wfile.flush()
            self.server.running.wait(20)
        self.close_connection = True

    def log_message(self, *_):
        """Keep quiet."""


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)
