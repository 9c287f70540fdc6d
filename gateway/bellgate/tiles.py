"""A PMTiles file with pictures of the streets, which an operator may lay under the map of bells."""

import mmap
import re
import struct
from pathlib import Path
from typing import Any

from pmtiles.reader import Reader
from pmtiles.tile import Compression, TileType

from bellgate.core.frozen import frozen
from bellgate.errors import ConfigError

# Pictures that every browser shows. Vector tiles are no pictures: they would need a renderer in the page.
PICTURES = {
    TileType.PNG: "image/png",
    TileType.JPEG: "image/jpeg",
    TileType.WEBP: "image/webp",
    TileType.AVIF: "image/avif",
}
ZOOM_MAX = 22  # a bell's own room; deeper is not drawn
_MARKUP = re.compile(r"<[^>]*>")
# What a file that is cut off or made by something else makes the reader say.
_WRONG = (ValueError, OSError, EOFError, KeyError, IndexError, TypeError, OverflowError, struct.error)
_REMEDY = "Copy the file again, or remove console.tiles: the map works without streets"


@frozen
class About:
    """What the page needs to know. bounds: west, south, east, north in degrees; attribution: plain text."""

    min_zoom: int
    max_zoom: int
    bounds: tuple[float, float, float, float]
    attribution: str
    media_type: str


class Tiles:
    """The file, opened. Any thread may ask."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigError for a file that is missing, damaged, or holds no pictures."""
        self.path = path
        try:
            with path.open("rb") as file:
                self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError:
            raise ConfigError(f"{path}: there is no such file. Put it there, or remove console.tiles") from None
        except (OSError, ValueError) as error:  # ValueError: an empty one
            raise ConfigError(f"{path}: cannot be read ({error}). {_REMEDY}") from None
        self._reader = Reader(self._slice)
        try:
            self.about = self._read_about(self._reader.header(), self._reader.metadata())
            self._reader.get(0, 0, 0)  # the directory can be read
        except _WRONG as error:
            raise ConfigError(f"{path}: is no PMTiles file of version 3 ({error}). {_REMEDY}") from None
        except Exception as error:
            if isinstance(error, ConfigError):
                raise
            # The reader has errors of its own for a wrong beginning.
            raise ConfigError(f"{path}: is no PMTiles file of version 3 ({error!r}). {_REMEDY}") from None

    def get(self, zoom: int, x: int, y: int) -> bytes | None:
        """One picture, or None where there is none. Raises ConfigError if the file does not hold what it promises."""
        try:
            found: bytes | None = self._reader.get(zoom, x, y)
        except _WRONG as error:
            raise ConfigError(f"{self.path}: tile {zoom}/{x}/{y} cannot be read ({error}). {_REMEDY}") from None
        return found

    def _slice(self, offset: int, length: int) -> bytes:
        found = self._bytes[offset : offset + length]
        if len(found) < length:
            raise EOFError("it ends too early")
        return found

    def _read_about(self, header: dict[str, Any], metadata: dict[str, Any]) -> About:
        kind = header["tile_type"]
        if kind not in PICTURES:
            raise ConfigError(
                f"{self.path}: holds {kind.name.lower()} tiles and no pictures. Make raster tiles (png, webp or jpeg) "
                "of it, or remove console.tiles"
            )
        if header["tile_compression"] not in (Compression.NONE, Compression.UNKNOWN):
            raise ConfigError(f"{self.path}: its pictures are compressed once more. Write them as they are")
        edges = ("min_lon_e7", "min_lat_e7", "max_lon_e7", "max_lat_e7")
        west, south, east, north = (header[name] / 1e7 for name in edges)
        said = _MARKUP.sub("", str(metadata.get("attribution", "")))[:300].strip()
        return About(header["min_zoom"], header["max_zoom"], (west, south, east, north), said, PICTURES[kind])


def opened(path: Path | None) -> tuple[Tiles | None, str]:
    """The file and "", or None and why it cannot be used; None and "" where none is named."""
    if path is None:
        return None, ""
    try:
        return Tiles(path), ""
    except ConfigError as error:
        return None, str(error)
