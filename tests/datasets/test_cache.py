import os

import pandas as pd
import pytest

from fluxlib.datasets import cache


@pytest.fixture
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("FLUX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def make_table():
    index = pd.date_range("2014-01-01", periods=4, freq="1h", name="time")
    return pd.DataFrame({"e2": [1.0, None, 3.0, 4.0]}, index=index)


def test_what_is_remembered_is_recalled(own_cache):
    key = cache.hash_parts("a")
    assert cache.recall(key) is None
    cache.remember(key, {"flux-goes13": make_table()})
    back = cache.recall(key)
    assert list(back) == ["flux-goes13"]
    pd.testing.assert_frame_equal(back["flux-goes13"], make_table())


def test_remembering_twice_keeps_the_first_and_leaves_nothing_behind(own_cache):
    cache.remember("key", {"flux": make_table()})
    cache.remember("key", {"flux": make_table() * 2})
    assert cache.recall("key")["flux"]["e2"].iloc[0] == 1
    assert os.listdir(own_cache) == ["key"]


def test_a_folder_that_was_not_finished_counts_as_absent(own_cache):
    cache.remember("key", {"flux": make_table()})
    (own_cache / "key" / cache.DONE).unlink()
    assert cache.recall("key") is None


def test_a_damaged_table_counts_as_absent_and_is_replaced(own_cache):
    cache.remember("key", {"flux": make_table()})
    (own_cache / "key" / "flux.parquet").write_bytes(b"PAR1 damaged")
    assert cache.recall("key") is None
    cache.remember("key", {"flux": make_table()})
    pd.testing.assert_frame_equal(cache.recall("key")["flux"], make_table())


def test_keys_differ_by_every_part_and_by_where_one_ends():
    keys = {cache.hash_parts("ab", "c"), cache.hash_parts("a", "bc"), cache.hash_parts("abc")}
    assert len(keys) == 3
    assert cache.hash_parts("ab", "c") in keys


def test_the_hash_follows_content_and_name_not_place(own_cache, tmp_path):
    hashes = []
    for folder, name, text in [("a", "x", "1"), ("b", "x", "1"), ("c", "x", "2"), ("d", "y", "1")]:
        path = tmp_path / folder / name
        path.parent.mkdir()
        path.write_text(text)
        hashes.append(cache.hash_files(path.parent, [path]))
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3


def test_a_changed_file_gets_another_hash_though_the_old_one_is_noted(own_cache, tmp_path):
    path = tmp_path / "file"
    path.write_text("1")
    before = cache.hash_files(tmp_path, [path])
    assert cache.hash_files(tmp_path, [path]) == before
    path.write_text("22")
    assert cache.hash_files(tmp_path, [path]) != before


def test_a_damaged_note_of_hashes_is_made_anew(own_cache, tmp_path):
    path = tmp_path / "file"
    path.write_text("1")
    before = cache.hash_files(tmp_path, [path])
    for damage in ("{", "[]", '{"x": 1}'):
        (own_cache / "hashes.json").write_text(damage.replace("x", str(path)))
        assert cache.hash_files(tmp_path, [path]) == before
