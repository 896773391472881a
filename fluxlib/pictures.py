"""The figures of a run as the report shows them: small, with the words stored in the PNG."""

import base64
import io
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import Image

WIDTH = 640  # pixels of a thumbnail; a click shows the figure itself


@dataclass(frozen=True)
class Picture:
    """A figure on disk.

    Attributes
    ----------
    path : Path
    title, alt : str
        Caption, and what it shows in words; see `fluxlib.Results.show_figure`.
    thumbnail : str
        A ``data:`` address, so that the page needs no other file.
    width, height : int
        Of the thumbnail, in pixels.
    """

    path: Path
    title: str
    alt: str
    thumbnail: str
    width: int
    height: int


def read_pictures(folder: Path, step: str) -> list[Picture]:
    """Return the figures that a step saved in `folder`, by name."""
    return [_read_picture(path) for path in sorted(folder.glob(f"{step}_*.png"))]


def _read_picture(path: Path) -> Picture:
    return Picture(path=path, **_shrink(path.read_bytes(), path.stem))


# Runs of a sweep share most of their figures, and scaling one takes time.
@lru_cache(maxsize=64)
def _shrink(content: bytes, name: str) -> dict:
    with Image.open(io.BytesIO(content)) as image:
        words = dict(image.text)  # the image forgets them when it is scaled
        small = image.convert("RGB")
    small.thumbnail((WIDTH, 3 * WIDTH), Image.Resampling.LANCZOS)
    data = io.BytesIO()
    small.save(data, "WEBP", quality=80)
    return {
        "title": words.get("Title", name),
        "alt": words.get("Description", ""),
        "thumbnail": "data:image/webp;base64," + base64.b64encode(data.getvalue()).decode(),
        "width": small.width,
        "height": small.height,
    }
