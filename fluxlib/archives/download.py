"""Download files: only whole ones are kept, none is fetched twice, and a killed run goes on."""

import ftplib
import hashlib
import io
import json
import random
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urljoin, urlsplit

import requests
import tenacity
import urllib3

from fluxlib.errors import FluxError
from fluxlib.utils.files import atomic_path, write_text

CHECKSUMS = "checksums.json"
CHUNK = 2**14  # bytes, of which a thousand times as many may come out when they are unpacked
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Too many requests, or trouble on the server's side: another try may succeed.
RETRY_STATUS = (408, 425, 429, 500, 502, 503, 504)
ABSENT_STATUS = (404, 410)
MOST_REDIRECTIONS = 5
MOST_LETTERS = 300  # of what a server or a library says of a failure
# A HAPI server's answer when all of the time that is asked for is outside its dataset.
OUTSIDE_STATUS, _HAPI_OUTSIDE = 400, re.compile(rb'"code"\s*:\s*1405\b')
_HAPI_NO_DATA = re.compile(rb'"code"\s*:\s*1201\b')


@dataclass(frozen=True)
class Item:
    """A file to fetch: its address, and its place below the dataset's folder.

    A `changing` file is fetched anew each time, and its checksum is not kept. What arrives is
    checked by the ending of `path`; a HAPI server's answer is below `hapi/`.
    """

    url: str
    path: str
    changing: bool = False


@dataclass
class FetchResult:
    """Paths that were fetched, were present already, or are absent from the archive; failures.

    `failed` has a reason by address.
    """

    fetched: list[str] = field(default_factory=list)
    present: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


class _Absent(Exception):  # noqa: N818 - it never leaves this module
    """The archive has no such file, or a feed has no row now."""


class _BrokenFile(Exception):  # noqa: N818 - it never leaves this module
    """What arrived is not the file that was asked for; another try may succeed."""


class _RefusedError(OSError):
    """What arrived will not be taken, however often it is asked for."""


@dataclass(frozen=True)
class RetryPolicy:
    """How often a file is tried, and how long a server is waited for.

    Attributes
    ----------
    timeout : float
        Seconds without an answer after which a try ends.
    tries : int
    pause : float
        Seconds before the second try; doubled for each one after it.
    most_bytes : int
        The size, once unpacked, above which a file is not taken: a month of 1-minute rows has some
        10 MB, a year of them below 200.
    slowest : float
        Bytes a second, in the mean of a file, below which a try ends after twice the timeout.
    """

    timeout: float = 30.0
    tries: int = 5
    pause: float = 1.0
    most_bytes: int = 2**29
    slowest: float = 1000.0


def download_all(
    items: Iterable[Item],
    folder: Path,
    *,
    policy: RetryPolicy,
    workers: int = 4,
    progress: Callable[[], None] = lambda: None,
) -> FetchResult:
    """Download items to a folder, several at once; `progress` is called after each.

    A file that is there is compared with the checksum that was recorded when it was fetched, and
    fetched again only if it differs.

    Raises
    ------
    FluxError
        If the record of checksums cannot be read.
    """
    checksums = _Checksums(folder)
    result = FetchResult()

    def fetch_one(item: Item) -> None:
        try:
            if not item.changing and checksums.match(item.path):
                result.present.append(item.path)
                checksums.record(item.path)
            else:
                found = _retry(lambda: _download(item, folder, checksums, policy), policy)
                (result.fetched if found else result.absent).append(item.path)
        except (OSError, _BrokenFile) as error:
            result.failed[item.url] = _explain(error)
        progress()

    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(fetch_one, item) for item in items]
        try:
            for future in futures:
                future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    for paths in (result.fetched, result.present, result.absent):
        paths.sort()
    return result


def read_page(url: str, policy: RetryPolicy) -> str | None:
    """Return the text of a page, such as a folder's listing; None if the server has none.

    Raises
    ------
    FluxError
        If the server cannot be reached or fails after all tries.
    """

    def get() -> str | None:
        page = io.BytesIO()
        try:
            _read_http(url, page, policy)
        except _Absent:
            return None
        return page.getvalue().decode("utf-8", errors="replace")

    try:
        return _retry(get, policy)
    except (OSError, _BrokenFile) as error:
        raise FluxError(f"{url}: {_explain(error)}; try again later.") from None


class _Checksums:
    """The checksums of the files of a folder, written after each file so that none is lost."""

    def __init__(self, folder: Path):
        self._path = folder / CHECKSUMS
        self._lock = threading.Lock()
        self._folder = folder
        try:
            self._sums = dict(json.loads(self._path.read_text()))
        except FileNotFoundError:
            self._sums = {}
        except (ValueError, TypeError):
            raise FluxError(
                f"{self._path}: not a record of checksums; delete it to have one made anew."
            ) from None

    def match(self, path: str, file: Path | None = None) -> bool:
        """Tell whether a file is there and is what was recorded for a path, if anything was."""
        file = file or self._folder / path
        return file.exists() and self._sums.get(path) in (None, _hash(file))

    def record(self, path: str) -> None:
        checksum = _hash(self._folder / path)
        with self._lock:
            if self._sums.get(path) != checksum:
                self._sums[path] = checksum
                write_text(self._path, json.dumps(self._sums, indent=0, sort_keys=True))


def _hash(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _download(item: Item, folder: Path, checksums: _Checksums, policy: RetryPolicy) -> bool:
    """Download an item once; return whether the archive has it."""
    read = {"http": _read_http, "https": _read_http, "ftp": _read_ftp}[urlsplit(item.url).scheme]
    try:
        with atomic_path(folder / item.path) as temporary:
            with temporary.open("wb") as file:
                read(item.url, file, policy)
            _check_whole(temporary, item.path)
            if not item.changing and not checksums.match(item.path, temporary):
                # Not a fault that another try would mend.
                raise OSError("the content differs from the recorded checksum")
    except _Absent:
        return False
    if not item.changing:
        checksums.record(item.path)
    return True


class _Writer:
    """Writes what arrives, up to a size, and not for ever."""

    def __init__(self, file: BinaryIO, policy: RetryPolicy):
        self._file, self._policy = file, policy
        self._size, self._start = 0, time.monotonic()

    def write(self, chunk: bytes) -> None:
        self._size += len(chunk)
        seconds = time.monotonic() - self._start
        if self._size > self._policy.most_bytes:
            raise _RefusedError(f"the answer has more than {self._policy.most_bytes} bytes")
        if seconds > 2 * self._policy.timeout and self._size < seconds * self._policy.slowest:
            raise _BrokenFile(f"the server sends {self._size / seconds:.0f} bytes a second")
        self._file.write(chunk)


def _read_http(url: str, file: BinaryIO, policy: RetryPolicy) -> None:
    with _open_http(url, policy) as answer:
        if answer.status_code in ABSENT_STATUS:
            raise _Absent
        reason = io.BytesIO()
        writer = _Writer(reason if answer.status_code == OUTSIDE_STATUS else file, policy)
        try:
            if answer.ok or answer.status_code == OUTSIDE_STATUS:
                # What there is, each time: to wait for a full chunk may be to wait for ever.
                while chunk := answer.raw.read1(CHUNK, decode_content=True):
                    writer.write(chunk)
        except urllib3.exceptions.HTTPError as error:
            silent = isinstance(error, urllib3.exceptions.TimeoutError)
            raise _BrokenFile(
                "the server is silent" if silent else "the answer breaks off"
            ) from error
        if _HAPI_OUTSIDE.search(reason.getvalue()):
            raise _Absent
        answer.raise_for_status()


class _Session(requests.Session):
    """A session that leaves redirections alone: requests reads what comes with them to its end."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return no address."""


def _open_http(url: str, policy: RetryPolicy) -> requests.Response:
    """Ask for an address, and follow where it leads."""
    with _Session() as session:
        for _ in range(MOST_REDIRECTIONS):
            try:
                answer = session.get(url, stream=True, timeout=policy.timeout)
                if not answer.is_redirect:
                    return answer
                answer.close()
                url = urljoin(url, answer.headers["location"])
                scheme = urlsplit(url).scheme
            except ValueError as error:
                if isinstance(error, requests.RequestException):
                    raise
                raise _BrokenFile("the server redirects to an address that is none") from None
            if scheme not in ("http", "https"):
                raise _BrokenFile("the server redirects to an address that is not of the web")
    raise _BrokenFile("the server redirects again and again")


def _read_ftp(url: str, file: BinaryIO, policy: RetryPolicy) -> None:
    parts = urlsplit(url)
    try:
        with ftplib.FTP(timeout=policy.timeout) as server:
            server.connect(parts.hostname or "", parts.port or ftplib.FTP_PORT)
            server.login()
            server.retrbinary(f"RETR {parts.path}", _Writer(file, policy).write, CHUNK)
    except (ftplib.Error, EOFError, ConnectionError, socket.gaierror) as error:
        if str(error).startswith("550"):
            raise _Absent from None
        # Any other refusal may pass: servers that are full reply 421, 530, or nothing at all.
        raise _BrokenFile(str(error) or "the server hung up") from error


def _check_whole(path: Path, place: str) -> None:
    """Raise if a file ends early, or is not what its place in the dataset says."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(2**16).removeprefix(BYTE_ORDER_MARK)
        file.seek(max(0, size - 5000))
        tail = file.read()
    if not head.strip() and not tail.strip():
        if place.startswith("hapi/"):  # as iSWA says that there is no row, whatever was asked for
            raise _Absent
        raise _BrokenFile("the answer is empty")
    if head[:512].lstrip()[:1] == b"<":
        raise _BrokenFile("the answer is a web page, not the file")
    if place.startswith("hapi/"):
        _check_hapi(head, size)
        _check_last_line(tail, b",")
    elif place.endswith(".nc"):
        _check_hdf5(head, size)
    elif place.endswith(".json"):
        _check_json(path.read_bytes())
    elif place.endswith(".csv"):
        if not re.search(rb"^data:", head, re.MULTILINE):
            raise _BrokenFile("the answer has no line 'data:', as NCEI's files have")
        _check_last_line(tail, b",")
    else:
        if not re.search(rb"^[ \t]*\d{4}[ \t]+\d", head, re.MULTILINE):
            raise _BrokenFile("the answer has no row that begins with a year")
        _check_last_line(tail, None)


def _check_hapi(head: bytes, size: int) -> None:
    """Raise if an answer has no header of HAPI's; one without data is as good as absent."""
    if _HAPI_NO_DATA.search(head):
        raise _Absent
    if not head.startswith(b"#"):
        raise _BrokenFile("the answer has no HAPI header")
    if size < len(head) + 1 and all(line.startswith(b"#") for line in head.splitlines()):
        raise _Absent


def _check_hdf5(head: bytes, size: int) -> None:
    """Raise if a netCDF 4 file, which is HDF5, is shorter than its first block says."""
    if not head.startswith(b"\x89HDF\r\n\x1a\n") or len(head) < 48:
        raise _BrokenFile("the answer is not a netCDF file")
    # The end's address: "Disk Format: Level 0A - Format Signature and Superblock".
    place = 28 if head[8] >= 2 else 40
    if int.from_bytes(head[place : place + 8], "little") > size:
        raise _BrokenFile("the answer ends before the netCDF file does")


def _check_json(body: bytes) -> None:
    """Raise if a feed is not a whole list of rows, or has none."""
    try:
        rows = json.loads(body)
    except (ValueError, RecursionError):
        raise _BrokenFile("the answer is not whole JSON") from None
    if not isinstance(rows, list):
        raise _BrokenFile("the answer is not a list of rows")
    if not rows:
        raise _Absent


def _check_last_line(tail: bytes, delimiter: bytes | None) -> None:
    """Raise if the last line has no line end and not the fields of the line before it."""
    lines = tail.splitlines()
    if not tail.endswith(b"\n") and len(lines) > 1:
        counts = [len(line.split(delimiter)) for line in lines[-2:]]
        if counts[0] != counts[1]:
            raise _BrokenFile("the answer ends in the middle of a line")


def _retry(get: Callable, policy: RetryPolicy):
    """Call a function until it succeeds, with growing pauses, where another try may help."""

    def wait(state: tenacity.RetryCallState) -> float:
        # Some randomness, so that several workers do not return at the same moment.
        pause = policy.pause * 2 ** (state.attempt_number - 1) * random.uniform(0.75, 1.25)
        return max(pause, min(_read_retry_after(state.outcome.exception()), 60 * policy.pause))

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(_may_pass),
        stop=tenacity.stop_after_attempt(policy.tries),
        wait=wait,
        reraise=True,
    )(get)


def _may_pass(error: BaseException) -> bool:
    if isinstance(error, requests.HTTPError):
        return error.response.status_code in RETRY_STATUS
    return isinstance(error, (_BrokenFile, requests.RequestException, TimeoutError))


def _read_retry_after(error: BaseException) -> float:
    response = getattr(error, "response", None)
    text = response.headers.get("Retry-After", "") if response is not None else ""
    return float(text) if text.isdecimal() else 0.0


def _explain(error: Exception) -> str:
    if isinstance(error, requests.HTTPError):
        return f"the server answers {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return "the server is silent"
    text = (str(error).splitlines() or [type(error).__name__])[0]
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]} ..."
