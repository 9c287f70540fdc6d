"""Literal tables of states, as one text each. A text stays in the flash that code runs from; a dict of tuples lies in
the heap. Pure.

A table has a line for each pair, and what the pair leads to; one blank between them.
"""


class Table:
    """A dict {(state, sign): next} that is only read. wrong: what to say of a pair that it has not, with two places."""

    def __init__(self, wrong, text):
        """text: the lines, behind a line feed."""
        self._wrong = wrong
        self._text = text

    def turn(self, state, sign):
        """The next state. Raises ValueError for a pair that the table does not list."""
        found = self._find(state, sign)
        if found is None:
            raise ValueError(self._wrong.format(state, sign))
        return found

    def _find(self, state, sign):
        start = f"\n{state} {sign} "
        at = self._text.find(start)
        if at < 0:
            return None
        at += len(start)
        return self._text[at : self._text.find("\n", at)]

    def __contains__(self, pair):
        return self._find(*pair) is not None

    def pairs(self):
        """[((state, sign), next)]"""
        lines = [line.split(" ", 2) for line in self._text.split("\n")[1:-1]]
        return [((line[0], line[1]), line[2]) for line in lines]
