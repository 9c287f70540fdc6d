"""The way of an input into the node, where something goes wrong that nothing foresees."""

import pytest

from bellnode import app


class _Board:
    def wake(self):
        pass


def test_a_fault_while_a_fault_is_told_of_does_not_make_the_bell_deaf():
    bell = app.App.__new__(app.App)
    bell._board, bell._inputs, bell._feeding, bell._turning = _Board(), [], False, False
    taken = []

    def take(given):
        if given == ("report",):
            raise MemoryError
        taken.append(given)

    bell._take = take
    with pytest.raises(MemoryError):
        bell._feed(("report",))
    bell._feed(("edge", 1, 10))
    assert taken == [("edge", 1, 10)]
