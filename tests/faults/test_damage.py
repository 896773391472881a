"""What a full disk, a bad sector or a careless program does to results, and the next call mends.

``FLUX_DAMAGES=200 ./run_all.sh test tests/faults`` damages more often than CI does.
"""

import os
import random

import pytest

from tests.helpers.notebooks import run_toys, write_step

DAMAGES = int(os.environ.get("FLUX_DAMAGES", "6"))
KINDS = ("truncate", "empty", "flip", "remove")


def damage(path, kind, rng):
    """Damage a file in one way; a flipped bit leaves size and time, as a bad disk does."""
    content = path.read_bytes()
    stat = path.stat()
    if kind == "remove":
        path.unlink()
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "truncate":
        path.write_bytes(content[: rng.randrange(len(content))])
    else:
        place = rng.randrange(len(content))
        flipped = bytes([content[place] ^ (1 << rng.randrange(8))])
        path.write_bytes(content[:place] + flipped + content[place + 1 :])
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def read_results(folder):
    """Return all that counts as a result of the run, by path."""
    places = [folder / "reports" / "toy", folder / "figures" / "toy"]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in files
        if path.suffix in (".json", ".parquet", ".png") and not path.name.startswith(("runs", "."))
    }


@pytest.fixture
def toys(tmp_path):
    write_step(tmp_path, "01_a", "save(1)")
    write_step(tmp_path, "02_b", 'save(read("01_a") + 1)', needs=["01_a"])
    return tmp_path


@pytest.mark.slow
def test_whatever_file_is_damaged_the_next_call_ends_with_equal_results(toys):
    rng = random.Random(0)
    first, _ = run_toys(toys)
    assert first.failures == []
    expected = read_results(toys)
    assert len(expected) == 2
    for number in range(DAMAGES):
        kind = KINDS[number % len(KINDS)]
        files = [
            path
            for path in sorted((toys / "reports").rglob("*"))
            if path.is_file() and path.stat().st_size and "lock" not in path.name
        ]
        path = rng.choice(files)
        damage(path, kind, rng)
        result, _ = run_toys(toys)
        assert result.failures == [], (kind, path)
        assert read_results(toys) == expected, (kind, path)
