"""Loops: a comprehension is a function of its own for MicroPython, made anew each time; a loop costs nothing.

    return max([one.size for one in found])    ->    made = []
                                                     for each in found:
                                                         made.append(each.size)
                                                     return max(made)

Only where nothing else could have been done before it: what stands in front of it in its statement is a name, an
attribute or a constant.
"""

import ast
from collections.abc import Iterator

from bellsim.linker.tree import FUNCTIONS, walk

_SCOPES = (ast.ListComp, ast.DictComp, ast.SetComp, ast.GeneratorExp, ast.Lambda, *FUNCTIONS)


def unroll(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements of a module; in its functions, loops in the place of comprehensions."""
    for statement in body:
        for function in walk(statement):
            if isinstance(function, FUNCTIONS):
                _Unroll().block(function)
    return [ast.fix_missing_locations(statement) for statement in body]


class _Unroll:
    def __init__(self) -> None:
        self.count = 0

    def block(self, owner: ast.AST) -> None:
        """Each list of statements in `owner`, but not of a function inside: it has its own turn."""
        for field in ("body", "orelse", "finalbody", "handlers"):
            found = getattr(owner, field, None)
            if not isinstance(found, list):
                continue
            after: list[ast.AST] = []
            for statement in found:
                if isinstance(statement, ast.stmt) and not isinstance(statement, (*FUNCTIONS, ast.ClassDef)):
                    after += self._before(statement)
                    self.block(statement)
                elif isinstance(statement, ast.ExceptHandler):
                    self.block(statement)
                after.append(statement)
            setattr(owner, field, after)

    def _before(self, statement: ast.stmt) -> list[ast.stmt]:
        made: list[ast.stmt] = []
        while True:
            place = next(_first(statement), None)
            if place is None:
                return made
            owner, field, index, comprehension = place
            name = f"made_{self.count}"
            made += self._loop(name, comprehension)
            value = ast.Name(name, ast.Load())
            if index is None:
                setattr(owner, field, value)
            else:
                getattr(owner, field)[index] = value

    def _loop(self, name: str, node: ast.ListComp) -> list[ast.stmt]:
        (loop,) = node.generators
        own = {part.id for part in walk(loop.target) if isinstance(part, ast.Name)}
        names = {old: f"each_{self.count}_{place}" for place, old in enumerate(sorted(own))}
        self.count += 1
        # The iterable is read outside, where the same name may mean something else.
        for part in [loop.target, node.elt, *loop.ifs]:
            for inner in walk(part):
                if isinstance(inner, ast.Name) and inner.id in names:
                    inner.id = names[inner.id]
        add: ast.stmt = ast.Expr(
            ast.Call(ast.Attribute(ast.Name(name, ast.Load()), "append", ast.Load()), [node.elt], [])
        )
        for test in reversed(loop.ifs):
            add = ast.If(test, [add], [])
        return [
            ast.Assign([ast.Name(name, ast.Store())], ast.List([], ast.Load())),
            ast.For(loop.target, loop.iter, [add], []),
        ]


_Place = tuple[ast.AST, str, int | None, ast.ListComp]


def _first(node: ast.AST) -> Iterator[_Place]:
    """Where in a statement a comprehension stands that nothing else is done before."""
    if isinstance(node, ast.Assign | ast.Return | ast.Expr | ast.Attribute | ast.Subscript | ast.Starred):
        if isinstance(node, ast.Return) and node.value is None:
            return
        yield from _there(node, "value", None)
    elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        yield from _there(node, "value", None)
    elif isinstance(node, ast.If):
        yield from _there(node, "test", None)
    elif isinstance(node, ast.For):
        yield from _there(node, "iter", None)
    elif isinstance(node, ast.Compare | ast.BinOp):
        yield from _there(node, "left", None)
    elif isinstance(node, ast.Call) and _quiet(node.func):
        yield from _among(node, "args")
    elif isinstance(node, ast.Tuple | ast.List):
        yield from _among(node, "elts")


def _among(node: ast.AST, field: str) -> Iterator[_Place]:
    for index, part in enumerate(getattr(node, field)):
        if not _quiet(part):
            yield from _there(node, field, index)
            return


def _there(owner: ast.AST, field: str, index: int | None) -> Iterator[_Place]:
    node = getattr(owner, field) if index is None else getattr(owner, field)[index]
    if not isinstance(node, ast.ListComp):
        yield from _first(node)
    elif len(node.generators) == 1 and not node.generators[0].is_async:
        inner = [part for part in walk(node) if isinstance(part, _SCOPES) and part is not node]
        if not inner and not any(isinstance(part, ast.Await) for part in walk(node)):
            yield owner, field, index, node


def _quiet(node: ast.AST) -> bool:
    """True for what does nothing when it is read."""
    if isinstance(node, ast.Attribute):
        return _quiet(node.value)
    return isinstance(node, ast.Name | ast.Constant)
