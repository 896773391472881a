"""Commands that make something from a dataset: the record, a forecaster, a forecast, scores."""

import argparse
import hashlib
from pathlib import Path

from fluxlib.commands.notebooks import ensure_sample


def fetch(options: argparse.Namespace) -> int:
    """Get a dataset from the archives."""
    from fluxlib.archives.fetch import fetch_from_arguments

    return fetch_from_arguments(options.rest)


def make_record(options: argparse.Namespace) -> int:
    """Make the reference record of a dataset, unless it is there already; print where it is."""
    from fluxlib.datasets.loading import dataset_key, load
    from fluxlib.datasets.manifest import read_manifest
    from fluxlib.errors import FluxError
    from fluxlib.record import make_record as make
    from fluxlib.record import read_record
    from fluxlib.reports.record_page import PAGE, write_record_page
    from fluxlib.utils.time_grid import HOUR
    from fluxlib.workflow.notebooks import PROJECT, hash_code

    folder = options.data or ensure_sample()
    manifest = read_manifest(folder)
    out = options.out or PROJECT / "records" / manifest.name
    parts = [dataset_key(manifest), hash_code(), str(options.max_gap)]
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    try:
        if read_record(out).about.get("key") == key and (out / PAGE).is_file():
            print(f"Nothing has changed. Record: {out / PAGE}")
            return 0
    except FluxError:
        pass  # none yet, or damaged
    is_fine = any(entry.cadence and entry.cadence < HOUR for entry in manifest.flux)
    record = make(
        load(folder, "1h"),
        fine=load(folder, "5min") if is_fine else None,
        max_gap=options.max_gap,
        progress=lambda line: print(line, flush=True),
    )
    record.about["key"] = key
    record.write(out)
    print(f"Record: {write_record_page(record, out)}")
    return 0


def train_forecaster(options: argparse.Namespace) -> int:
    """Train the forecaster of a dataset for `forecast_now`."""
    from fluxlib.datasets.loading import load
    from fluxlib.live import train_bundle
    from fluxlib.workflow.notebooks import PROJECT

    dataset = load(options.data or ensure_sample(), "1h")
    out = options.out or PROJECT / "models" / dataset.name
    more = {"members": options.members} if options.members else {}
    about = train_bundle(dataset, out, **more).about
    print(f"Learned from {about['days']} days, {about['first']} to {about['last']}: {out}")
    return 0


def forecast_now(options: argparse.Namespace) -> int:
    """Forecast from the newest days, keep the forecast, score the earlier ones, write the page."""
    from filelock import FileLock

    from fluxlib.live import issue_newest, load_bundle
    from fluxlib.reports.live_page import write_live_page
    from fluxlib.workflow.notebooks import PROJECT

    bundle = load_bundle(options.model or _find_model(PROJECT / "models"))
    out = options.out or PROJECT / "live"
    out.mkdir(parents=True, exist_ok=True)
    with FileLock(out / ".lock"):
        issue = issue_newest(bundle, out, data=options.data)
        page = write_live_page(out / "index.html", bundle, issue)
    for line in [issue.reason] if issue.table is None else _list_forecast(issue.table):
        print(line)
    print(f"Page: {page}")
    return 0


def _list_forecast(table) -> list[str]:
    return [
        f"{day:%Y-%m-%d}  {row['value']:.1e}  ({row['lower']:.1e} to {row['upper']:.1e})  "
        f"alert {row['alert']:.0%}"
        for day, row in table.iterrows()
    ]


def _find_model(folder: Path) -> Path:
    """Return the one trained forecaster that there is."""
    from fluxlib.errors import FluxError

    found = sorted(path.parent for path in folder.glob("*/bundle.json"))
    if len(found) != 1:
        there = ", ".join(path.name for path in found) or "none"
        raise FluxError(
            f"{folder} has {there}; train one with ./run_all.sh train, or name it with --model."
        )
    return found[0]


def score_predictions(options: argparse.Namespace) -> int:
    """Score a file on a task; without a file, write the times that it asks for."""
    from fluxlib.benchmark import TASKS, find_task, make_truth, read_submission, score_submission
    from fluxlib.datasets.loading import load
    from fluxlib.reports.score_page import write_score_page, write_template
    from fluxlib.workflow.notebooks import PROJECT

    if options.task is None:
        for task in TASKS.values():
            print(f"{task.name:<18} {task.title}\n{'':<18} data: {task.source}")
        print("Give one with --task; without a file, the times that it asks for are written.")
        return 0
    task = find_task(options.task)
    dataset = load(options.data or ensure_sample(), "1h")
    truth = make_truth(task, dataset)
    if options.file is None:
        path = write_template(task, truth, options.out or PROJECT / "scores" / task.name)
        print(f"{len(truth.log_values)} times, truth {truth.checksum[:16]}. Asked for: {path}")
        return 0
    submission = read_submission(options.file, task, truth)
    scored = score_submission(task, truth, submission, dataset)
    out = options.out or PROJECT / "scores" / task.name / options.file.stem
    page = write_score_page(out, task, truth, scored, options.file, dataset)
    print(scored.scores.round(3).to_string())
    for line in scored.left_out:
        print(f"Not scored: {line}")
    for line in scored.leaks:
        print(f"Leak? {line}")
    print(f"Page: {page}")
    return 1 if scored.leaks else 0
