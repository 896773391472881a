import json
import re

import pytest

from fluxlib.archives.download import CHECKSUMS, Item, RetryPolicy, download_all, read_page
from fluxlib.errors import FluxError
from tests.helpers.archive_server import Archive, FtpArchive

QUICK = RetryPolicy(timeout=0.5, tries=3, pause=0.01)
BODY = b"data:\ntime,e2\n" + b"2014-01-01,1.5\n" * 5000
# The first block of a HDF5 file of version 2, with the address of the file's end.
BLOCK = b"\x89HDF\r\n\x1a\n\x02\x08\x08\x00" + bytes(16) + (len(BODY) + 48).to_bytes(20, "little")


@pytest.fixture
def archive(tmp_path):
    (tmp_path / "served").mkdir()
    for name in ("a.csv", "b.csv", "c.nc"):
        start = BLOCK if name.endswith("nc") else b""
        (tmp_path / "served" / name).write_bytes(start + BODY)
    server = Archive(tmp_path / "served")
    yield server
    server.close()


def get(archive, folder, *names, policy=QUICK, **options):
    items = [Item(f"{archive.url}/{name}", f"sub/{name}") for name in names]
    return download_all(items, folder, policy=policy, **options)


def test_files_come_whole_and_their_checksums_are_recorded(archive, tmp_path):
    calls = []
    result = get(archive, tmp_path, "a.csv", "c.nc", progress=lambda: calls.append(1))
    assert result.fetched == ["sub/a.csv", "sub/c.nc"]
    assert (tmp_path / "sub" / "a.csv").read_bytes() == BODY
    assert sorted(json.loads((tmp_path / CHECKSUMS).read_text())) == ["sub/a.csv", "sub/c.nc"]
    assert len(calls) == 2


def test_nothing_is_fetched_twice(archive, tmp_path):
    get(archive, tmp_path, "a.csv", "b.csv")
    result = get(archive, tmp_path, "a.csv", "b.csv")
    assert result.present == ["sub/a.csv", "sub/b.csv"]
    assert result.fetched == []
    assert archive.asked == {"a.csv": 1, "b.csv": 1}


@pytest.mark.parametrize("fault", ["stall", "cut", "429", "500", "long", "short", "page", "empty"])
@pytest.mark.parametrize("name", ["a.csv", "c.nc"])
def test_a_temporary_fault_is_overcome(archive, tmp_path, fault, name):
    archive.faults[name] = [fault]
    assert get(archive, tmp_path, name).fetched == [f"sub/{name}"]
    assert (tmp_path / "sub" / name).read_bytes().endswith(BODY)
    assert archive.asked[name] == 2


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("stall", "timed out|silent"),
        ("cut", "the answer breaks off"),
        ("500", "the server answers 500"),
        ("429", "the server answers 429"),
        ("long", "the answer breaks off"),
        ("short", "ends in the middle of a line"),
        ("page", "a web page, not the file"),
        ("empty", "the answer is empty"),
    ],
)
def test_a_lasting_fault_is_reported_and_leaves_no_file(archive, tmp_path, fault, reason):
    archive.faults["a.csv"] = [fault] * 9
    result = get(archive, tmp_path, "a.csv", "b.csv")
    assert result.fetched == ["sub/b.csv"]
    (failure,) = result.failed.values()
    assert re.search(reason, failure)
    assert [path.name for path in (tmp_path / "sub").iterdir()] == ["b.csv"]
    assert archive.asked["a.csv"] == QUICK.tries


def test_what_the_archive_does_not_have_is_absent_and_asked_for_once(archive, tmp_path):
    result = get(archive, tmp_path, "z.csv", "a.csv")
    assert result.absent == ["sub/z.csv"]
    assert result.failed == {}
    assert archive.asked["z.csv"] == 1


def test_a_file_that_has_moved_is_followed_but_not_for_ever(archive, tmp_path):
    archive.faults["a.csv"] = ["moved", "moved"]
    archive.faults["b.csv"] = ["moved"] * 50
    result = get(archive, tmp_path, "a.csv", "b.csv")
    assert result.fetched == ["sub/a.csv"]
    (reason,) = result.failed.values()
    assert reason == "the server redirects again and again"


def test_a_damaged_file_is_fetched_again(archive, tmp_path):
    get(archive, tmp_path, "a.csv")
    (tmp_path / "sub" / "a.csv").write_bytes(BODY[:100])
    assert get(archive, tmp_path, "a.csv").fetched == ["sub/a.csv"]
    assert (tmp_path / "sub" / "a.csv").read_bytes() == BODY


def test_a_file_whose_content_has_changed_on_the_server_is_not_accepted(archive, tmp_path):
    get(archive, tmp_path, "a.csv")
    (tmp_path / "sub" / "a.csv").unlink()
    (archive.folder / "a.csv").write_bytes(BODY + b"2014-01-02,1\n")
    (failure,) = get(archive, tmp_path, "a.csv").failed.values()
    assert "differs from the recorded checksum" in failure
    assert not (tmp_path / "sub" / "a.csv").exists()


def test_a_whole_file_without_a_recorded_checksum_is_kept(archive, tmp_path):
    get(archive, tmp_path, "a.csv")
    (tmp_path / CHECKSUMS).unlink()
    assert get(archive, tmp_path, "a.csv").present == ["sub/a.csv"]
    assert archive.asked["a.csv"] == 1
    assert list(json.loads((tmp_path / CHECKSUMS).read_text())) == ["sub/a.csv"]


def test_a_damaged_record_is_explained(archive, tmp_path):
    (tmp_path / CHECKSUMS).write_text("{")
    with pytest.raises(FluxError, match="not a record of checksums; delete it"):
        get(archive, tmp_path, "a.csv")


def test_a_last_line_without_an_end_is_whole_if_its_fields_are(archive, tmp_path):
    (archive.folder / "a.csv").write_bytes(BODY.rstrip(b"\n"))
    assert get(archive, tmp_path, "a.csv").fetched == ["sub/a.csv"]


def test_a_page_is_read_or_absent_or_an_error(archive):
    assert "a.csv" in read_page(archive.url, QUICK)
    assert read_page(f"{archive.url}/none", QUICK) is None
    archive.faults["a.csv"] = ["500"] * 9
    with pytest.raises(FluxError, match="the server answers 500"):
        read_page(f"{archive.url}/a.csv", QUICK)
    with pytest.raises(FluxError, match="try again later"):
        read_page("http://127.0.0.1:9", QUICK)


def renew(archive, folder):
    item = Item(f"{archive.url}/feed.json", "feed.json", changing=True)
    return download_all([item], folder, policy=QUICK)


@pytest.fixture
def feed(archive):
    path = archive.folder / "feed.json"
    path.write_text('[{"flux": 1}, {"flux": 2}]')
    return path


def test_a_changing_file_is_fetched_anew_and_has_no_checksum(archive, feed, tmp_path):
    renew(archive, tmp_path)
    feed.write_text('[{"flux": 3}]')
    assert renew(archive, tmp_path).fetched == ["feed.json"]
    assert (tmp_path / "feed.json").read_text() == '[{"flux": 3}]'
    assert not (tmp_path / CHECKSUMS).exists()


@pytest.mark.parametrize("fault", ["stall", "cut", "429", "500", "long", "short", "page", "empty"])
def test_a_temporary_fault_of_a_feed_is_overcome(archive, feed, tmp_path, fault):
    archive.faults["feed.json"] = [fault]
    assert renew(archive, tmp_path).fetched == ["feed.json"]
    assert (tmp_path / "feed.json").read_text() == feed.read_text()


@pytest.mark.parametrize("fault", ["stall", "cut", "429", "500", "long", "short", "page", "empty"])
def test_a_lasting_fault_of_a_feed_leaves_the_last_whole_one(archive, feed, tmp_path, fault):
    renew(archive, tmp_path)
    archive.faults["feed.json"] = [fault] * QUICK.tries
    assert list(renew(archive, tmp_path).failed) == [f"{archive.url}/feed.json"]
    assert (tmp_path / "feed.json").read_text() == feed.read_text()
    assert [path.name for path in tmp_path.glob("*feed*")] == ["feed.json"]


@pytest.mark.parametrize("body", ["{}", "[" * 100_000, "[1,"])
def test_a_feed_that_is_not_a_list_is_not_kept(archive, feed, tmp_path, body):
    feed.write_text(body)
    assert renew(archive, tmp_path).failed
    assert not (tmp_path / "feed.json").exists()


def test_a_feed_without_rows_is_absent(archive, feed, tmp_path):
    feed.write_text("[]")
    assert renew(archive, tmp_path).absent == ["feed.json"]
    assert not (tmp_path / "feed.json").exists()


@pytest.fixture
def ftp(archive):
    server = FtpArchive(archive.folder)
    yield server
    server.close()


def test_what_an_ftp_server_lacks_is_absent_and_asked_for_once(ftp, tmp_path):
    result = get(ftp, tmp_path, "z.csv", "a.csv")
    assert (result.absent, result.fetched) == (["sub/z.csv"], ["sub/a.csv"])
    assert (tmp_path / "sub" / "a.csv").read_bytes() == BODY
    assert ftp.asked["z.csv"] == 1


@pytest.mark.parametrize("fault", ["421", "530", "cut", "stall"])
def test_a_temporary_fault_of_an_ftp_server_is_overcome(ftp, tmp_path, fault):
    ftp.faults["a.csv"] = [fault]
    assert get(ftp, tmp_path, "a.csv").fetched == ["sub/a.csv"]
    assert (tmp_path / "sub" / "a.csv").read_bytes() == BODY
    assert ftp.asked["a.csv"] == 2


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("421", "421 Too many users"), ("cut", "the server hung up"), ("stall", "timed out")],
)
def test_a_lasting_fault_of_an_ftp_server_is_reported(ftp, tmp_path, fault, reason):
    ftp.faults["a.csv"] = [fault] * 9
    result = get(ftp, tmp_path, "a.csv", "b.csv")
    assert result.fetched == ["sub/b.csv"]
    assert result.failed == {f"{ftp.url}/a.csv": reason}
    assert ftp.asked["a.csv"] == QUICK.tries


def test_an_ftp_server_that_is_not_there_is_reported(tmp_path):
    item = Item("ftp://127.0.0.1:9/a.csv", "a.csv")
    (failure,) = download_all([item], tmp_path, policy=QUICK).failed.values()
    assert "Connection refused" in failure
