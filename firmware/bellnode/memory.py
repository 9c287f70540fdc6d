"""What a bell remembers over a restart, besides the events, and its self-test of the journal.

memory      the last command that ran, which alarms may be open, what was told of mains and battery
arming      the home set's, as `homeset` gave it
"""

from bellnode import journal
from bellnode.loan import seldom

SELDOM = "memory"  # see `loan`

# Written into the journal and taken out again by the self-test: no event has this number.
PROBE = {"boot": "0000000000000000", "seq": 0, "what": "test", "state": "restore"}


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


@seldom("start")
def load_events(events):
    """(records that can be sent, faulty) of a journal of events."""
    records, faulty = events.load()
    records = [record for record in records if record.get("seq") != PROBE["seq"]]
    usable = [record for record in records if journal.usable(record)]
    return usable, faulty or len(usable) != len(records)


@seldom("orders")
def check(events, records):
    """Write to the journal and read back; None, or what is wrong. records: what it holds, then and afterwards."""
    try:
        events.save(records + [PROBE])
        back, _ = events.load()
        events.save(records)
    except OSError as fault:
        return f"does not take a record: {fault}"[:60]
    if PROBE["seq"] not in [record.get("seq") for record in back]:
        return "lost what was written"
    return None
