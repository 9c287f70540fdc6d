"""Merging: classes that nobody asks for as such become one, and their constructors become functions.

    class Latch:                          ->    def Latch(level):
        def __init__(self, level):                  self = Plain()
            self.level = level                      self.level = level
                                                    return self

A class costs an object, a table and its constructor; the one class that is left costs that once. It has what could be
no function of all these classes (see `methods`): what is handed on as a value, or has a name that others have too.
"""

import ast
from collections.abc import Iterator

from bellsim.linker.source import ENTRY, Module
from bellsim.linker.tree import FUNCTIONS, walk

PLAIN = "_Plain"  # no name of the source


def merged(
    modules: dict[str, Module], asked: set[str], values: set[tuple[str, str]], lent: set[tuple[str, str]]
) -> Iterator[str]:
    """Merge; gives "module:Class.method" of each method that is now one of the one class.

    asked: names that any object is asked for. values: classes that are more than called. lent: what is loaded when it
    is needed, and has to go again.
    """
    names: set[str] = set()
    found: list[tuple[Module, ast.ClassDef]] = []
    for module in modules.values():
        for statement in module.body:
            item = (module.name, getattr(statement, "name", ""))
            if isinstance(statement, ast.ClassDef) and item not in values and item not in lent and not module.group:
                methods = _methods(statement, asked)
                if methods is not None and not names & set(methods):
                    names |= set(methods)
                    found.append((module, statement))
    if not found:
        return
    plain = ast.parse(f"class {PLAIN}:\n    pass").body[0]
    entry = modules[ENTRY]
    entry.body.insert(0, plain)
    entry.defs[PLAIN] = [plain]
    for module, owner in found:
        if module is not entry:
            module.aliases[PLAIN] = (ENTRY, PLAIN)
        for method in owner.body:
            assert isinstance(method, FUNCTIONS)
            if method.name != "__init__" and (method.name in asked or method.name.startswith("__")):
                module.defs[f"{owner.name}.{method.name}"] = [method]
                yield f"{module.name}:{owner.name}.{method.name}"
        function = constructor(owner, f"{PLAIN}()")
        module.body[module.body.index(owner)] = function
        module.defs[owner.name] = [function]


def _methods(owner: ast.ClassDef, asked: set[str]) -> list[str] | None:
    """The methods besides its constructor that are needed; None if the class can be no other."""
    if owner.bases or owner.decorator_list or any(not isinstance(method, FUNCTIONS) for method in owner.body):
        return None
    found = {method.name: method for method in owner.body if isinstance(method, FUNCTIONS)}
    begin = found.pop("__init__", None)
    if begin is None or any(isinstance(node, ast.Return) for node in walk(begin)):
        return None
    if any(method.decorator_list for method in found.values()):
        return None
    defaults = [value for method in (begin, *found.values()) for value in method.args.defaults]
    if any(not isinstance(value, ast.Constant) for value in defaults):
        return None
    return [name for name in found if name in asked or name.startswith("__")]


def constructor(owner: ast.ClassDef, made: str) -> ast.FunctionDef:
    """What stands for the class where it is called; made: an object without a member, as an expression."""
    begin = next(method for method in owner.body if isinstance(method, ast.FunctionDef) and method.name == "__init__")
    this = begin.args.args.pop(0).arg
    first, last = ast.parse(f"{this} = {made}\nreturn {this}").body
    function = ast.FunctionDef(owner.name, begin.args, [first, *begin.body, last], [], None, None)
    return ast.fix_missing_locations(function)
