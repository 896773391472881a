"""What to fetch from the archives: in words, or as a recipe in a file."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import yaml

from fluxlib.errors import FluxError

SATELLITES = tuple(f"goes{number}" for number in range(8, 20))
# Where below the archive, and how often there is a row.
DRIVERS = {
    "omni2": ("low_res_omni/omni2_{year}.dat", "1h"),
    "omni-hro": ("high_res_omni/omni_5min{year}.asc", "5min"),
}

Months = pd.PeriodIndex


@dataclass(frozen=True)
class Request:
    """What to fetch: months of each satellite, years of drivers, years of daily fluence."""

    name: str
    title: str
    flux: tuple[tuple[str, Months], ...]
    drivers: tuple[str, tuple[int, ...]] | None
    daily: tuple[int, ...]


def make_request(
    name: str,
    satellites: Iterable[str],
    start,
    end,
    *,
    drivers: str,
    daily: bool,
    recent: bool,
) -> Request:
    """Return the request of one period for all satellites; see `fetch`."""
    satellites = tuple(satellites)
    if recent and not satellites and not daily and start is None and end is None:
        return Request(name, "The last days", flux=(), drivers=None, daily=())
    months = _make_months(start, end)
    for satellite in satellites:
        if satellite not in SATELLITES:
            raise FluxError(
                f"satellites has {satellite!r}; expected {SATELLITES[0]} to {SATELLITES[-1]}."
            )
    if not satellites and not daily:
        raise FluxError("satellites is empty; name one, such as goes13, or ask for daily data.")
    years = tuple(sorted(set(months.year)))
    title = f"{', '.join(satellites).upper() or 'Daily fluence'}, {months[0]} to {months[-1]}"
    return Request(
        name=name,
        title=title,
        flux=tuple((satellite, months) for satellite in satellites),
        drivers=_check_drivers(drivers, years),
        daily=years if daily else (),
    )


def read_recipe(path: str | Path) -> Request:
    """Read what to fetch from a YAML file.

    Raises
    ------
    FluxError
        If the file is no recipe.
    """
    path = Path(path)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        flux = [
            (entry["satellite"], _make_months(entry["start"], entry["end"]))
            for entry in content.get("flux", [])
        ]
        drivers = content["drivers"]
        span = content.get("daily")
        daily = tuple(range(span["start"], span["end"] + 1)) if span else ()
        unknown = sorted({satellite for satellite, _ in flux} - set(SATELLITES))
        if unknown:
            raise FluxError(f"flux has the satellite {unknown[0]!r}; expected goes8 to goes19.")
        return Request(
            name=str(content["name"]),
            title=str(content["title"]),
            flux=tuple(flux),
            drivers=_check_drivers(
                drivers["format"], tuple(range(drivers["start"], drivers["end"] + 1))
            ),
            daily=daily,
        )
    except OSError as error:
        raise FluxError(f"{path}: cannot be read: {error.strerror}.") from None
    except FluxError as error:
        raise FluxError(f"{path}: {error}") from None
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise FluxError(
            f"{path}: not a recipe: {' '.join(str(error).split())}; expected name, title, flux "
            "(satellite, start, end), drivers (format, start, end) and daily (start, end)."
        ) from None


def _make_months(start, end) -> Months:
    try:
        months = pd.period_range(pd.Period(str(start), "M"), pd.Period(str(end), "M"), freq="M")
    except ValueError:
        months = pd.PeriodIndex([], freq="M")
    if len(months) == 0:
        raise FluxError(
            f"start is {start!r} and end {end!r}; expected the first and the last month, such as "
            "2014-01 and 2014-12."
        )
    return months


def _check_drivers(kind: str, years: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
    if kind not in DRIVERS:
        raise FluxError(f"drivers is {kind!r}; expected {' or '.join(DRIVERS)}.")
    return kind, years
