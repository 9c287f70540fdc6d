"""Edges with their time, between the interrupt that sees them and the loop that reads them. Pure.

A loop may stall (a TLS handshake, a sector erase); the interrupt then still notes each edge with its moment. A handler
that runs late reads the level of now, not of its edge: two edges that read the same level had one of the
other level between them, and that one is put back, or a press shorter than the stall would be lost.
"""

EDGES_MAX = 32  # one press bounces into some ten edges; a stall of a second holds at most a few presses


class Latch:
    """At most EDGES_MAX edges (level, ticks); when it is full, the last place keeps the newest level."""

    def __init__(self, level):
        """level: 1 if the contact is closed at the start."""
        self._last = level
        self._edges = []
        self.missed = 0

    def note(self, level, ticks):
        """From the interrupt: the contact's level now (1 = closed), and the clock's raw reading."""
        if level == self._last:
            self._put(1 - level, ticks)
        self._put(level, ticks)
        self._last = level

    def _put(self, level, ticks):
        if len(self._edges) < EDGES_MAX:
            self._edges.append((level, ticks))
        else:
            self._edges[-1] = (level, ticks)
            self.missed += 1

    def take(self):
        """The edges (level, ticks) since the last call, oldest first."""
        if not self._edges:
            return ()
        taken = self._edges
        self._edges = []  # an interrupt before this line still adds to `taken`, one after it to the new list
        return taken
