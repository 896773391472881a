"""Stand-ins for the archives: an HTTP and an FTP server over a folder that can misbehave."""

import socket
import threading
import time
from collections import Counter, defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer


class _Folder:
    """Serves a folder; `faults[name]` lists the faults of the next answers for that file."""

    daemon_threads = True

    def __init__(self, folder: Path):
        super().__init__(("127.0.0.1", 0), self.handler)
        self.folder = folder
        self.faults: dict[str, list[str]] = defaultdict(list)
        self.asked = Counter()
        self.lock = threading.Lock()
        self.running = threading.Event()
        self.url = f"{self.scheme}://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def take_fault(self, name: str) -> str | None:
        with self.lock:
            self.asked[name] += 1
            pending = self.faults[name]
            return pending.pop(0) if pending else None

    def close(self) -> None:
        self.running.set()
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.server.folder / self.path.strip("/")
        fault = self.server.take_fault(path.name)
        if path.is_dir():
            links = "".join(f'<a href="{p.name}">{p.name}</a>' for p in path.iterdir())
            return self.answer(200, f"<html>{links}</html>".encode())
        if fault == "404" or not path.exists():
            return self.answer(404, b"<html>Not found</html>")
        if fault in ("429", "500"):
            return self.answer(int(fault), b"<html>Later</html>")
        if fault == "moved":  # to where it is honest, unless that has moved again
            return self.answer(302, b"<html>Moved</html>", location=f"/./{self.path.strip('/')}")
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

    def answer(self, status, body, *, length=None, stall=False, location=None):
        self.send_response(status)
        if location is not None:
            self.send_header("Location", location)
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
        """Log nothing."""


class Archive(_Folder, ThreadingHTTPServer):
    handler, scheme = _Handler, "http"


class _FtpHandler(StreamRequestHandler):
    """What an anonymous, passive, binary download needs of RFC 959."""

    def handle(self):
        self.reply("220 Ready")
        for line in self.rfile:
            word, _, path = line.decode().strip().partition(" ")
            if word == "PASV":
                self.listen()
            elif word == "RETR" and not self.send(self.server.folder / path.strip("/")):
                return
            elif word != "RETR":
                self.reply({"QUIT": "221 Goodbye", "USER": "230 Welcome"}.get(word, "200 OK"))

    def reply(self, text):
        self.wfile.write(f"{text}\r\n".encode())

    def listen(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            high, low = divmod(listener.getsockname()[1], 256)
            self.reply(f"227 Entering Passive Mode (127,0,0,1,{high},{low})")
            self.data = listener.accept()[0]

    def send(self, path):
        """Answer a request for a file; return whether the connection stays."""
        fault = self.server.take_fault(path.name)
        with self.data:
            if fault in ("421", "530"):
                self.reply(f"{fault} Too many users")
                return False
            if not path.exists():
                self.reply("550 No such file")
                return True
            self.reply("150 Opening data connection")
            body = path.read_bytes()
            self.data.sendall(body[: len(body) // 2] if fault else body)
            if fault == "stall":
                self.server.running.wait(20)
        if not fault:
            self.reply("226 Transfer complete")
        return not fault


class FtpArchive(_Folder, ThreadingTCPServer):
    handler, scheme = _FtpHandler, "ftp"


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition was not met in time"
        time.sleep(0.01)
