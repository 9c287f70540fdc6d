"""Bundling: many small functions become one. Each function costs an object and two entries in tables of the heap; a
bundle costs that once, and its first argument says which of them is meant.

    def seen(node): …        ->    def bundle(which, node):
    def heard(node): …                 if which < 1: …
                                       else: …

Only what is nothing but called can be bundled, with as many arguments at every place. A method that only one class has
and that is nothing but called becomes a function first, see `methods`.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType

from bellsim.linker.program import Program
from bellsim.linker.source import ENTRY, LOANS, PROGRAM, Item, Module
from bellsim.linker.tree import FUNCTIONS, copied, walk

SCOPES = (ast.ListComp, ast.DictComp, ast.SetComp, ast.GeneratorExp)
# Functions with about as many local names share a bundle: a call takes as much memory as the largest of them needs.
SIZES = (14, 22)
WITH_SCOPES = 9  # in the place of a size: what a comprehension sees of its function costs memory at each call


@dataclass(frozen=True)
class Place:
    """bundle: which one, in its file. number: the first argument of its calls."""

    bundle: tuple[str, int, int]
    number: int


def bundles(program: Program) -> dict[Item, Place]:
    """What is bundled, and where it is found."""
    spoiled = set(_spoiled(program))
    found: dict[tuple[str, int, int], list[Item]] = {}
    for item, homes in program.home.items():
        function = _function(program, item)
        if len(homes) == 1 and item not in spoiled and function is not None and _plain(function):
            # What is lent is there for a moment: fewer names count for more than a smaller call.
            size = sum(_room(function) > limit for limit in SIZES) if ENTRY in homes else 0
            if any(isinstance(node, SCOPES) for node in walk(function) if node is not function):
                size = WITH_SCOPES
            key = (next(iter(homes)), len(function.args.args), size)
            found.setdefault(key, []).append(item)
    return {
        item: Place(key, number) for key, items in found.items() if len(items) > 1 for number, item in enumerate(items)
    }


def arguments(function: ast.FunctionDef, call: ast.Call) -> list[ast.expr] | None:
    """The arguments of a call by their places, what was left out too; None if that would change what the call does.

    A method's object stands in front already.
    """
    names = [arg.arg for arg in function.args.args]
    given: list[ast.expr | None] = [*call.args]
    if any(isinstance(value, ast.Starred) for value in given):
        return list(call.args) if not call.keywords and not function.args.defaults else None
    given += [None] * (len(names) - len(given))
    if len(given) != len(names):
        return None
    last = len(call.args) - 1
    for keyword in call.keywords:
        if keyword.arg not in names:
            return None
        place = names.index(keyword.arg)
        if given[place] is not None or (place < last and not isinstance(keyword.value, ast.Name | ast.Constant)):
            return None  # given twice, or in another order: then something else would be done first
        last = max(last, place)
        given[place] = keyword.value
    for name, default in zip(reversed(names), reversed(function.args.defaults), strict=False):
        place = names.index(name)
        given[place] = given[place] or default
    return None if None in given else [value for value in given if value is not None]


def joined(name: str, functions: list[ast.FunctionDef]) -> ast.FunctionDef:
    """The bundle of these functions, which have all the same arguments: the number and then their own."""
    first = functions[0]
    which = first.args.args[0].arg
    bundle = ast.FunctionDef(name, first.args, _branches(which, 0, functions), [], None, None)
    return ast.fix_missing_locations(bundle)


def parted(body: list[ast.stmt], count: int) -> list[list[ast.stmt]]:
    """The bodies of the functions in a bundle of so many, given its own."""
    if count == 1:
        return [body]
    (test,) = body
    assert isinstance(test, ast.If)
    return parted(test.body, count // 2) + parted(test.orelse, count - count // 2)


def _branches(which: str, first: int, functions: list[ast.FunctionDef]) -> list[ast.stmt]:
    if len(functions) == 1:
        return functions[0].body
    half = len(functions) // 2
    test = ast.Compare(ast.Name(which, ast.Load()), [ast.Lt()], [ast.Constant(first + half)])
    low, high = _branches(which, first, functions[:half]), _branches(which, first + half, functions[half:])
    return [ast.If(test, low, high)]


def _function(program: Program, item: Item) -> ast.FunctionDef | None:
    statements = program.modules[item[0]].defs[item[1]]
    function = statements[0]
    return function if len(statements) == 1 and isinstance(function, ast.FunctionDef) else None


def _room(function: ast.FunctionDef) -> int:
    """How many values a call of it holds at once, about: names, and what an expression puts down meanwhile."""
    module = ast.fix_missing_locations(ast.Module([copied(function)], []))
    code = next(one for one in compile(module, "", "exec").co_consts if isinstance(one, CodeType))
    return code.co_nlocals + code.co_stacksize


def _plain(function: ast.FunctionDef) -> bool:
    """True if it has nothing that a branch of another function could not have."""
    inner = [node for node in walk(function) if node is not function]
    given = function.args
    return (
        not function.decorator_list
        and not (given.vararg or given.kwarg or given.kwonlyargs or given.posonlyargs)
        and all(isinstance(default, ast.Constant) for default in given.defaults)
        and not any(isinstance(node, (*FUNCTIONS, ast.Lambda, ast.Yield, ast.YieldFrom)) for node in inner)
    )


def _spoiled(program: Program) -> Iterator[Item]:
    """What is more than called, or not always with arguments that have their places."""
    yield from ((ENTRY, name) for name in PROGRAM)
    yield from ((LOANS, name) for name, _ in program.modules[LOANS].defs.items())
    yield from program.shared
    for item in program.home:
        if item[0] in program.borrowed and item[1] in program.asked:
            yield item  # asked of a module that is a value
    for module in program.modules.values():
        for statement in module.statements():
            yield from _spoiled_by(program, module, statement)


def _spoiled_by(program: Program, module: Module, statement: ast.stmt) -> Iterator[Item]:
    called = set()
    for node in walk(statement):
        if isinstance(node, ast.Call):
            item = program.target(module, node.func)
            if item is None:
                continue
            called.add(id(node.func))
            function = _function(program, item)
            call = node
            if "." in item[1] and isinstance(node.func, ast.Attribute):
                call = ast.Call(node.func, [node.func.value, *node.args], node.keywords)
            if function is not None and arguments(function, call) is None:
                yield item
    for node in walk(statement):
        if isinstance(node, ast.Name | ast.Attribute) and id(node) not in called:
            item = program.target(module, node)
            if item is not None:
                yield item
