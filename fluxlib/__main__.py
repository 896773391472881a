"""The command line behind run_all.sh: its options, and what becomes of errors.

The parser needs nothing but Python, so that ``run_all.sh --help`` works before anything is set up.
The commands themselves are in `fluxlib.commands`, by module and function.
"""

import argparse
import os
import sys
from importlib import import_module
from pathlib import Path

# Commands whose arguments are their own: function, and help.
_PASSED_ON = {
    "test": ("upkeep.run_tests", "run the tests; arguments are pytest's"),
    "lab": ("upkeep.open_lab", "open the notebooks in JupyterLab; arguments are its own"),
    "fetch": ("products.fetch", "get a dataset from the archives"),
    "docs": (
        "upkeep.build_docs",
        "build the documentation in docs/_build/html; arguments are Sphinx's",
    ),
}
_SCHEDULER = "FLUX_SCHEDULER"


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says and return its exit status.

    Parameters
    ----------
    arguments
        Those of the process if None.

    Returns
    -------
    int
        0 when all went well, 1 when a notebook failed, 2 for input that cannot be used, 130
        when interrupted.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["step"]:
        from fluxlib.commands.notebooks import run_step

        return run_step(*arguments[1:])
    options = make_parser().parse_args(arguments)

    # After the parser, which needs no package.
    from fluxlib.errors import FluxError
    from fluxlib.utils.lazy import explain_missing_extra
    from fluxlib.workflow.notebooks import IS_CHECKOUT

    try:
        module, name = options.run.split(".")
        if module != "products" and not IS_CHECKOUT:
            raise FluxError(
                "this command works on the project's notebooks, which an installed package has "
                "not; clone the project and call its ./run_all.sh. fetch, record, train, now and "
                "score work without."
            )
        with explain_missing_extra():
            command = getattr(import_module(f"fluxlib.commands.{module}"), name)
            return command(options)
    except FluxError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        if not (advice := _advise(error)):
            raise
        print(f"Error: {error}. {advice}; the same command goes on from here.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from here.", file=sys.stderr)
        return 130


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all that run_all.sh takes."""
    parser = argparse.ArgumentParser(
        prog="./run_all.sh",
        usage="./run_all.sh [OPTIONS], or ./run_all.sh COMMAND ...; --help lists both.",
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Run the notebooks on a dataset, and make the report.\n\n"
        "The first call makes .venv, which takes a minute and needs the network. Notebooks whose\n"
        "code, parameters and data have not changed since their last run are reused.",
        epilog="The report is reports/<dataset>/index.html; figures are in figures/<dataset>/.\n"
        "Python 3.11, 3.12 or 3.13 is needed; PYTHON=/path/to/python chooses one.",
    )
    parser.set_defaults(run="notebooks.run")
    parser.add_argument(
        "--data",
        metavar="DIR",
        type=Path,
        help="a folder with a dataset.toml; without it, the simulated data/sample",
    )
    parser.add_argument(
        "-f",
        "--params",
        metavar="FILE",
        type=Path,
        help='parameters, a YAML file: "name: value", or a section a notebook',
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--only",
        metavar="03[,05]",
        action="extend",
        type=lambda text: text.split(","),
        default=[],
        help="only these notebooks, and what they build on where it is out of date",
    )
    which.add_argument("--from", dest="start", metavar="04", help="this notebook and all after it")
    _add_machine(parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    sweep = commands.add_parser(
        "sweep",
        prog="./run_all.sh sweep",
        allow_abbrev=False,
        help="run many parameter sets, and compare them",
        description="Run the notebooks with many parameter sets; what runs share is run once.",
    )
    sweep.set_defaults(run="notebooks.run_sweep")
    sweep.add_argument("file", type=Path, help="the parameter sets; params/sweep.yaml shows one")
    _add_machine(sweep)
    record = commands.add_parser(
        "record",
        prog="./run_all.sh record",
        allow_abbrev=False,
        help="one series on one scale, filled, with intervals",
        description="Put all satellites of a dataset on one scale, join them and fill the gaps.",
    )
    record.set_defaults(run="products.make_record")
    record.add_argument(
        "--data", metavar="DIR", type=Path, help="a folder with a dataset.toml; else the sample"
    )
    record.add_argument(
        "--out", metavar="DIR", type=Path, help="a new folder; else records/<dataset>"
    )
    record.add_argument(
        "--max-gap", metavar="LENGTH", help="leave longer gaps, such as 10D; else all are filled"
    )
    train = commands.add_parser(
        "train",
        prog="./run_all.sh train",
        allow_abbrev=False,
        help="train the forecaster that now uses",
        description="Train the forecaster on a dataset's daily series, for ./run_all.sh now.",
    )
    train.set_defaults(run="products.train_forecaster")
    train.add_argument(
        "--data", metavar="DIR", type=Path, help="a folder with a dataset.toml; else the sample"
    )
    train.add_argument(
        "--out", metavar="DIR", type=Path, help="a new folder; else models/<dataset>"
    )
    train.add_argument(
        "--members", metavar="N", type=_parse_workers, help="networks of the ensemble; 8"
    )
    now = commands.add_parser(
        "now",
        prog="./run_all.sh now",
        allow_abbrev=False,
        help="forecast the next three days, and score earlier forecasts",
        description="Fetch the newest days, forecast the next three, and score what was issued "
        "before. Safe to call often: the same inputs are issued once.",
    )
    now.set_defaults(run="products.forecast_now")
    now.add_argument(
        "--model", metavar="DIR", type=Path, help="of train; else models/sample or the one there"
    )
    now.add_argument(
        "--data", metavar="DIR", type=Path, help="the newest days; else they are fetched"
    )
    now.add_argument("--out", metavar="DIR", type=Path, help="log and page; else live")
    score = commands.add_parser(
        "score",
        prog="./run_all.sh score",
        allow_abbrev=False,
        help="score anybody's predictions on a frozen task",
        description="Score a CSV of predictions (time, horizon, value[, lower, upper]) on a task.",
    )
    score.set_defaults(run="products.score_predictions")
    score.add_argument("file", metavar="FILE", type=Path, nargs="?", help="the predictions")
    score.add_argument("--task", metavar="NAME", help="without it, the tasks are listed")
    score.add_argument(
        "--data", metavar="DIR", type=Path, help="a folder with a dataset.toml; else the sample"
    )
    score.add_argument("--out", metavar="DIR", type=Path, help="else scores/<task>/<file's name>")
    clean = commands.add_parser(
        "clean",
        prog="./run_all.sh clean",
        allow_abbrev=False,
        help="list what can be made again, and how large it is; --yes removes it",
    )
    clean.set_defaults(run="upkeep.remove_made")
    clean.add_argument(
        "what", nargs="*", metavar="WHAT", help="of those that it lists; all but lab by default"
    )
    clean.add_argument("--yes", action="store_true", help="remove it")
    for name, (function, text) in _PASSED_ON.items():
        # No prefix is that of an option: all that follows belongs to the command.
        command = commands.add_parser(name, help=text, add_help=False, prefix_chars="\0")
        command.set_defaults(run=function)
        command.add_argument("rest", nargs="*")
    return parser


def _add_machine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--workers",
        "--cores",
        "--jobs",
        metavar="N",
        type=_parse_workers,
        help="notebooks at a time; as many as this machine has cores and memory for",
    )
    parser.add_argument(
        "--executor",
        metavar="NAME",
        help="where notebooks run, through a plugin of Snakemake's: slurm, kubernetes, ...",
    )
    parser.add_argument(
        "--profile", metavar="DIR", help="a folder with a config.yaml of Snakemake's options"
    )
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        default=os.environ.get(_SCHEDULER),
        help="Dask's, tcp://host:8786, whose workers then do the long work inside a notebook; "
        f"without it, {_SCHEDULER}",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="list the notebooks that would run, and why"
    )
    parser.add_argument(
        "--publish", metavar="URL", help="copy the report to s3://bucket/path, gs:// or abfs://"
    )


def _parse_workers(text: str) -> int:
    from fluxlib.utils.validation import parse_count

    return parse_count(text)


def _advise(error: OSError) -> str | None:
    """Return what to do about a disk that is full or not ours, or None: a fault of the program."""
    import errno

    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "Make room"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "Make it writable"
    return None


if __name__ == "__main__":
    sys.exit(main())
