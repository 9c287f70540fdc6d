"""Where the brokers are: which address to try without asking DNS, and when DNS has to be asked. Pure.

A lookup blocks MicroPython's loop for as long as the name server takes, which may be many seconds. So an address that
worked once is kept, over restarts too, and is tried before anything else. DNS is asked when there is no address yet,
when the one that is known did not answer, or when the ladder says so; and if a lookup has just failed, not again before
a pause, as long as there is any address to try. The certificate says who answers, so an old address is no risk.
"""

from collections import namedtuple

PAUSE_MS = 60000  # between lookups of a name that failed, if an old address can be tried meanwhile
URGENT_PAUSE_MS = 300000  # with an alarm waiting, the loop is needed for it
ADDRESSES_MAX = 8  # as many as there are brokers

# name: host as configured. address: dotted, or None. trust: "good", "doubted" (it did not answer) or "ask" (DNS has to
# be asked, whatever waits). asked_ms: the last lookup that failed, or None.
Place = namedtuple("Place", ("name", "address", "trust", "asked_ms"))


def is_number(name):
    """True for a dotted address, which needs no lookup."""
    parts = name.split(".")
    return len(parts) == 4 and all([part.isdigit() and int(part) < 256 for part in parts])


def read(found):
    """A book (tuple of Place) from what was kept ({name: address}, anything else is ignored)."""
    if not isinstance(found, dict):
        return ()
    kept = []
    for name in found:
        if isinstance(name, str) and isinstance(found[name], str) and is_number(found[name]):
            kept.append(Place(name, found[name], "good", None))
    return tuple(kept[:ADDRESSES_MAX])


def kept(book):
    """What to keep of a book: {name: address}."""
    return {place.name: place.address for place in book if place.address is not None}


def _place(book, name):
    for place in book:
        if place.name == name:
            return place
    return Place(name, None, "good", None)


def _put(book, place):
    return (tuple([other for other in book if other.name != place.name]) + (place,))[-ADDRESSES_MAX:]


def choose(book, name, urgent, now_ms):
    """The address (text) to try now, or None: ask DNS first."""
    if is_number(name):
        return name
    place = _place(book, name)
    if place.address is None or place.trust == "ask":
        return None
    if place.trust == "good":
        return place.address
    if place.asked_ms is None:
        # With an alarm waiting the other brokers come first; if none of them answers, the ladder asks.
        return place.address if urgent else None
    pause_ms = URGENT_PAUSE_MS if urgent else PAUSE_MS
    return place.address if now_ms - place.asked_ms < pause_ms else None


def answered(book, name, address):
    """The book after DNS gave an address, or after one was connected to."""
    return book if is_number(name) else _put(book, Place(name, address, "good", None))


def unanswered(book, name, now_ms):
    """(book, address or None) after a lookup that failed: an old address, if there is one, to be tried all the same."""
    place = _place(book, name)
    return _put(book, Place(name, place.address, "doubted", now_ms)), place.address


def doubt(book, name):
    """The book after the address of `name` did not answer: DNS is asked when there is time."""
    place = _place(book, name)
    return _put(book, Place(name, place.address, "doubted", place.asked_ms)) if place.trust == "good" else book


def ask_all(book):
    """The book after the ladder's `dns`: every name is looked up before it is tried again, once."""
    return tuple([Place(place.name, place.address, "ask", None) for place in book])
