"""Which address to try without asking DNS. Both runtimes."""

from bellnode import addresses

NAME = "broker.shop.kr"


def test_a_dotted_address_is_its_own_and_is_never_kept():
    assert addresses.choose((), "192.168.0.7", False, 0) == "192.168.0.7"
    assert addresses.answered((), "192.168.0.7", "192.168.0.7") == ()
    for name in ("1.2.3", "1.2.3.4.5", "1.2.3.256", "a.b.c.d", "1.2.3.", "", "-1.2.3.4"):
        assert not addresses.is_number(name), name


def test_an_unknown_name_is_asked_for_and_then_known():
    assert addresses.choose((), NAME, True, 0) is None
    book = addresses.answered((), NAME, "10.0.0.1")
    assert addresses.choose(book, NAME, False, 10**9) == "10.0.0.1"
    assert addresses.read(addresses.kept(book)) == book


def test_an_address_that_failed_is_asked_for_again_but_not_while_an_alarm_waits():
    book = addresses.doubt(addresses.answered((), NAME, "10.0.0.1"), NAME)
    assert addresses.choose(book, NAME, False, 0) is None
    assert addresses.choose(book, NAME, True, 0) == "10.0.0.1"
    assert addresses.kept(book) == {NAME: "10.0.0.1"}


def test_the_ladder_has_it_asked_even_then_but_once():
    book = addresses.ask_all(addresses.answered((), NAME, "10.0.0.1"))
    assert addresses.choose(book, NAME, True, 0) is None
    assert addresses.doubt(book, NAME) == book  # still to be asked
    book, left = addresses.unanswered(book, NAME, 1000)
    assert left == "10.0.0.1"
    assert addresses.choose(book, NAME, True, 1001) == "10.0.0.1"
    assert addresses.choose(addresses.answered(book, NAME, "10.0.0.2"), NAME, True, 1002) == "10.0.0.2"


def test_a_lookup_that_failed_is_not_repeated_before_its_pause():
    book = addresses.doubt(addresses.answered((), NAME, "10.0.0.1"), NAME)
    book, left = addresses.unanswered(book, NAME, 5000)
    assert left == "10.0.0.1"
    for urgent, pause_ms in ((False, addresses.PAUSE_MS), (True, addresses.URGENT_PAUSE_MS)):
        assert addresses.choose(book, NAME, urgent, 5000 + pause_ms - 1) == "10.0.0.1"
        assert addresses.choose(book, NAME, urgent, 5000 + pause_ms) is None


def test_without_any_address_every_attempt_asks():
    book, left = addresses.unanswered((), NAME, 5000)
    assert left is None and addresses.choose(book, NAME, True, 5001) is None and addresses.kept(book) == {}


def test_what_was_kept_is_read_with_care():
    for found in (None, [], "x", 3, {NAME: 3}, {NAME: "not.an.ad.dress"}, {"": None}):
        assert addresses.read(found) == (), found
    many = {str(n) + ".kr": "10.0.0." + str(n) for n in range(20)}
    assert len(addresses.read(many)) == addresses.ADDRESSES_MAX
    book = ()
    for name, address in many.items():
        book = addresses.answered(book, name, address)
    assert len(book) == addresses.ADDRESSES_MAX
