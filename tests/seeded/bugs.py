"""Every bug that is put in on purpose: `BUGS`."""

from bug import Bug
from bugs_bell import BELL
from bugs_gateway import GATEWAY

BUGS: tuple[Bug, ...] = (*GATEWAY, *BELL)


def by_name(name: str) -> Bug:
    """Raises KeyError."""
    return {bug.name: bug for bug in BUGS}[name]
