import json

import pytest

from fluxlib.errors import FluxError
from fluxlib.reports.publish import publish


@pytest.fixture(scope="module")
def server():
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def store(server, monkeypatch):
    """Lend an S3 of this machine's own, with an empty bucket."""
    import s3fs

    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3fs.S3FileSystem.clear_instance_cache()
    store = s3fs.S3FileSystem()
    store.mkdir("bucket")
    yield store
    store.rm("bucket", recursive=True)
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def report(tmp_path):
    for name, text in {
        "reports/toy/index.html": "first",
        "reports/toy/01_a.html": "a page",
        "reports/toy/tables/01_a_t.parquet": "a table",
        "reports/toy/.lock": "",
        "figures/toy/01_a_x.png": "a picture",
        "figures/other/01_a_x.png": "of another dataset",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def publish_toy(root, url="s3://bucket/some/place"):
    return publish([root / "reports" / "toy", root / "figures" / "toy"], url, root=root)


def list_names(store):
    prefix = "bucket/some/place/"
    return {name.removeprefix(prefix) for name in store.find("bucket", refresh=True)}


NAMES = {
    "reports/toy/index.html",
    "reports/toy/01_a.html",
    "reports/toy/tables/01_a_t.parquet",
    "figures/toy/01_a_x.png",
    "published.json",
}


@pytest.mark.slow
def test_a_report_and_its_figures_keep_their_places(report, store):
    assert publish_toy(report) == "4 of 4 files, s3://bucket/some/place"
    assert list_names(store) == NAMES
    assert store.cat("bucket/some/place/figures/toy/01_a_x.png") == b"a picture"


@pytest.mark.slow
def test_only_what_changed_is_copied_again_and_what_is_gone_is_removed(report, store):
    publish_toy(report)
    (report / "reports/toy/01_a.html").write_text("another page")
    (report / "figures/toy/01_a_x.png").unlink()
    assert publish_toy(report).startswith("1 of 3 files")
    assert list_names(store) == NAMES - {"figures/toy/01_a_x.png"}
    assert store.cat("bucket/some/place/reports/toy/01_a.html") == b"another page"
    assert publish_toy(report).startswith("0 of 3 files")


@pytest.mark.slow
def test_what_others_published_there_stays(report, store):
    publish_toy(report)
    publish([report / "figures" / "other"], "s3://bucket/some/place", root=report)
    assert publish_toy(report).startswith("0 of 4 files")
    assert list_names(store) == NAMES | {"figures/other/01_a_x.png"}


@pytest.mark.slow
def test_a_bucket_that_is_not_there_is_named(report, store):
    with pytest.raises(FluxError, match=r"--publish is 's3://absent/x', which cannot be written"):
        publish_toy(report, "s3://absent/x")


def test_a_mounted_folder_serves_as_well_and_the_index_comes_last(report, tmp_path):
    publish_toy(report, f"file://{tmp_path}/mounted")
    there = tmp_path / "mounted"
    assert (there / "reports/toy/tables/01_a_t.parquet").read_text() == "a table"
    record = json.loads((there / "published.json").read_text())
    assert set(record) == NAMES - {"published.json"}
    times = {name: (there / name).stat().st_mtime_ns for name in NAMES}
    assert sorted(times, key=times.get)[-2:] == ["reports/toy/index.html", "published.json"]


def test_an_unknown_kind_of_place_is_told(report):
    with pytest.raises(FluxError, match=r"--publish is 'nowhere://x'.*nowhere"):
        publish_toy(report, "nowhere://x")
