"""`python -m bellsim.linker FIRMWARE OUT`: link the packages in one folder into another.

`python -m bellsim.linker --names OUT/names.txt < TRACEBACK` tells a traceback in the names of the source.
"""

import sys
from pathlib import Path

from bellsim.linker import link, told

if sys.argv[1] == "--names":
    names = dict(line.split(" ", 1) for line in Path(sys.argv[2]).read_text().splitlines())
    sys.stdout.write(told(sys.stdin.read(), names))
else:
    source, out = Path(sys.argv[1]), Path(sys.argv[2])
    link({package: source / package for package in ("bellwire", "bellnode")}).write(out)
