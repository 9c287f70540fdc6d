"""Code that is in memory only while somebody needs it. MicroPython runs a module in place: to load it takes a moment.

    borrow(name)    the module for one use: whoever asks keeps it in a variable, and it is gone when he is done
    hold(name)      the module from now on always there: what the settings ask for must not have to be loaded in need
    give_back(name) it is not needed always any more

Nothing on the way of a press (journal, send, receipt, lamp, resend, dialling) is borrowed: there may be no
memory left to load it. CPython keeps everything: it has room, and a class that was loaded twice would not be itself.
"""

import sys

_CPYTHON = sys.implementation.name == "cpython"
_LINKED = False  # the linker makes it True
_PLACE = "" if _LINKED else "bellnode."


def hold(name):
    """The module `name` of bellnode, loaded once and kept."""
    name = _PLACE + name
    return sys.modules.get(name) or __import__(name, None, None, (name,))


def borrow(name):
    """The module `name` of bellnode; if it is not held, only the caller's variable keeps it."""
    found = sys.modules.get(_PLACE + name)
    if found is None:
        found = hold(name)
        give_back(name)
    return found


def give_back(name):
    """The module is not held any more; whoever has it in a variable may go on using it."""
    if not _CPYTHON and sys.modules.pop(_PLACE + name, None) is not None and not _LINKED:
        delattr(sys.modules["bellnode"], name)


def keep(group):
    """What is seldom at other bells is used all the time by this one: from now on always there."""
    if _LINKED:
        hold(group)


def seldom(group):
    """Marks what is needed seldom: a linked image (see the README) has it in a module of its own that is borrowed for
    each call, together with what else has this mark and all that only they need. From the source it is as any other.
    """

    def mark(function):
        return function

    return mark
