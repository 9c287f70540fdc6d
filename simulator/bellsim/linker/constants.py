"""Constants: a text or a tuple of constants costs an object for each place where it stands, and these lie in the heap.

- What is said (a line of the log, why something is refused) is cut out of one long run of bytes when it is said. The
  bytes stay in flash, as each text would; but each text would have an object, always. So is a word that is only there
  when something went wrong, or in a module that is lent: it would have its place among the names for ever.
- What stands in several places becomes one object with a name.
- The fields of a namedtuple are one text, and a value is compared with one constant after the other.
"""

import ast
import re
from collections.abc import Callable, Iterator
from typing import Any

from bellsim.linker.fold import INTERN_CHARS_MAX
from bellsim.linker.tree import FUNCTIONS, called, copied, walk

SAID_MIN = 4  # fewer texts are not worth a run of bytes
COMPARED_MAX = 6
CODING = "utf-8"
_WORD = re.compile(r"\w+")
# Of these a part that is a constant has to be itself: it is a key, or compared with, or an object in any case.
_ITSELF = (ast.Compare, ast.Subscript, ast.Dict)


def thrifty(
    body: list[ast.stmt], name: Callable[[str], str], known: frozenset[str] = frozenset(), lent: bool = False
) -> list[ast.stmt]:
    """The statements of a file, changed: their constants in fewer objects. name: gives a new global name.

    known: names that are there in any case. lent: the file is there for a moment.
    """
    body = [_Compared().visit(statement) for statement in body]
    first = []
    if sum(isinstance(node, ast.Constant | ast.JoinedStr) for node in _spoken(body)) >= SAID_MIN:
        said = _Said(name("said"), lent, _passing(body, lent) - known)
        body = [said.visit(statement) for statement in body]
        first.append(said.statement())
    several = _several(body)
    hoisted = {key: name(f"constant_{place}") for place, key in enumerate(several)}
    body = [_Hoist(hoisted).visit(statement) for statement in body]
    first += [_assigned(hoisted[key], node) for key, node in several.items()]
    return [ast.fix_missing_locations(statement) for statement in [*first, *body]]


def _assigned(name: str, value: ast.expr) -> ast.stmt:
    return ast.Assign([ast.Name(name, ast.Store())], value)


def can_be_compared(node: ast.Compare) -> bool:
    """True for `value in …` if the value can be read once for each part of a tuple."""
    value = node.left
    plain = isinstance(value, ast.Name | ast.Attribute | ast.Subscript) and len(node.ops) == 1
    return (
        plain and isinstance(node.ops[0], ast.In | ast.NotIn) and not any(isinstance(n, ast.Call) for n in walk(value))
    )


class _Compared(ast.NodeTransformer):
    """x in (1, 2) -> x == 1 or x == 2; and the fields of a namedtuple as one text."""

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        op, other = node.ops[0], node.comparators[0]
        if (
            not can_be_compared(node)
            or not isinstance(other, ast.Tuple)
            or not 0 < len(other.elts) <= COMPARED_MAX
            or not all(isinstance(part, ast.Constant) for part in other.elts)
        ):
            return node
        each: ast.cmpop = ast.Eq() if isinstance(op, ast.In) else ast.NotEq()
        parts: list[ast.expr] = [ast.Compare(copied(node.left), [each], [part]) for part in other.elts]
        return ast.BoolOp(ast.Or() if isinstance(op, ast.In) else ast.And(), parts) if len(parts) > 1 else parts[0]

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if called(node) == "namedtuple" and isinstance(node.args[1], ast.Tuple):
            fields = [part.value for part in node.args[1].elts if isinstance(part, ast.Constant)]
            if fields and len(fields) == len(node.args[1].elts):
                node.args[1] = ast.Constant(" ".join(map(str, fields)))
        return node


class _Said(ast.NodeTransformer):
    """A text in a function -> str(SAID[12:34], "utf-8")."""

    def __init__(self, name: str, lent: bool, words: frozenset[str] = frozenset()) -> None:
        """words: what is cut though it could be a name, where it is rare; all of a file that is lent is."""
        self.name = name
        self.run = b""
        self.words = words
        self.met: list[str] = []  # words that could be cut
        self.rare = lent

    def statement(self) -> ast.stmt:
        """The run of bytes; after all have been visited."""
        return _assigned(self.name, ast.Constant(self.run))

    def visit(self, node: ast.AST) -> Any:
        outside = isinstance(node, ast.stmt) and not isinstance(node, (*FUNCTIONS, ast.ClassDef)) and not self.inside
        if outside and isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            call = node.value  # the fields of a namedtuple are read once
            if called(call) == "namedtuple" and _is_said(call.args[1]):
                call.args[1] = self.visit_Constant(call.args[1])  # type: ignore[arg-type]
        if outside:
            return node
        outer, self.rare = self.rare, self.rare or isinstance(node, ast.Raise | ast.ExceptHandler)
        found = super().visit(node)
        self.rare = outer
        return found

    inside = False

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.stmt:
        outer, self.inside = self.inside, True
        node.body = [self.visit(statement) for statement in node.body]
        self.inside = outer
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.stmt:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.stmt:
        return self._function(node)

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if not isinstance(node, _ITSELF):
            return super().generic_visit(node)
        kept = [part for part in ast.iter_child_nodes(node) if isinstance(part, ast.Constant)]
        held = [(part, part.value) for part in kept]
        for part in kept:
            part.value = None
        super().generic_visit(node)
        for part, value in held:
            part.value = value
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if not isinstance(node.value, str):
            return node
        if self.rare and _WORD.fullmatch(node.value):
            self.met.append(node.value)
            return self._cut(node.value) if node.value in self.words else node
        return self._cut(node.value) if _is_said(node) else node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
        values = []
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                values.append(self.visit(part.value))
                part.value = values[-1]
        text = _format(node)
        if text is None or _WORD.fullmatch(text):
            return node
        return ast.Call(ast.Attribute(self._cut(text), "format", ast.Load()), values, [])

    def _cut(self, text: str) -> ast.expr:
        data = text.encode()
        if data not in self.run:
            self.run += data
        at = self.run.index(data)
        place = ast.Slice(ast.Constant(at), ast.Constant(at + len(data)))
        cut = ast.Subscript(ast.Name(self.name, ast.Load()), place, ast.Load())
        return ast.Call(ast.Name("str", ast.Load()), [cut, ast.Constant(CODING)], [])


def _is_said(node: ast.expr) -> bool:
    """True for a text that is neither a word, which may be compared with, nor a single character. Even a short one
    costs its place among the names."""
    return (
        isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and len(node.value) > 1
        and node.value != CODING  # said in each cut
        and not _WORD.fullmatch(node.value)
    )


def _passing(body: list[ast.stmt], lent: bool) -> frozenset[str]:
    """The words that stand nowhere but where they could be cut."""
    said = _Said("", lent)
    for statement in copied(body):
        said.visit(statement)
    nodes = [node for statement in body for node in walk(statement)]
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    names = named(body)
    return frozenset(word for word in said.met if said.met.count(word) == texts.count(word) and word not in names)


def named(body: list[ast.stmt]) -> frozenset[str]:
    """The names of a file: what is called so, and fields of a namedtuple."""
    found: set[str] = set()
    for node in (node for statement in body for node in walk(statement)):
        if not isinstance(node, ast.Constant):
            found |= {value for _, value in ast.iter_fields(node) if isinstance(value, str)}
        if isinstance(node, ast.Call) and called(node) == "namedtuple":
            found |= {word for part in walk(node) if isinstance(part, ast.Constant) for word in str(part.value).split()}
    return frozenset(found)


def _format(node: ast.JoinedStr) -> str | None:
    """What MicroPython makes of it: the text that is asked to format the values; None for what it cannot be."""
    text = ""
    for part in node.values:
        if isinstance(part, ast.Constant):
            text += str(part.value).replace("{", "{{").replace("}", "}}")
        elif isinstance(part, ast.FormattedValue):
            spec = ""
            if isinstance(part.format_spec, ast.JoinedStr):
                if not all(isinstance(piece, ast.Constant) for piece in part.format_spec.values):
                    return None
                spec = ":" + "".join(str(piece.value) for piece in part.format_spec.values)  # type: ignore[attr-defined]
            text += "{" + {-1: "", 114: "!r", 115: "!s"}.get(part.conversion, "!") + spec + "}"
    return text


def _spoken(body: list[ast.stmt]) -> Iterator[ast.AST]:
    for statement in body:
        for function in walk(statement):
            if isinstance(function, FUNCTIONS):
                for node in walk(function):
                    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.expr) and _is_said(node)):
                        yield node


def _key(node: ast.AST) -> str | None:
    """What an object that can be shared is known by."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) > INTERN_CHARS_MAX:
        return repr(node.value)
    if isinstance(node, ast.Tuple) and node.elts and all(isinstance(part, ast.Constant) for part in node.elts):
        return ast.unparse(node) if isinstance(node.ctx, ast.Load) else None
    return None


def _several(body: list[ast.stmt]) -> dict[str, ast.expr]:
    """What stands in several places: one object and a name for it cost less than an object for each place."""
    times: dict[str, int] = {}
    found: dict[str, ast.expr] = {}
    for statement in body:
        pieces = {id(part) for node in walk(statement) if isinstance(node, ast.JoinedStr) for part in walk(node)}
        for node in walk(statement):
            key = None if id(node) in pieces else _key(node)
            if key is not None and isinstance(node, ast.expr):
                times[key] = times.get(key, 0) + 1
                found[key] = node
    return {key: found[key] for key in sorted(found) if times[key] > 1}


class _Hoist(ast.NodeTransformer):
    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
        for value in node.values:
            if isinstance(value, ast.FormattedValue):
                value.value = self.visit(value.value)
        return node

    def visit(self, node: ast.AST) -> Any:
        key = _key(node)
        if key in self.names:
            return ast.Name(self.names[key], ast.Load())
        return super().visit(node)
