"""What a bell remembers over a restart, besides the events.

memory      the last command that ran, which alarms may be open, what was told of mains and battery
arming      the home set's, as `homeset` gave it
"""

from bellnode import journal
from bellnode.loan import seldom

SELDOM = "memory"  # see `loan`


class Memory:
    """Two records (JSON values) in `folder`, each in two copies."""

    def __init__(self, folder):
        self._copies = {name: journal.TwoCopies(folder, name) for name in ("memory", "arming")}

    @seldom("start")
    def recall(self):
        """(memory, arming): each None if there never was one, {} if it is damaged. Never raises."""
        return _only(self._copies["memory"]), _only(self._copies["arming"])

    def keep(self, name, record):
        """Write one of the two. Raises OSError: then it is what it was."""
        self._copies[name].save([record])
        self._copies[name].mirror()


@seldom("start")
def _only(copies):
    records, faulty = copies.load()
    if records:
        return records[0]
    return {} if faulty else None
