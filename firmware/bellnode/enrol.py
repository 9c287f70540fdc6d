"""A bell gets its identity over the serial port, and loses it: files, each step a rename, so never half of one.

config.part   an enrolment file that is coming in; nothing reads it but this module
config.json   the identity, see `config`: the part, renamed when it is whole and proved
wipe.todo     everything of the identity has to go; the next start does it, before anything else
"""

import json
import os
from binascii import a2b_base64, hexlify
from hashlib import sha256

import bellwire
from bellnode import config, port, settings, staged, tls

SELDOM = "cable"  # see `loan`
TEXTS_ARE_DATA = True  # for the linker: none of them names a member

PART = "config.part"
CHUNK_BYTES = 128  # in base64, with its request around it, below frame.REQUEST_BYTES_MAX
ONCE_BYTES = 16


def proof_of(once, data):
    """Hex text: who has the QR code (`once`, bytes) of an enrolment file (bytes)."""
    return str(hexlify(bellwire.hmac_sha256(once, data)), "utf-8")


class Incoming:
    """An enrolment file on its way into `folder`. partition: of the journal, or None."""

    def __init__(self, folder, partition):
        self._folder = folder
        self._partition = partition
        self._part = folder + "/" + PART
        self._config = folder + "/" + config.FILE
        self._size = None  # None: none is expected
        self._sha256 = ""
        self._have = 0

    def begin(self, size, told):
        """The answer to enrol.begin. The same file again: go on where it ended."""
        if not 0 < size <= config.FILE_BYTES_MAX:
            return port.no("size", f"An enrolment file has 1 to {config.FILE_BYTES_MAX} bytes. Is it the right file?")
        if (size, told) != (self._size, self._sha256):
            with open(self._part, "wb"):
                pass
            self._size, self._sha256, self._have = size, told, 0
        return port.well({"have": self._have, "chunk": CHUNK_BYTES})

    def data(self, at, text):
        """The answer to enrol.data. Raises OSError if the flash does not take it: then it is sent again."""
        if self._size is None:
            return port.no("state", "No enrolment has begun, or it was forgotten. Begin it again.")
        try:
            piece = a2b_base64(text.encode())
        except ValueError:
            return port.no("request", '"data" must be base64.')
        if at + len(piece) <= self._have:
            return port.well({"have": self._have})  # its answer got lost
        if at != self._have or self._have + len(piece) > self._size:
            answer = port.no("offset", "This piece does not follow. Go on where `have` says.")
            answer["have"] = self._have
            return answer
        # In place, not appended: a write that failed half-way leaves nothing in front of the next one.
        with open(self._part, "r+b") as file:
            file.seek(at)
            if file.write(piece) != len(piece):
                raise OSError(28)  # ENOSPC: MicroPython reports a short write, and no error
            file.flush()
        self._have += len(piece)
        return port.well({"have": self._have})

    def end(self, proof):
        """The answer to enrol.end. If it is well, the file is the bell's identity."""
        if self._size is None or self._have != self._size:
            answer = port.no("offset", "The file is not complete. Go on where `have` says.")
            answer["have"] = self._have
            return answer
        with open(self._part, "rb") as file:
            data = file.read(self._size)
        if len(data) != self._size or str(hexlify(sha256(data).digest()), "utf-8") != self._sha256:
            self._forget()
            return port.no("sum", "The file was damaged on the way. Send it again from its beginning.")
        try:
            found = config.parse(data)
            once = a2b_base64(json.loads(str(data, "utf-8"))["once"].encode())
        except config.ConfigError as fault:
            self._forget()
            return port.no("file", str(fault)[:200])
        except (KeyError, AttributeError, ValueError):
            once = b""
        if tls.usable(found) is not None:
            self._forget()
            return port.no("file", "Certificate or key in the file are no use for TLS. Enrol the bell again there.")
        if len(once) != ONCE_BYTES:
            self._forget()
            return port.no("file", 'The file has no "once": an older gateway wrote it. Enrol the bell again there.')
        if proof != proof_of(once, data):
            return port.no("proof", "The QR code belongs to another enrolment file. Scan the one that came with it.")
        clear_rest(self._folder, self._partition)
        os.rename(self._part, self._config)
        self._size = None
        return port.well({"bell_id": found.bell_id})

    def _forget(self):
        self._size = None
        staged.remove(self._part)


def begin_wipe(folder):
    """Note that everything has to go. Raises OSError: then nothing has changed."""
    staged.replace(folder + "/" + WIPE, b"wipe")


def keep_wifi(folder, networks):
    """Write the networks (list of (ssid, password)) into settings.json, as what is tried first. Raises OSError."""
    path = folder + "/" + staged.CONFIRMED
    found, _ = staged.load_json(path, settings.FILE_BYTES_MAX)
    wifi = [{"ssid": ssid, "password": password} for ssid, password in networks]
    staged.replace(path, json.dumps(settings.merged(found, {"wifi": wifi})).encode())


# --- away with it

WIPE = "wipe.todo"
# What the firmware keeps about an identity: how the names of its files begin.
_IDENTITY = (
    "config.json",
    "config.part",
    "settings.",
    "memory.",
    "arming.",
    "journal.",
    "addresses.",
    "boot.a",
    "boot.b",
)
# A blank bell keeps its networks and the count of its starts.
_STAYS = ("config.json", "config.part", "settings.json", "boot.a", "boot.b")


def finish_wipe(folder, partition):
    """Carry out what `wipe` noted. Raises OSError: then the note stays.

    The note goes last: whatever stops us, the next start begins again. partition: of the journal, or None.
    """
    _remove(folder, partition, ())
    os.remove(folder + "/" + WIPE)


def clear_rest(folder, partition):
    """What a lost identity may have left, before there is another: its events would be sent as the new one's."""
    _remove(folder, partition, _STAYS)
    path = folder + "/" + staged.CONFIRMED
    found, there = staged.load_json(path, settings.FILE_BYTES_MAX)
    if there:
        wifi = found.get("wifi") if isinstance(found, dict) else None
        staged.replace(path, json.dumps(settings.merged({}, {"wifi": wifi})).encode())


def _remove(folder, partition, stays):
    for name in os.listdir(folder):
        if name in stays:
            continue
        for beginning in _IDENTITY:
            if name[: len(beginning)] == beginning:
                os.remove(folder + "/" + name)
                break
    if partition is not None:
        for block in range(partition.ioctl(4, 0)):
            partition.ioctl(6, block)


def clear_part(folder):
    """Take away what an enrolment that was cut off has left."""
    staged.remove(folder + "/" + PART)
