"""The floor: the shortest program that does broker -> one fdatasync -> HTTP POST -> receipt.

No seal, no deduplication, no incident, no retry, nothing that survives it. It shows what the machine, the broker and
Python's sockets cost at the least, so that what a real gateway adds can be told from what nobody can save.

    python floor.py BROKER_PORT WEBHOOK_PORT FOLDER
"""

import os
import sys
from pathlib import Path

from shortest import Found, relay


def main() -> None:
    broker, webhook, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    log = os.open(folder / "floor.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def keep(found: Found) -> list[bytes]:
        os.write(log, b"".join(payload for _, payload, _ in found))
        os.fdatasync(log)
        return [payload.partition(b"\n")[0] for _, payload, _ in found]

    relay("floor", broker, webhook, keep)


main()
