"""Whatever a server answers, a fetch ends soon, inside its folder, with files or one sentence.

``FLUX_SERVERS=100 ./run_all.sh test tests/faults/test_hostile_servers.py`` draws more servers than
CI does. Each answers every request in a way that is drawn, honestly in one of two cases.
"""

import os
import random
import threading
import time
import zlib
from functools import lru_cache
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from urllib.parse import unquote

import pytest

import fluxlib
from fluxlib.archives.download import RetryPolicy
from fluxlib.archives.sources import ARCHIVES
from fluxlib.errors import FluxError
from tests.helpers.archive_tree import lay_archives

SEEDS = range(int(os.environ.get("FLUX_SERVERS", "30")))
POLICY = RetryPolicy(timeout=0.3, tries=2, pause=0.01, most_bytes=20_000_000, slowest=1e4)
LONGEST = 60  # seconds: a few files, two tries each, none longer than twice the timeout
REQUESTS = [
    {"satellites": ["goes13"], "start": "2014-01", "end": "2014-01"},
    {"satellites": ["goes16"], "start": "2022-12", "end": "2022-12", "drivers": "omni2"},
    {"daily": True, "start": "2008-01", "end": "2008-12", "drivers": "omni2"},
    {"recent": True},
]
STATUS = ["204 No Content", "206 Partial", "304 Not Modified", "400 Bad", "401 Who", "403 No"]
STATUS += ["404 Not Found", "418 Teapot", "429 Later", "500 Oh", "503 Later", "600 What", "999 X"]
HEADERS = [
    "",
    "",
    "Retry-After: 999999999",
    "Retry-After: \xb2",
    "Retry-After: -5",
    "Retry-After: ",
]
HEADERS += [
    "Content-Encoding: gzip",
    "Content-Encoding: br, gzip",
    "Content-Type: text/html; a=\xff",
]
LENGTHS = ["-1", "0", "7", "1e9", "99999999999999999999", "x", "\xb2"]
PLACES = ["/", "//", "http://", "http://[", "http://[::1", "http://.example/", "file:///etc/passwd"]
PLACES += [
    "ftp://127.0.0.1:1/",
    "http://127.0.0.1:1/",
    "http://a" + "b" * 300 + "/",
    "\xff",
    "?" * 9000,
]
NAMES = ["../../outside.csv", "/etc/outside.nc", "..%2f..%2foutside.nc", "a" * 300 + ".nc", "\0.nc"]
NAMES += ["sci_mpsh-l2-avg5m_g16_d20221230_v99-0-0.nc", "sci_mpsh-l2-avg5m_g16_d20221330_v1.nc"]
GARBAGE = [
    b"",
    b"\0" * 5000,
    b"HTTP/9.9 hello\r\n\r\n",
    b"\xff" * 70_000,
    b"HTTP/1.1 200\r\nA" * 9000,
]


@lru_cache(maxsize=1)
def pack_blanks():
    """Return 400 MB of blanks, packed bit by bit, as it is our own memory that is measured."""
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    return b"".join(packer.compress(b" " * 1_000_000) for _ in range(400)) + packer.flush()


class Hostile(StreamRequestHandler):
    """Answers one request a connection."""

    def handle(self):
        try:
            path = unquote(self.rfile.readline().split()[1].decode("latin-1")).partition("?")[0]
            while self.rfile.readline().strip():
                pass
            kind = self.server.draw()
            getattr(self, kind)(self.server.read(path))
        except (OSError, IndexError):
            pass  # the client has gone

    def send(self, status, body=b"", *headers):
        lines = [f"HTTP/1.1 {status}", "Connection: close", *filter(None, headers)]
        self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def honest(self, body):
        if body is None:
            return self.send("404 Not Found")
        return self.send("200 OK", body, f"Content-Length: {len(body)}")

    def status(self, body):
        self.send(self.pick(STATUS), body or b"<html>", self.pick(HEADERS), self.pick(HEADERS))

    def length(self, body):
        self.send("200 OK", body or b"text", f"Content-Length: {self.pick(LENGTHS)}")

    def elsewhere(self, body):
        self.send(
            self.pick(["301 Moved", "302 Found", "307 Away"]), b"", f"Location: {self.pick(PLACES)}"
        )

    def changed(self, body):
        rng, body = self.server.rng, bytearray(body or b"<html>nothing</html>")
        for _ in range(rng.randint(1, 50)):
            body[rng.randrange(len(body))] = rng.randrange(256)
        body = body[: rng.randrange(len(body) + 1)] if rng.random() < 0.5 else body
        self.send("200 OK", bytes(body), f"Content-Length: {len(body)}")

    def listing(self, body):
        links = "".join(f'<a href="{name}">{name}</a>\n' for name in NAMES)
        self.send("200 OK", f"<html>{links}</html>".encode("latin-1"))

    def garbage(self, body):
        self.wfile.write(self.pick(GARBAGE))

    def chunks(self, body):
        sizes = self.pick([b"-5", b"zz", b"fffffffffffffffffff", b"5", b""])
        self.send("200 OK", sizes + b"\r\nabc\r\n", "Transfer-Encoding: chunked")

    def endless(self, body):
        self.send(self.pick(["200 OK", "400 Bad", "404 Not Found", "500 Oh"]), body or b"<html>")
        while not self.server.closing.is_set():
            self.wfile.write(b" 2014 1 1\n" * 10_000)

    def bomb(self, body):
        self.send(self.pick(["200 OK", "400 Bad"]), pack_blanks(), "Content-Encoding: gzip")

    def drip(self, body):
        self.send("200 OK")
        while not self.server.closing.wait(0.05):
            self.wfile.write(b"<")
            self.wfile.flush()

    def pick(self, choices):
        return self.server.rng.choice(choices)


KINDS = ["status", "length", "elsewhere", "changed", "listing", "garbage", "chunks", "endless"]
KINDS += ["bomb", "drip"]


class HostileArchive(ThreadingTCPServer):
    """Serves a folder, and draws how from a seed."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, folder, seed):
        super().__init__(("127.0.0.1", 0), Hostile)
        self.folder, self.rng, self.told = folder, random.Random(seed), []
        self.closing = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def draw(self):
        kind = self.rng.choice(KINDS) if self.rng.random() < 0.5 else "honest"
        self.told.append(kind)
        return kind

    def read(self, path):
        place = self.folder / path.strip("/")
        if place.is_dir():
            return "".join(f'<a href="{p.name}">{p.name}</a>' for p in place.iterdir()).encode()
        return place.read_bytes() if place.is_file() else None

    def close(self):
        self.closing.set()
        self.shutdown()
        self.server_close()


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return lay_archives(tmp_path_factory.mktemp("archives"))


def find_memory():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmRSS"))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_fetch_from_a_hostile_server_ends_well(tree, tmp_path, seed):
    server = HostileArchive(tree, seed)
    bases = {name: f"{server.url}/{name}" for name in ARCHIVES}
    words = random.Random(seed).choice(REQUESTS)
    around = tmp_path / "around"
    around.mkdir()
    began, before = time.monotonic(), find_memory()
    try:
        fluxlib.fetch(
            around / "set", bases=bases, policy=POLICY, progress=False, workers=2, **words
        )
        message = ""
    except FluxError as error:
        message = str(error)
    finally:
        server.close()
    assert len(message.splitlines()) < 2, server.told
    assert len(message) < 2000, server.told
    assert time.monotonic() - began < LONGEST, server.told
    assert find_memory() - before < 150, server.told  # MB
    assert {path.name for path in around.iterdir()} <= {"set"}, server.told
    assert not list(around.rglob(".writing-*")), server.told
