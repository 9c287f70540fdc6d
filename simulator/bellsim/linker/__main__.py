"""`python -m bellsim.linker FIRMWARE OUT`: link the packages in one folder into another."""

import sys
from pathlib import Path

from bellsim.linker import link


def main(given: list[str]) -> None:
    """`python -m bellsim.linker FIRMWARE OUT`: link the packages in one folder into another."""
    source, out = Path(given[0]), Path(given[1])
    link({package: source / package for package in ("bellwire", "bellnode")}).write(out)


if __name__ == "__main__":
    main(sys.argv[1:])
