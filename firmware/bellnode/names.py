"""From a broker's name to its address: asks DNS as seldom as `addresses` says, and keeps what worked in flash."""

import asyncio
import json
import os
import socket
import sys

from bellnode import addresses

FILE = "addresses.json"
FILE_BYTES_MAX = 2048  # eight names of 200 characters
_CPYTHON = sys.implementation.name == "cpython"


class Names:
    """folder: where the file is kept, None for nowhere. A fault of the flash stops nothing: then DNS is asked again."""

    def __init__(self, folder, now_ms):
        self._path = None if folder is None else folder + "/" + FILE
        self._now_ms = now_ms
        self._book = addresses.read(self._load())

    def _load(self):
        try:
            with open(self._path, "rb") as file:
                size = min(file.seek(0, 2), FILE_BYTES_MAX)  # MicroPython makes room for all it is asked for
                file.seek(0)
                return json.loads(str(file.read(size), "utf-8"))
        except (OSError, TypeError, ValueError):
            return None  # the first start, or a torn file: DNS knows it all

    async def find(self, name, urgent):
        """An address (text, dotted) to try for `name`. Blocks MicroPython's loop if DNS has to be asked.

        Raises OSError if DNS does not know and no address was ever known.
        """
        found = addresses.choose(self._book, name, urgent, self._now_ms())
        if found is not None:
            return found
        try:
            found = await ask_dns(name)
        except OSError:
            self._book, found = addresses.unanswered(self._book, name, self._now_ms())
            if found is None:
                raise
            return found
        return found

    def proved(self, name, address):
        """A broker answered there, with its certificate."""
        before = addresses.kept(self._book)
        self._book = addresses.answered(self._book, name, address)
        after = addresses.kept(self._book)
        if after != before and self._path is not None:
            try:
                with open(self._path + ".new", "wb") as file:
                    file.write(json.dumps(after).encode())
                os.rename(self._path + ".new", self._path)
            except OSError:
                pass  # the journal reports a dead flash; here it costs a lookup

    def doubt(self, name):
        """No broker answered there."""
        self._book = addresses.doubt(self._book, name)

    def ask_all(self):
        """The ladder says so: look every name up before it is tried again."""
        self._book = addresses.ask_all(self._book)


async def ask_dns(name):
    """The address (text, dotted) of a name. Blocks MicroPython's loop. Raises OSError."""
    if _CPYTHON:
        found = await asyncio.get_running_loop().getaddrinfo(name, None, family=socket.AF_INET)
        return found[0][-1][0]
    found = socket.getaddrinfo(name, 0, socket.AF_INET, socket.SOCK_STREAM)[0][-1]
    if isinstance(found, tuple):  # the ESP32
        return found[0]
    return ".".join([str(part) for part in socket.sockaddr(found)[1]])
