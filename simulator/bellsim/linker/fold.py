"""Folding: what is known before the start. It is MicroPython, and constants are what they are."""

import ast
from collections.abc import Mapping

from bellsim.linker.source import LOANS, Module
from bellsim.linker.tree import assignments, called, defines, local_names, without_text

# What only CPython has, as modules ask for it that may not ask where they run.
CPYTHON_HAS = ("hasattr(json, 'JSONDecoder')", "hasattr(str, 'casefold')")
# What is called otherwise in the image; nothing else gets that name.
REPLACED = frozenset({"sleep"})
ROUNDS_MAX = 4  # a constant of constants of constants
INTERN_CHARS_MAX = 10  # a longer text costs an object for each place where it stands


def fold_constants(modules: Mapping[str, Module]) -> None:
    """Put numbers and short texts in the place of their names, in every module, until nothing changes."""
    for target, value in (pair for statement in modules[LOANS].body for pair in assignments(statement)):
        if target == "_LINKED" and isinstance(value, ast.Constant):
            value.value = True
    known: dict[str, dict[str, object]] = {name: {} for name in modules}
    done: dict[str, object] = {}  # with what each module was folded last
    for _ in range(ROUNDS_MAX):
        before = dict(done)
        for module in modules.values():
            here = dict(known[module.name])
            for alias, (source, name) in module.aliases.items():
                if name is not None and name in known.get(source, {}):
                    here[alias] = known[source][name]
            through = {alias: dict(known[source]) for alias, (source, name) in module.aliases.items() if name is None}
            if done.get(module.name) == (here, through):
                continue
            done[module.name] = (here, through)
            fold = _Fold(here)
            module.body = _flat([fold.visit(_Through(through).visit(statement)) for statement in module.body])
            for statement in module.body:
                for target, value in assignments(statement):
                    found = _value(value)
                    if found is not None and _cheap(found[0]) and _assigned_once(module, target):
                        known[module.name][target] = found[0]
        if done == before:
            break
    for module in modules.values():
        module.body = [s for s in module.body if not _known(s, known[module.name])]


def of_micropython(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements without what only CPython does, without annotations and docstrings."""
    fold = _Fold({})
    return _flat([fold.visit(statement) for statement in without_text(body)])


class _Fold(ast.NodeTransformer):
    """What is known before the start: it is MicroPython, and constants are what they are."""

    def __init__(self, known: Mapping[str, object]) -> None:
        self.known = known

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if isinstance(node.ctx, ast.Load) and node.id in self.known:
            return ast.copy_location(ast.Constant(self.known[node.id]), node)  # type: ignore[arg-type]
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        if ast.unparse(node) == "sys.implementation.name == 'cpython'":
            return ast.copy_location(ast.Constant(False), node)
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if called(node) == "sleep" and ast.unparse(node.func) == "asyncio.sleep" and len(node.args) == 1:
            wait_ms = _milliseconds(node.args[0])
            if wait_ms is not None:
                return ast.parse(f"asyncio.sleep_ms({ast.unparse(wait_ms)})", mode="eval").body
        if called(node) == "hasattr" and ast.unparse(node) in CPYTHON_HAS:
            return ast.copy_location(ast.Constant(False), node)
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        value = _value(node)
        return node if value is None else ast.copy_location(ast.Constant(value[0]), node)  # type: ignore[arg-type]

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        value = _value(node)
        return (
            node if value is None or not isinstance(value[0], int) else ast.copy_location(ast.Constant(value[0]), node)
        )

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        self.generic_visit(node)
        first = node.values[0]
        if isinstance(node.op, ast.And) and isinstance(first, ast.Constant) and first.value is False:
            return first
        return node

    def visit_If(self, node: ast.If) -> ast.stmt | list[ast.stmt]:
        self.generic_visit(node)
        if isinstance(node.test, ast.Constant):
            return node.body if node.test.value else node.orelse
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.test, ast.Constant):
            return node.body if node.test.value else node.orelse
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt | None:
        self.generic_visit(node)
        return None if node.value is None else ast.copy_location(ast.Assign([node.target], node.value), node)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.stmt:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.stmt:
        return self._function(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.stmt:
        self.generic_visit(node)
        node.body = without_text(node.body)
        return node

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.stmt:
        outer, local = self.known, local_names(node)
        self.known = {name: value for name, value in outer.items() if name not in local}
        node.returns = None
        self.generic_visit(node)
        self.known = outer
        node.body = without_text(node.body)
        return node


def _value(node: ast.expr) -> tuple[object] | None:
    """(value,) of an expression that is a number, a text or bytes already; None if it is not."""
    if isinstance(node, ast.Constant):
        return (node.value,)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
        inner = _value(node.operand)
        if inner is None or not isinstance(inner[0], int):
            return None
        return (not inner[0],) if isinstance(node.op, ast.Not) else (-inner[0],)
    if isinstance(node, ast.BinOp):
        left, right = _value(node.left), _value(node.right)
        if left is None or right is None or not isinstance(left[0], int) or not isinstance(right[0], int):
            return None
        return (eval(compile(ast.Expression(ast.fix_missing_locations(node)), "", "eval"), {}),)
    return None


def _milliseconds(seconds: ast.expr) -> ast.expr | None:
    """An expression of whole milliseconds, where that is known: a number of seconds would be an object."""
    if isinstance(seconds, ast.Constant) and isinstance(seconds.value, int | float):
        return ast.Constant(int(seconds.value * 1000))
    match seconds:
        case ast.BinOp(left, ast.Div(), ast.Constant(1000)):
            return left
    return None


class _Through(ast.NodeTransformer):
    """alias.CONSTANT -> its value."""

    def __init__(self, known: Mapping[str, Mapping[str, object]]) -> None:
        self.known = known

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.stmt:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.stmt:
        return self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.stmt:
        outer, local = self.known, local_names(node)
        self.known = {alias: constants for alias, constants in outer.items() if alias not in local}
        self.generic_visit(node)
        self.known = outer
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.value, ast.Name) and isinstance(node.ctx, ast.Load):
            found = self.known.get(node.value.id, {})
            if node.attr in found:
                return ast.copy_location(ast.Constant(found[node.attr]), node)  # type: ignore[arg-type]
        return node


def _flat(statements: list[object]) -> list[ast.stmt]:
    out: list[ast.stmt] = []
    for item in statements:
        if isinstance(item, list):
            out += item
        elif isinstance(item, ast.stmt):
            out.append(item)
    return out


def _cheap(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= INTERN_CHARS_MAX
    return value is None or isinstance(value, int | float)


def _assigned_once(module: Module, name: str) -> bool:
    return sum(name in defines(statement) for statement in module.body) == 1


def _known(statement: ast.stmt, known: Mapping[str, object]) -> bool:
    """True for an assignment whose names all stand for their values already."""
    pairs = list(assignments(statement))
    return len(pairs) > 0 and all(name in known for name, _ in pairs)
