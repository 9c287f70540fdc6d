"""Links the firmware for a chip: from the source that people read to a few modules that cost little heap.

Each name, function, module and constant of MicroPython costs heap, even where the code runs in flash. So the linker

- joins what is always there into one module, and each module that is borrowed (see `bellnode.loan`) with what only it
  needs into another;
- puts constants in the place of their names, and leaves out what nobody asks for, docstrings and CPython's branches;
- makes one class of many, and functions of their constructors (`merge`), a few large functions of many small ones
  (`bundle`), loops of comprehensions (`loops`), and one object of equal constants (`constants`); comparisons of a
  tuple that is only asked whether it holds a value (`spell`), and no name of what an object has anyway (`forward`);
- gives what is private to the firmware names that a stock interpreter holds in its own flash anyway (`held`).

What the program does stays the same, and in the same order. What is data keeps its name: the rule is that a name which
also stands somewhere as a text is left alone, and so is every name of the interpreter, of a board or of an exception.
What it cannot be sure of is a LinkError, not a guess.
"""

from bellsim.linker.source import LinkError
from bellsim.linker.write import Linked, link, told

__all__ = ["LinkError", "Linked", "link", "told"]
