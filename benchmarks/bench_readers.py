"""How fast native files become tables: against parsers alone, cold, and from the cache.

    python benchmarks/bench_readers.py [years] [folder]

The simulator's fleet, about two satellites at a time, for 18 years at 5 min, with drivers as OMNI
HRO, is written to the folder (kept, if named) in native formats. Ratios come from one process
that takes turns between ours and theirs; memory is the peak of a process that only loads.
"""

import gzip
import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv
from timing import read_peak, time_call

import fluxlib


def write_files(folder, years):
    """Write the dataset once, and its drivers unzipped, as a parser alone would want them."""
    if not (folder / "set").exists():
        made = fluxlib.simulate("1999-01-01", f"{1999 + years}-01-01", "5min", seed=1)
        fluxlib.write_dataset(made, folder / "set")
    plain = []
    for zipped in sorted((folder / "set" / "omni-hro").glob("*.asc.gz")):
        plain.append(folder / zipped.stem)
        plain[-1].write_bytes(gzip.decompress(zipped.read_bytes()))
    return sorted((folder / "set").glob("goes*/g*.csv")), plain


def compare(files, ours, theirs):
    """Return seconds of ours and of theirs for all files, each the best of three, in turns."""
    totals = [0.0, 0.0]
    for path in files:
        times = [[], []]
        for _ in range(3):
            for place, read in enumerate((ours, theirs)):
                times[place].append(time_call(partial(read, path))[0])
        totals = [total + min(those) for total, those in zip(totals, times, strict=True)]
    return totals


def parse_csv(path):
    """Only parse what follows the preamble of a NCEI file."""
    body = path.read_bytes()
    start = body.index(b"\n", body.index(b"data:")) + 1
    pa.csv.read_csv(pa.BufferReader(body[start:]))


def split_at_blanks(path):
    pd.read_csv(path, sep=r"\s+", header=None)


def load_elsewhere(folder, cache):
    """Return seconds and GiB of a process that loads the dataset."""
    environment = os.environ | {"FLUX_CACHE": str(cache)}
    command = [sys.executable, __file__, "load", str(folder)]
    result = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return [float(word) for word in result.stdout.split()]


def measure(folder, years):
    csv, omni = write_files(folder, years)
    size = sum(path.stat().st_size for path in csv) / 1e6
    ours, theirs = compare(csv, fluxlib.read_goes, parse_csv)
    print(
        f"NCEI CSV, {size:.0f} MB: {ours:.2f} s, pyarrow alone {theirs:.2f} s: {ours / theirs:.2f}x"
    )
    size = sum(path.stat().st_size for path in omni) / 1e6
    ours, theirs = compare(omni, fluxlib.read_omni, split_at_blanks)
    print(f"OMNI HRO, {size:.0f} MB: {ours:.2f} s, pandas {theirs:.2f} s: {ours / theirs:.2f}x")
    for kind in ("cold", "warm"):
        seconds, memory = load_elsewhere(folder / "set", folder / "cache")
        print(f"load at 5 min, {kind}: {seconds:.2f} s, peak {memory:.2f} GiB")


def main():
    if sys.argv[1:2] == ["load"]:
        seconds, _loaded = time_call(partial(fluxlib.load, sys.argv[2], "5min"))
        print(seconds, read_peak())
        return
    years = int(sys.argv[1]) if len(sys.argv) > 1 else 18
    if len(sys.argv) > 2:
        Path(sys.argv[2]).mkdir(parents=True, exist_ok=True)
        measure(Path(sys.argv[2]), years)
    else:
        with tempfile.TemporaryDirectory() as temporary:
            measure(Path(temporary), years)


if __name__ == "__main__":
    main()
