"""What is borrowed is there for its borrower and gone afterwards; what is held stays."""

import sys

from bellnode import loan

NAME = "bellnode.keypad"


def test_what_is_borrowed_works_and_is_not_kept_where_memory_is_scarce():
    sys.modules.pop(NAME, None)
    keypad = loan.borrow("keypad")
    assert keypad.step(keypad.EMPTY, "*", 0)[1] is None
    assert (NAME in sys.modules) == (sys.implementation.name == "cpython")


def test_what_is_held_is_the_same_for_every_borrower():
    held = loan.hold("keypad")
    assert loan.borrow("keypad") is held and loan.hold("keypad") is held and NAME in sys.modules
    loan.give_back("keypad")
    assert held.DIGITS_MAX == 8


def test_a_mark_changes_nothing():
    @loan.seldom("some")
    def doubled(number):
        return 2 * number

    loan.keep("some")
    loan.give_back("some")
    assert doubled(21) == 42


def test_in_an_image_what_is_kept_stays_until_it_is_given_back():
    was = loan._LINKED, loan._CPYTHON
    sys.modules.pop(NAME, None)
    try:
        loan._LINKED = True
        loan.keep("keypad")
        assert NAME in sys.modules
        loan._LINKED, loan._CPYTHON = False, False
        loan.give_back("keypad")
        assert NAME not in sys.modules
        loan.give_back("keypad")
    finally:
        loan._LINKED, loan._CPYTHON = was
        loan.hold("keypad")
