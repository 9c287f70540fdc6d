"""Where a module can be broken, and how: every mutant of a source, from its syntax tree.

A mutant replaces one piece of the text by another. Its name is the module, the function, the line as it is written and
the change: none of these moves when somebody edits another line.
"""

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

_COMPARED = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_RECKONED = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
}
_OPPOSITE = {"min": "max", "max": "min"}


@dataclass(frozen=True)
class Mutant:
    """One change. start, end: bytes of the source that `new` replaces. line: the first of them, as it is written."""

    module: str
    function: str
    line: str
    kind: str
    old: str
    new: str
    start: int = field(compare=False)
    end: int = field(compare=False)
    number: int = field(compare=False)  # of the line, to show
    nth: int = 1  # among changes that read the same

    @property
    def change(self) -> str:
        """The mutation as the list of explanations names it."""
        text = f"{self.kind}: {_short(self.old)} -> {_short(self.new)}"
        return text if self.nth == 1 else f"{text} ({self.nth})"

    @property
    def name(self) -> tuple[str, str, str, str]:
        return self.module, self.function, self.line, self.change

    def rank(self, seed: int) -> str:
        """Its place in the draw of this seed, whatever else is in the source."""
        return hashlib.sha256("\0".join((str(seed), *self.name)).encode()).hexdigest()

    def applied(self, source: bytes) -> bytes:
        return source[: self.start] + self.new.encode() + source[self.end :]

    def told(self) -> str:
        return f"{self.module}.py:{self.number} {self.function}: {self.change}\n      {self.line}"


def _short(text: str) -> str:
    return " ".join(text.split())


def mutants(module: str, source: bytes) -> list[Mutant]:
    """Every mutant of a module, in the order of its lines."""
    found = _Finder(module, source).found
    seen: dict[tuple[str, ...], int] = {}
    numbered = []
    for mutant in sorted(found, key=lambda one: (one.start, one.end, one.kind, one.new)):
        seen[mutant.name] = seen.get(mutant.name, 0) + 1
        numbered.append(mutant if seen[mutant.name] == 1 else Mutant(**{**mutant.__dict__, "nth": seen[mutant.name]}))
    return numbered


class _Finder:
    def __init__(self, module: str, source: bytes):
        self.module = module
        self.source = source
        self.lines = source.splitlines(keepends=True)
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line))
        self.found: list[Mutant] = []
        self.visit(ast.parse(source), "", set())

    def visit(self, node: ast.AST, function: str, bound: set[str]) -> None:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            function = f"{function}.{node.name}" if function else node.name
            if isinstance(node, ast.FunctionDef):
                bound = {arg.arg for arg in [*node.args.args, *node.args.kwonlyargs]}
        for kind, piece, new in self.changes(node, function, bound):
            self.add(function, kind, piece, new)
        for child in _children(node):
            self.visit(child, function, bound)
        if isinstance(node, ast.Assign):
            bound |= {name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)}

    def add(self, function: str, kind: str, piece: ast.AST, new: str) -> None:
        start = self.starts[piece.lineno - 1] + piece.col_offset  # type: ignore[attr-defined]
        end = self.starts[piece.end_lineno - 1] + piece.end_col_offset  # type: ignore[attr-defined]
        line = self.lines[piece.lineno - 1].decode().strip()  # type: ignore[attr-defined]
        old = self.source[start:end].decode()
        self.found.append(
            Mutant(self.module, function, line, kind, old, new, start, end, piece.lineno)  # type: ignore[attr-defined]
        )

    def changes(self, node: ast.AST, function: str, bound: set[str]) -> Iterator[tuple[str, ast.AST, str]]:
        """(kind, what is replaced, by what)."""
        text = self.text
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            for other in _COMPARED.get(type(node.ops[0]), ()):
                changed = ast.Compare(node.left, [other()], node.comparators)
                yield "compare", node, f"({ast.unparse(changed)})"
        elif isinstance(node, ast.Compare):
            for place, op in enumerate(node.ops):
                for other in _COMPARED.get(type(op), ()):
                    ops = [*node.ops[:place], other(), *node.ops[place + 1 :]]
                    yield "compare", node, f"({ast.unparse(ast.Compare(node.left, ops, node.comparators))})"
        elif isinstance(node, ast.BoolOp):
            other_op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield "logic", node, f"({ast.unparse(ast.BoolOp(other_op, node.values))})"
            for place in range(len(node.values)):
                rest = node.values[:place] + node.values[place + 1 :]
                left = rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
                yield "logic", node, f"({ast.unparse(left)})"
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield "negate", node, f"({text(node.operand)})"
        elif isinstance(node, ast.BinOp) and type(node.op) in _RECKONED and not _joins_text(node):
            yield "reckon", node, f"({ast.unparse(ast.BinOp(node.left, _RECKONED[type(node.op)](), node.right))})"
        elif isinstance(node, ast.Constant):
            yield from self.constants(node, function)
        elif isinstance(node, ast.Dict):
            yield from self.tables(node, function)
        elif isinstance(node, ast.Call):
            yield from self.calls(node)
        elif isinstance(node, ast.If | ast.While | ast.IfExp):
            simple = isinstance(node.test, ast.UnaryOp) or (
                isinstance(node.test, ast.Compare) and len(node.test.ops) == 1
            )
            if not simple:  # else it is among the changes of the test itself
                yield "negate", node.test, f"(not ({text(node.test)}))"
        elif isinstance(node, ast.stmt) and function:
            yield from self.statements(node, bound)

    def text(self, node: ast.AST) -> str:
        return _short(ast.unparse(node))

    def constants(self, node: ast.Constant, function: str) -> Iterator[tuple[str, ast.AST, str]]:
        value = node.value
        if value is True or value is False:
            yield "constant", node, str(not value)
        elif isinstance(value, int):
            yield "constant", node, str(value + 1)
            if value > 0:
                yield "constant", node, str(value - 1)
        elif isinstance(value, str) and function and value:
            yield "constant", node, repr("~" + value)

    def tables(self, node: ast.Dict, function: str) -> Iterator[tuple[str, ast.AST, str]]:
        """A row of a literal table left out, and each row with the next other value of that table."""
        if function or len(node.keys) < 2:
            return
        values = list(dict.fromkeys(ast.unparse(value) for value in node.values))
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None or isinstance(value, ast.Dict):
                continue
            here = ast.unparse(value)
            if len(values) > 1:
                other = values[(values.index(here) + 1) % len(values)]
                yield "row", _Span(key, value), f"{ast.unparse(key)}: {other}"
            yield "row", _Span(key, value), f'"~": {here}'

    def lines_of(self, text: ast.Constant) -> Iterator[tuple[str, ast.AST, str]]:
        """A line of a table that is one text left out, and each line with the next other outcome of that table."""
        rows = [(text.lineno + place, row) for place, row in enumerate(text.value.split("\n")) if row]
        ends = list(dict.fromkeys(row.split(" ", 2)[2] for _, row in rows))
        for number, row in rows:
            state, sign, end = row.split(" ", 2)
            if len(ends) > 1:
                other = ends[(ends.index(end) + 1) % len(ends)]
                yield "row", _Line(number), f"{state} {sign} {other}\n"
            yield "row", _Line(number), ""

    def calls(self, node: ast.Call) -> Iterator[tuple[str, ast.AST, str]]:
        if isinstance(node.func, ast.Name) and node.func.id == "Table" and isinstance(node.args[-1], ast.Constant):
            yield from self.lines_of(node.args[-1])
        if isinstance(node.func, ast.Name) and node.func.id in _OPPOSITE:
            yield "reckon", node.func, _OPPOSITE[node.func.id]
        for keyword in node.keywords:
            if keyword.arg:
                rest = [other for other in node.keywords if other is not keyword]
                yield "drop", node, ast.unparse(ast.Call(node.func, node.args, rest))

    def statements(self, node: ast.stmt, bound: set[str]) -> Iterator[tuple[str, ast.AST, str]]:
        if isinstance(node, ast.Return) and node.value is not None:
            value = node.value
            if isinstance(value, ast.Tuple) and len(value.elts) == 2:
                effects = value.elts[1]
                if not (isinstance(effects, ast.Tuple) and not effects.elts):
                    yield "drop", effects, "()"
            elif not (isinstance(value, ast.Constant) and value.value is None):
                yield "drop", value, "None"
        dropped = isinstance(node, ast.AugAssign | ast.Raise | ast.Delete | ast.Continue | ast.Break)
        if isinstance(node, ast.Expr):
            dropped = isinstance(node.value, ast.Call)
        if isinstance(node, ast.Assign):  # of a new name, it would only be a NameError
            names = [name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)]
            dropped = all(name in bound for name in names)
        if dropped:
            yield "drop", node, "pass"


class _Span(ast.AST):
    """From the start of one node to the end of another."""

    def __init__(self, first: ast.expr, last: ast.expr):
        self.lineno, self.col_offset = first.lineno, first.col_offset
        self.end_lineno, self.end_col_offset = last.end_lineno, last.end_col_offset


class _Line(ast.AST):
    """One line of the source, its end included."""

    def __init__(self, number: int):
        self.lineno, self.col_offset = number, 0
        self.end_lineno, self.end_col_offset = number + 1, 0


def _children(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.JoinedStr | ast.Import | ast.ImportFrom):
            continue  # what a message says is no decision, and a wrong import never runs
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue  # a docstring
        if isinstance(node, ast.Raise) and child is node.exc and isinstance(child, ast.Call):
            yield from (part for part in child.args if not isinstance(part, ast.Constant | ast.JoinedStr))
            continue
        yield child


def _joins_text(node: ast.BinOp) -> bool:
    """True where the opposite of + would be an error of types, not a fault: lists, tuples, texts."""
    for part in (node.left, node.right):
        if isinstance(part, ast.Tuple | ast.List | ast.JoinedStr | ast.ListComp):
            return True
        if isinstance(part, ast.Constant) and isinstance(part.value, str | bytes):
            return True
        if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Add) and _joins_text(part):
            return True
    return False
