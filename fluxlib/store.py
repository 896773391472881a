"""Keep a fitted forecaster in a folder: Keras files and JSON."""

import json
import uuid
from pathlib import Path

import numpy as np
import pandas as pd

from fluxlib import network
from fluxlib.errors import FluxError
from fluxlib.paths import write_text

NAME = "forecaster.json"
VERSION = 3
ARRAYS = ("mean_", "change_scale_", "errors_", "shares_", "bias_shares_")
PAIRS = ("sequence_scale_", "context_scale_")
PLAIN = ("shape_", "channels_", "context_names_")


def save_forecaster(forecaster, folder: str | Path) -> Path:
    """Write a fitted forecaster; the JSON, written last, names the files that count."""
    folder = Path(folder)
    token = uuid.uuid4().hex[:8]
    names = [f"member-{token}-{i}.keras" for i in range(forecaster.members)]
    content = {
        "version": VERSION,
        "parameters": forecaster.get_params(),
        "members": names,
        **{name: getattr(forecaster, name) for name in PLAIN},
        **{name: getattr(forecaster, name).tolist() for name in ARRAYS},
        **{name: [part.tolist() for part in getattr(forecaster, name)] for name in PAIRS},
        "plain_": [[part.tolist() for part in own] for own in forecaster.plain_],
        "held_out_": {
            "days": forecaster.held_out_.index.astype(str).tolist(),
            "errors": forecaster.held_out_.astype(object).replace(np.nan, None).to_numpy().tolist(),
        },
    }
    text = json.dumps(content, allow_nan=False)
    paths = [folder / name for name in names]
    network.write_networks(forecaster.get_config(), forecaster.weights_, paths)
    write_text(folder / NAME, text)
    for old in folder.glob("member-*.keras"):
        if old.name not in names:
            old.unlink()
    return folder


def load_forecaster(kind: type, folder: str | Path):
    """Read a forecaster of a class."""
    path = Path(folder) / NAME
    if not path.exists():
        raise FluxError(
            f"{path} does not exist; expected the folder that a forecaster's save wrote."
        )
    content = json.loads(path.read_text(encoding="utf-8"))
    if content.get("version") != VERSION:
        raise FluxError(
            f"{path}: version is {content.get('version')!r}; this fluxlib reads {VERSION}. Fit and "
            "save again."
        )
    forecaster = kind(**content["parameters"])
    for name in PLAIN:
        setattr(forecaster, name, content[name])
    for name in ARRAYS:
        setattr(forecaster, name, np.array(content[name]))
    for name in PAIRS:
        setattr(forecaster, name, tuple(np.array(part) for part in content[name]))
    forecaster.plain_ = [[np.array(part) for part in own] for own in content["plain_"]]
    kept = content["held_out_"]
    forecaster.held_out_ = pd.DataFrame(kept["errors"], pd.DatetimeIndex(kept["days"]), dtype=float)
    forecaster.shape_ = tuple(forecaster.shape_)
    forecaster.weights_ = network.read_networks([path.parent / n for n in content["members"]])
    return forecaster
