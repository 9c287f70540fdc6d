"""An ESP32's ROM loader on a pty, as far as the real esptool needs it with --no-stub: SLIP, sync, registers, flash.

From Espressif's description of its serial protocol: a request is 00, operation, size (2), checksum (4), data; an answer
is 01, operation, size, value (4), data, and here four bytes of status. Numbers are little endian.
"""

import hashlib
import os
import struct
import threading
import tty
from collections.abc import Iterator

FLASH_BYTES = 4 * 1024 * 1024
MAGIC_REGISTER, ESP32_MAGIC = 0x40001000, 0x00F01D83
UART_CLKDIV, DIVIDER_40_MHZ = 0x3FF40014, 115_200  # what the ROM measured: 80 MHz / 115200, whole and fraction
SPI_BASE = 0x3FF42000
SPI_CMD, SPI_USR2, SPI_W0 = SPI_BASE, SPI_BASE + 0x24, SPI_BASE + 0x80
READ_ID, FLASH_ID = 0x9F, 0x164020  # 4 MB
BEGIN, DATA, END, SYNC, WRITE_REG, READ_REG, PARAMETERS, ATTACH, MD5 = (
    0x02,
    0x03,
    0x04,
    0x08,
    0x09,
    0x0A,
    0x0B,
    0x0D,
    0x13,
)
BAUD = 0x0F


class RomLoader(threading.Thread):
    """path: of the pty. flash: what was written. seen: the operations, in order."""

    def __init__(self, fail_at: int | None = None) -> None:
        """fail_at: the block of data that the flash does not take."""
        super().__init__(daemon=True)
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)
        self.flash = bytearray(b"\xff" * FLASH_BYTES)
        self.seen: list[int] = []
        self._fail_at = fail_at
        self._registers = {MAGIC_REGISTER: ESP32_MAGIC, UART_CLKDIV: 80_000_000 // 115_200}
        self._at = 0
        self.start()

    def close(self) -> None:
        os.close(self._slave)
        self.join(5)
        os.close(self.master)

    def run(self) -> None:
        for packet in self._packets():
            if len(packet) >= 8 and packet[0] == 0:
                self._answer(packet[1], packet[8:])

    def _packets(self) -> Iterator[bytes]:
        held = b""
        while True:
            try:
                data = os.read(self.master, 4_096)
            except OSError:
                return
            *whole, held = (held + data).split(b"\xc0")
            for one in whole:
                if one:
                    yield one.replace(b"\xdb\xdc", b"\xc0").replace(b"\xdb\xdd", b"\xdb")

    def _answer(self, op: int, data: bytes) -> None:
        self.seen.append(op)
        value, body, fault = 0, b"", 0
        if op == READ_REG:
            value = self._registers.get(struct.unpack("<I", data[:4])[0], 0)
        elif op == WRITE_REG:
            address, written = struct.unpack("<II", data[:8])
            self._registers[address] = written
            if address == SPI_CMD:  # the controller has carried it out at once
                self._registers[SPI_CMD] = 0
                if self._registers.get(SPI_USR2, 0) & 0xFF == READ_ID:
                    self._registers[SPI_W0] = FLASH_ID
        elif op == BEGIN:
            size, _, _, self._at = struct.unpack("<IIII", data[:16])
            self.flash[self._at : self._at + size] = b"\xff" * size
        elif op == DATA:
            size, number = struct.unpack("<II", data[:8])
            if number == self._fail_at:
                fault = 8
            else:
                at = self._at + number * size
                self.flash[at : at + size] = data[16 : 16 + size]
        elif op == MD5:
            address, size = struct.unpack("<II", data[:8])
            body = hashlib.md5(self.flash[address : address + size]).hexdigest().encode()
        elif op not in (SYNC, END, PARAMETERS, ATTACH, BAUD):
            fault = 5  # not known
        status = bytes((1 if fault else 0, fault, 0, 0))
        packet = struct.pack("<BBHI", 1, op, len(body) + 4, value) + body + status
        packet = packet.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc")
        for _ in range(8 if op == SYNC else 1):
            os.write(self.master, b"\xc0" + packet + b"\xc0")
