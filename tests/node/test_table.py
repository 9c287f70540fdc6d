"""A table that is a text reads as the dict that it stands for."""

from bellnode.table import Table

DOOR = Table("a door that is {!r} cannot {!r}", "\nopen shut closed\nclosed pull open wide\n")


def test_what_is_listed_is_found():
    assert DOOR.turn("open", "shut") == "closed" and DOOR.turn("closed", "pull") == "open wide"
    assert DOOR.pairs() == [(("open", "shut"), "closed"), (("closed", "pull"), "open wide")]
    assert ("open", "shut") in DOOR and ("open", "pull") not in DOOR and ("en", "shut") not in DOOR


def test_what_is_not_listed_is_refused_by_name():
    for state, sign in (("open", "pull"), ("shut", "closed"), ("", "")):
        try:
            DOOR.turn(state, sign)
        except ValueError as fault:
            assert str(fault) == f"a door that is {state!r} cannot {sign!r}"
        else:
            raise AssertionError((state, sign))
