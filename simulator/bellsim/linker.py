"""Links the firmware for a chip: from the source that people read to a few modules that cost little heap.

Each name, function, module and constant of MicroPython costs heap, even where the code runs in flash. So the linker

- joins what is always there into one module, and each module that is borrowed (see `bellnode.loan`) with what only it
  needs into another;
- puts constants in the place of their names, and leaves out what nobody asks for, docstrings and CPython's branches;
- gives what is private to the firmware names that a stock interpreter holds in its own flash anyway (`held`).

It changes no statement. What is data keeps its name: the rule is that a name which also stands somewhere as a text is
left alone, and so is every name of the interpreter, of a board or of an exception. What it cannot be sure of is a
LinkError, not a guess.
"""

import ast
import builtins
import copy
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bellgate.errors import AnsimbellError
from bellsim.held import HELD

ENTRY = "bellnode.app"
PROGRAM = ("main",)  # what is called from outside
LEFT_OUT = ("bellnode.tls_cpython",)
LOANS = "bellnode.loan"
LOAN_CALLS = ("borrow", "hold")  # their argument, a literal, names a module
INTERN_CHARS_MAX = 10  # a longer text costs an object for each place where it stands
# Names of machine, network, esp32 and neopixel: an object of theirs may be asked for them.
_BOARD = """
ADC AP_IF ATTN_11DB HEAP_DATA IN IRQ_FALLING IRQ_RISING NeoPixel OPEN_DRAIN OUT PM_NONE PULL_DOWN PULL_UP PWM
Partition Pin STA_IF TYPE_APP TYPE_DATA WDT WDT_RESET WLAN active atten block_size bpp config connect disconnect
duty_u16 erase feed fill find freq handler idf_heap_info info ioctl irq isconnected label mode on_quit pull read_uv
readblocks reset reset_cause scan status subtype timeout timing trigger type unique_id value write writeblocks
"""
BOARD = frozenset(_BOARD.split())
_BUILTIN = frozenset(dir(builtins)) | {"const"}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class LinkError(AnsimbellError):
    """The firmware is written in a way that cannot be linked safely; says where and what."""


Item = tuple[str, str]  # (module, top-level name), or (module, "Class.method") of a seldom method
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass
class Module:
    """One source file. aliases: its name -> (module, name or None), of the firmware only; defs: its top-level names."""

    name: str
    body: list[ast.stmt]
    group: str = ""  # of all of it: see `bellnode.loan`
    aliases: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    foreign: dict[str, ast.stmt] = field(default_factory=dict)
    defs: dict[str, list[ast.stmt]] = field(default_factory=dict)

    def statements(self) -> list[ast.stmt]:
        """Of the top, and the methods that were taken out of their classes."""
        return [*self.body, *(method for name, (method, *_) in self.defs.items() if "." in name)]


@dataclass(frozen=True)
class Linked:
    """files: path below the root -> source. names: what it is called there -> what it is called in the source."""

    files: dict[str, str]
    names: dict[str, str]

    def write(self, folder: Path) -> Path:
        """Write the sources into `folder`, and beside them `names.txt`, to read tracebacks with; returns it."""
        for path, text in self.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        (folder / "names.txt").write_text("".join(f"{new} {old}\n" for new, old in sorted(self.names.items())))
        return folder


def link(packages: Mapping[str, Path], held: tuple[str, ...] = HELD) -> Linked:
    """Link the firmware. packages: name -> folder, of bellwire and bellnode. held: names that cost nothing."""
    modules = {module.name: module for module in _read(packages)}
    program = _Program(modules)
    return program.linked(held)


# --- reading


def _read(packages: Mapping[str, Path]) -> Iterator[Module]:
    for package, folder in packages.items():
        for path in sorted(folder.glob("*.py")):
            name = package if path.stem == "__init__" else f"{package}.{path.stem}"
            if name not in LEFT_OUT:
                yield Module(name, ast.parse(path.read_text(), str(path)).body)


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
        node.body = _without_text(node.body)
        return node

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.stmt:
        outer = self.known
        self.known = {name: value for name, value in outer.items() if name not in _bound(node)}
        node.returns = None
        self.generic_visit(node)
        self.known = outer
        node.body = _without_text(node.body)
        return node


def _without_text(body: list[ast.stmt]) -> list[ast.stmt]:
    kept = [s for s in body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
    return kept or [ast.Pass()]


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


def _bound(function: ast.AST) -> set[str]:
    """Every name that is local somewhere in a function, those of functions and comprehensions inside it included."""
    return {name for node in ast.walk(function) for name in _bound_by(node, function)}


def _bound_by(node: ast.AST, function: ast.AST) -> list[str]:
    if isinstance(node, ast.arg):
        return [node.arg]
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
        return [node.id]
    if isinstance(node, ast.ExceptHandler) and node.name:
        return [node.name]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [(alias.asname or alias.name).split(".")[0] for alias in node.names]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node is not function:
        return [node.name]
    return []


def _arguments(function: ast.AST) -> list[str]:
    return [node.arg for node in ast.walk(function) if isinstance(node, ast.arg)]


# --- the program


class _Program:
    def __init__(self, modules: dict[str, Module]) -> None:
        self.modules = modules
        for module in modules.values():
            self._prepare(module)
        self._constants()
        for module in modules.values():
            self._index(module)
        self.borrowed = self._borrowed()
        self.asked = {
            node.attr
            for module in modules.values()
            for statement in module.body
            for node in ast.walk(statement)
            if isinstance(node, ast.Attribute)
        }
        self.methods: dict[str, tuple[str, str]] = {}  # name of a seldom method -> (module, "Class.name")
        self.marks = self._marked()
        self.uses = {
            (module.name, name): {use for statement in statements for use in self._uses(module, statement)}
            for module in modules.values()
            for name, statements in module.defs.items()
        }
        self.home = self._homes()
        self.files = [ENTRY, *sorted({file for files in self.home.values() for file in files} - {ENTRY})]

    def _prepare(self, module: Module) -> None:
        body = []
        for statement in module.body:
            if isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test):
                continue
            if isinstance(statement, ast.ImportFrom | ast.Import):
                self._import(module, statement)
            elif _defines(statement) == ["SELDOM"] and isinstance(statement, ast.Assign):
                module.group = ast.literal_eval(statement.value)
            else:
                body.append(statement)
        module.body = _without_text(body)

    def _import(self, module: Module, statement: ast.ImportFrom | ast.Import) -> None:
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                if alias.name in self.modules:
                    module.aliases[alias.asname or alias.name] = (alias.name, None)
                else:
                    module.foreign[alias.asname or alias.name] = ast.Import([alias])
            return
        package = module.name.split(".")[0]
        source = (
            (f"{package}.{statement.module}" if statement.module else package) if statement.level else statement.module
        )
        assert source is not None
        for alias in statement.names:
            name = alias.asname or alias.name
            if f"{source}.{alias.name}" in self.modules:
                module.aliases[name] = (f"{source}.{alias.name}", None)
            elif source in self.modules:
                module.aliases[name] = (source, alias.name)
            else:
                module.foreign[name] = ast.ImportFrom(source, [alias], 0)

    def _constants(self) -> None:
        """Put numbers and short texts in the place of their names, in every module, until nothing changes."""
        for target, value in (pair for statement in self.modules[LOANS].body for pair in _pairs(statement)):
            if target == "_LINKED" and isinstance(value, ast.Constant):
                value.value = True
        known: dict[str, dict[str, object]] = {name: {} for name in self.modules}
        for _ in range(4):
            for module in self.modules.values():
                here = dict(known[module.name])
                for alias, (source, name) in module.aliases.items():
                    if name is not None and name in known.get(source, {}):
                        here[alias] = known[source][name]
                through = {alias: known[source] for alias, (source, name) in module.aliases.items() if name is None}
                fold = _Fold(here)
                module.body = _flat([fold.visit(_Through(through).visit(statement)) for statement in module.body])
                for statement in module.body:
                    for target, value in _pairs(statement):
                        found = _value(value)
                        if found is not None and _cheap(found[0]) and _assigned_once(module, target):
                            known[module.name][target] = found[0]
        for module in self.modules.values():
            module.body = [s for s in module.body if not _known(s, known[module.name])]

    def _index(self, module: Module) -> None:
        module.defs = {}
        for statement in module.body:
            if isinstance(statement, ast.If | ast.Try | ast.For | ast.While | ast.With):
                raise LinkError(f"{module.name}: a branch at the top of a module: {ast.unparse(statement)[:60]}")
            for name in _defines(statement):
                module.defs.setdefault(name, []).append(statement)

    def _borrowed(self) -> list[str]:
        found = set()
        for module in self.modules.values():
            for node in ast.walk(ast.Module(module.body, [])):
                if isinstance(node, ast.Call) and _called(node) in LOAN_CALLS and module.name != LOANS:
                    if not node.args or not isinstance(node.args[0], ast.Constant):
                        raise LinkError(f"{module.name}: {ast.unparse(node)}: a loan names its module by a literal")
                    found.add(f"bellnode.{node.args[0].value!s}")
        unknown = found - set(self.modules)
        if unknown:
            raise LinkError(f"borrowed, and not there: {', '.join(sorted(unknown))}")
        return sorted(found)

    def _marked(self) -> dict[Item, str]:
        """What is marked as seldom, and all of a module that is lent by its name: item -> file. Takes the marks off."""
        found: dict[Item, str] = {}
        for module in self.modules.values():
            if module.group:
                found |= {(module.name, name): f"bellnode.{module.group}" for name in module.defs}
            for statement in list(module.body):
                if isinstance(statement, FUNCTIONS):
                    group = _unmark(statement)
                    if group:
                        found[module.name, statement.name] = f"bellnode.{group}"
                elif isinstance(statement, ast.ClassDef):
                    group = _unmark(statement)
                    if group:
                        found[module.name, statement.name] = f"bellnode.{group}"
                    for method in list(statement.body):
                        group = _unmark(method) if isinstance(method, FUNCTIONS) else None
                        if group:
                            assert isinstance(method, FUNCTIONS)
                            self._take_out(module, statement, method)
                            found[module.name, f"{statement.name}.{method.name}"] = f"bellnode.{group}"
            if module.name in self.borrowed:
                found |= {(module.name, name): module.name for name in module.defs if (module.name, name) not in found}
        for module in self.modules.values():
            for name, statements in module.defs.items():
                if any(isinstance(statement, ast.ClassDef) and statement.bases for statement in statements):
                    found[module.name, name] = ENTRY  # an exception that was loaded twice would be two
        return found

    def _take_out(self, module: Module, owner: ast.ClassDef, method: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Make a method a function of the module, which is called with the object."""
        others = [
            node
            for other in self.modules.values()
            for statement in other.body
            if isinstance(statement, ast.ClassDef)
            for node in statement.body
            if isinstance(node, FUNCTIONS) and node.name == method.name and node is not method
        ]
        if others or method.name.startswith("__"):
            raise LinkError(f"{module.name}: {owner.name}.{method.name} is seldom, so no other may have its name")
        owner.body.remove(method)
        owner.body = owner.body or [ast.Pass()]
        name = f"{owner.name}.{method.name}"
        self.methods[method.name] = (module.name, name)
        module.defs[name] = [method]

    def _homes(self) -> dict[Item, set[str]]:
        """item -> the files that have it. What is marked has its own place; what is always needed is in ENTRY; of all
        else each file that needs it has a copy. What nobody needs has none."""
        home: dict[Item, set[str]] = {(ENTRY, name): {ENTRY} for name in PROGRAM}
        home |= {(LOANS, name): {ENTRY} for name in LOAN_CALLS}
        for item, file in self.marks.items():
            if item[0] in self.borrowed and item[1] in self.asked:
                home[item] = {file}
        todo = list(home)
        while todo:
            item = todo.pop()
            for use in self.uses.get(item, ()):
                if use in self.marks:
                    wanted = {self.marks[use]}
                else:
                    wanted = {ENTRY} if self._is_class(use) else home.get(use, set()) | home[item]
                    wanted = {ENTRY} if ENTRY in wanted else wanted
                if home.get(use) != wanted:
                    home[use] = wanted
                    todo.append(use)
        return home

    def _is_class(self, item: Item) -> bool:
        """True for what objects may be left of: then their class, and its whole module, would stay for their sake."""
        return any(isinstance(statement, ast.ClassDef) for statement in self.modules[item[0]].defs[item[1]])

    def _resolved(self, source: str, name: str | None) -> tuple[str, str | None]:
        """Where a name that is imported is defined, through the modules that pass it on."""
        while name is not None and name in self.modules[source].aliases and name not in self.modules[source].defs:
            source, inner = self.modules[source].aliases[name]
            if inner is None:
                return source, None
            name = inner
        return source, name

    # --- what is needed

    def _uses(self, module: Module, statement: ast.AST) -> Iterator[Item]:
        if isinstance(statement, ast.ClassDef):
            for inner in [*statement.bases, *statement.body]:
                if not isinstance(inner, FUNCTIONS) or inner.name.startswith("__") or inner.name in self.asked:
                    yield from self._uses(module, inner)
            return
        for node in ast.walk(statement):
            if isinstance(node, ast.Name):
                if node.id in module.defs:
                    yield module.name, node.id
                elif node.id in module.aliases:
                    target, name = self._resolved(*module.aliases[node.id])
                    if name is not None:
                        yield target, name
            elif isinstance(node, ast.Attribute):
                if node.attr in self.methods and not _of_module(node, module):
                    yield self.methods[node.attr]
                if isinstance(node.value, ast.Name) and node.value.id in module.aliases:
                    source, name = module.aliases[node.value.id]
                    if name is None:
                        target, found = self._resolved(source, node.attr)
                        if found is not None:
                            yield target, found

    # --- writing

    def linked(self, held: tuple[str, ...]) -> Linked:
        """All files, with their names changed."""
        names = _Names(self, held)
        files = {"bellnode/__init__.py": ""}
        order: list[str] = []
        self._order(ENTRY, order)
        for module in self.modules:
            self._order(module, order)
        for file in self.files:  # what is borrowed lies at the top: a shorter name, and no package that keeps it
            path = file.replace(".", "/") if file == ENTRY else file.split(".")[1]
            files[path + ".py"] = self._file(file, order, names)
        return Linked(files, names.back())

    def _order(self, module: str, found: list[str], trail: tuple[str, ...] = ()) -> None:
        if module in found or module in trail:
            return
        for source, name in self.modules[module].aliases.values():
            self._order(self._resolved(source, name)[0], found, (*trail, module))
        found.append(module)

    def _file(self, file: str, order: list[str], names: "_Names") -> str:
        imports: dict[str, str] = {}
        body: list[ast.stmt] = []
        resident = False
        for name in order:
            module = self.modules[name]
            rename = _Rename(self, module, file, names)
            mine = [item for item in module.defs if file in self.home.get((name, item), ())]
            done = []
            for statement in [*module.body, *(module.defs[item][0] for item in mine if "." in item)]:
                defined = _defines(statement)
                here = any(statement in module.defs[item] for item in mine)
                if not here and (defined or file != ENTRY):
                    continue
                used = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
                for alias, imported in module.foreign.items():
                    text = ast.unparse(imported)
                    if imports.get(alias, text) != text:
                        raise LinkError(f"{file}: {alias} is two things: {imports[alias]} and {text}")
                    if alias in used:
                        imports[alias] = text
                done.append(rename.top(copy.deepcopy(statement)))
            body += done
            resident = resident or rename.resident
        lines = sorted(imports.values())
        if resident:
            lines.append(f"import {ENTRY} as {names.of_file(ENTRY)}")
        texts = _shared_texts(body) if file == ENTRY else []
        hoisted = {text: names._next(f"text_{place}") for place, text in enumerate(texts)}
        body = [_Hoist(hoisted).visit(statement) for statement in body]
        lines += [f"{name} = {text!r}" for text, name in hoisted.items()]
        tree = ast.fix_missing_locations(ast.Module(body, []))
        return "\n".join(lines) + "\n" + ast.unparse(tree) + "\n"


def _texts(body: Iterable[ast.stmt]) -> Iterator[ast.Constant]:
    """Texts that cost an object each; not the pieces of f-strings."""
    for statement in body:
        pieces = {id(part) for node in ast.walk(statement) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in ast.walk(statement):
            if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in pieces:
                continue
            if len(node.value) > INTERN_CHARS_MAX:
                yield node


def _shared_texts(body: list[ast.stmt]) -> list[str]:
    """Those that stand in several places: one object and a name for it cost less than an object for each place."""
    found: dict[str, int] = {}
    for node in _texts(body):
        found[str(node.value)] = found.get(str(node.value), 0) + 1
    return sorted(text for text, times in found.items() if times > 1)


class _Hoist(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
        for value in node.values:
            if isinstance(value, ast.FormattedValue):
                self.visit(value)
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if isinstance(node.value, str) and node.value in self.names:
            return ast.Name(self.names[node.value], ast.Load())
        return node


def _of_module(node: ast.Attribute, module: Module) -> bool:
    """True for alias.name, where alias is a module: ours or the interpreter's."""
    return isinstance(node.value, ast.Name) and (node.value.id in module.aliases or node.value.id in module.foreign)


def _unmark(function: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> str | None:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and _called(decorator) == "seldom":
            function.decorator_list.remove(decorator)
            return str(ast.literal_eval(decorator.args[0]))
    return None


class _Through(ast.NodeTransformer):
    """alias.CONSTANT -> its value."""

    def __init__(self, known: Mapping[str, Mapping[str, object]]) -> None:
        self.known = known

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


def _pairs(statement: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    """(name, value) of NAME = value, and of A, B = a, b."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target, value = statement.targets[0], statement.value
        if isinstance(target, ast.Name):
            yield target.id, value
        elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for one, other in zip(target.elts, value.elts, strict=True):
                if isinstance(one, ast.Name):
                    yield one.id, other


def _cheap(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= INTERN_CHARS_MAX
    return value is None or isinstance(value, int)


def _assigned_once(module: Module, name: str) -> bool:
    return sum(name in _defines(statement) for statement in module.body) == 1


def _known(statement: ast.stmt, known: Mapping[str, object]) -> bool:
    """True for an assignment whose names all stand for their values already."""
    pairs = list(_pairs(statement))
    return len(pairs) > 0 and all(name in known for name, _ in pairs)


def _defines(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    found = []
    if isinstance(statement, ast.Assign | ast.AugAssign):
        for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
            found += [node.id for node in ast.walk(target) if isinstance(node, ast.Name)]
    return found


def _called(node: ast.Call) -> str:
    return (
        node.func.id
        if isinstance(node.func, ast.Name)
        else node.func.attr
        if isinstance(node.func, ast.Attribute)
        else ""
    )


# --- names


class _Names:
    """Who is called what. Every new name is one that costs nothing, as long as there are any."""

    def __init__(self, program: _Program, held: tuple[str, ...]) -> None:
        self.program = program
        self._survey()
        taken = self.kept | _BUILTIN | set(self.foreign)
        free = [name for name in held if name not in taken]
        arguments, rest = free[:ARGUMENTS], free[ARGUMENTS:]
        self.arguments = arguments
        self.members: dict[str, str] = {}
        for name in sorted(self.ours):
            if name not in held:
                self.members[name] = rest.pop(0) if rest else name
        self._spare = rest
        self.globals: dict[Item, str] = {}
        self.resident = self._next("resident")
        taken_in: dict[str, set[str]] = {file: set() for file in program.files}
        for item, homes in program.home.items():
            module, name = item
            if (module in program.borrowed and module in homes) or item in [(ENTRY, name) for name in PROGRAM]:
                self.globals[item] = self.members.get(name, name)
            elif self._fixed(module, name):
                self.globals[item] = name
            elif ENTRY in homes:
                self.globals[item] = self._next(f"{module.split('.')[-1]}_{name.replace('.', '_')}")
        for item, homes in program.home.items():
            if item not in self.globals:
                used = {name for file in homes for name in taken_in[file]}
                otherwise = f"{item[0].split('.')[-1]}_{item[1].replace('.', '_')}"
                self.globals[item] = next((name for name in self._spare if name not in used), otherwise)
                for file in homes:
                    taken_in[file].add(self.globals[item])

    def _next(self, otherwise: str) -> str:
        return self._spare.pop(0) if self._spare else otherwise

    def _fixed(self, module: str, item: str) -> bool:
        """An exception says its name in the log."""
        return any(isinstance(s, ast.ClassDef) and s.bases for s in self.program.modules[module].defs[item])

    def _survey(self) -> None:
        """ours: members that may be renamed. kept: every other name in the program. foreign: of the interpreter."""
        program = self.program
        defined: set[str] = set()
        texts: set[str] = set()
        asked: set[str] = set()
        foreign: set[str] = set(BOARD)
        keywords: set[str] = set()
        for module in program.modules.values():
            fields = _field_texts(module.body, module)
            for statement in module.statements():
                for node in ast.walk(statement):
                    if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in fields:
                        texts.add(node.value)
                    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                        defined.add(node.value)
                    elif isinstance(node, ast.ClassDef):
                        defined |= {item for s in node.body for item in _defines_in_class(s)}
                    elif isinstance(node, ast.Attribute):
                        if isinstance(node.ctx, ast.Store):
                            defined.add(node.attr)
                        asked.add(node.attr)
                        if isinstance(node.value, ast.Name) and node.value.id in module.foreign:
                            foreign.add(node.attr)
                    elif isinstance(node, ast.Call):
                        data = self._data_keywords(module, node)
                        for keyword in node.keywords:
                            if keyword.arg is None:
                                continue
                            if data is None:
                                foreign.add(keyword.arg)
                            elif keyword.arg in data:
                                texts.add(keyword.arg)
                            else:
                                keywords.add(keyword.arg)
        defined |= {name for module, name in program.home if module in program.borrowed}
        self.ours = {
            name
            for name in defined | keywords
            if name not in texts and name not in foreign and name not in _BUILTIN and not name.startswith("__")
        }
        self.foreign = foreign
        everything = texts | asked | defined | keywords | foreign
        for module in program.modules.values():
            everything |= set(module.foreign)
        self.kept = {name for name in everything if name not in self.ours or name in HELD} | set(PROGRAM)
        self.keywords = keywords

    def _data_keywords(self, module: Module, call: ast.Call) -> set[str] | None:
        """Of a call's keywords, those that become keys of a dict; None if the interpreter's function takes them all."""
        given = {keyword.arg for keyword in call.keywords if keyword.arg}
        target = self._function(module, call)
        if target is None:
            return None
        if isinstance(target, ast.ClassDef):
            target = next((s for s in target.body if isinstance(s, ast.FunctionDef) and s.name == "__init__"), None)
        if target is None or isinstance(target, ast.Assign):  # a namedtuple
            return set()
        names = {arg.arg for arg in [*target.args.args, *target.args.kwonlyargs]}
        if target.args.kwarg is None or "getattr" in ast.unparse(target):  # the latter: fields of a namedtuple
            return set()
        return given - names

    def _function(self, module: Module, call: ast.Call) -> ast.FunctionDef | ast.ClassDef | ast.Assign | None:
        place: tuple[str, str | None] | None = None
        func = call.func
        if isinstance(func, ast.Attribute) and func.attr in self.program.methods and not _of_module(func, module):
            source, name = self.program.methods[func.attr]
            return self.program.modules[source].defs[name][0]  # type: ignore[return-value]
        if isinstance(func, ast.Name):
            if func.id in module.defs:
                place = module.name, func.id
            elif func.id in module.aliases:
                place = self.program._resolved(*module.aliases[func.id])
        elif isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name):
            if func.value.id in module.aliases and module.aliases[func.value.id][1] is None:
                place = self.program._resolved(module.aliases[func.value.id][0], func.attr)
            elif func.value.id not in module.foreign:
                # A borrowed module, or an object of ours: whatever has this name
                for other in self.program.modules.values():
                    for statement in other.body:
                        for node in ast.walk(statement):
                            if isinstance(node, ast.FunctionDef) and node.name == func.attr:
                                return node
        if place is None or place[1] is None:
            return None
        for statement in self.program.modules[place[0]].defs.get(place[1], ()):
            return statement  # type: ignore[return-value]
        return None

    def of_file(self, file: str) -> str:
        """What the module that is always there is called in the others."""
        assert file == ENTRY
        return self.resident

    def place(self, item: Item, file: str) -> str:
        """The text that names an item in `file`."""
        homes = self.program.home[item]
        if file in homes:
            return self.globals[item]
        if ENTRY in homes:
            return f"{self.resident}.{self.globals[item]}"
        (home,) = homes
        return f"{self.place((LOANS, 'borrow'), file)}({home.split('.')[1]!r}).{self.globals[item]}"

    def back(self) -> dict[str, str]:
        """What each new name stands for."""
        found = {new: old for old, new in self.members.items() if new != old}
        for (module, item), new in self.globals.items():
            for home in self.program.home[module, item]:
                if new != item:
                    found[new if home == ENTRY else f"{home.split('.')[1]}.{new}"] = f"{module}.{item}"
        return found


ARGUMENTS = 26  # names of arguments; no function of the firmware has more


def _defines_in_class(statement: ast.stmt) -> list[str]:
    return _defines(statement)


def _field_texts(statements: list[ast.stmt], module: Module) -> set[int]:
    """id() of the literals in these statements of the module that name the fields of a namedtuple."""
    tuples = set()
    for statement in module.body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Call) and _called(node) == "namedtuple":
                tuples |= {inner.id for inner in ast.walk(node.args[1]) if isinstance(inner, ast.Name)}
    found = set()
    for statement in statements:
        for node in ast.walk(statement):
            if isinstance(node, ast.Call) and _called(node) == "namedtuple":
                found |= {id(inner) for inner in ast.walk(node) if isinstance(inner, ast.Constant)}
        if isinstance(statement, ast.Assign | ast.AugAssign) and set(_defines(statement)) & tuples:
            found |= {id(inner) for inner in ast.walk(statement.value) if isinstance(inner, ast.Constant)}
    return found


class _Rename(ast.NodeTransformer):
    """One module's statements as they stand in a file."""

    def __init__(self, program: _Program, module: Module, file: str, names: _Names) -> None:
        self.program, self.module, self.file, self.names = program, module, file, names
        self.fields: set[int] = set()
        self.local: dict[str, str] = {}
        self.resident = False  # True if it asks for anything that is always there

    def top(self, statement: ast.stmt) -> ast.stmt:
        """The statement with its names changed."""
        self.fields = _field_texts([statement], self.module)
        bound = {
            node.id
            for comprehension in ast.walk(statement)
            if isinstance(comprehension, ast.comprehension)
            for node in ast.walk(comprehension.target)
            if isinstance(node, ast.Name)
        }
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            self.local = {name: f"v{place}" for place, name in enumerate(sorted(bound))}
        found = self.visit(statement)
        self.local = {}
        assert isinstance(found, ast.stmt)
        return found

    def _place(self, module: str, item: str | None, node: ast.expr) -> ast.expr:
        if item is None:
            raise LinkError(f"{self.module.name}: a module as a value: {ast.unparse(node)}")
        homes = self.program.home.get((module, item))
        if homes is None:
            raise LinkError(f"{self.module.name}: {ast.unparse(node)} is not there")
        if self.file not in homes:
            self.resident = self.resident or self.file != ENTRY
        found = ast.parse(self.names.place((module, item), self.file), mode="eval").body
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(found, ast.Name):
            found.ctx = node.ctx
        return found

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self.local:
            return ast.Name(self.local[node.id], node.ctx)
        if node.id in self.module.defs:
            return self._place(self.module.name, node.id, node)
        if node.id in self.module.aliases:
            return self._place(*self.program._resolved(*self.module.aliases[node.id]), node)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if (
            isinstance(node.value, ast.Name)
            and node.value.id not in self.local
            and node.value.id in self.module.aliases
        ):
            source, name = self.module.aliases[node.value.id]
            if name is None:
                return self._place(*self.program._resolved(source, node.attr), node)
        if node.attr in self.program.methods:
            raise LinkError(f"{self.module.name}: {ast.unparse(node)} is seldom: it can only be called")
        node.value = self.visit(node.value)
        node.attr = self.names.members.get(node.attr, node.attr)
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if id(node) in self.fields and isinstance(node.value, str):
            return ast.Constant(self.names.members.get(node.value, node.value))
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        foreign = self.names._data_keywords(self.module, node) is None
        if _called(node) == "namedtuple" and isinstance(node.args[0], ast.Constant):
            node.args[0] = ast.Constant(self.names.arguments[0])  # only a repr would show it
        keywords = [(keyword.arg, self.visit(keyword.value)) for keyword in node.keywords]
        if _called(node) == "isinstance":
            uses = set(self.program._uses(self.module, node.args[1]))
            if any(ENTRY not in self.program.home[item] for item in uses):
                raise LinkError(f"{self.module.name}: {ast.unparse(node)}: a class that is loaded twice is two classes")
        func = node.func
        if isinstance(func, ast.Attribute) and func.attr in self.program.methods and not _of_module(func, self.module):
            node.args = [func.value, *node.args]
            node.func = self._place(*self.program.methods[func.attr], func)
        else:
            node.func = self.visit(node.func)
        node.args = [self.visit(argument) for argument in node.args]
        node.keywords = [
            ast.keyword(arg if foreign or arg is None else self.names.members.get(arg, arg), value)
            for arg, value in keywords
        ]
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.stmt:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.stmt:
        return self._function(node)

    def visit_Lambda(self, node: ast.Lambda) -> ast.expr:
        outer = self.local
        if not outer:
            self.local = self._locals(node)
        node.args = self.visit(node.args)
        node.body = self.visit(node.body)
        self.local = outer
        return node

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.stmt:
        outermost = not self.local
        # Defaults are values of outside, but a default never names what is also local inside: see _locals.
        defaults = [self.visit(value) for value in node.args.defaults]
        if node.name in self.local:
            node.name = self.local[node.name]
        elif self._in_class:
            node.name = self.names.members.get(node.name, node.name)
        else:
            name = node.name if node.name in self.module.defs else self.program.methods[node.name][1]
            node.name = self.names.globals[self.module.name, name]
        inside, self._in_class = self._in_class, False
        if outermost:
            self.local = self._locals(node)
        node.args.defaults = []
        node.args = self.visit(node.args)
        node.args.defaults = defaults
        node.body = [self.visit(statement) for statement in node.body]
        if outermost:
            self.local = {}
        self._in_class = inside
        return node

    _in_class = False

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.stmt:
        node.name = self.names.globals[self.module.name, node.name]
        node.bases = [self.visit(base) for base in node.bases]
        self._in_class = True
        body = []
        for statement in node.body:
            if (
                isinstance(statement, ast.FunctionDef)
                and not statement.name.startswith("__")
                and statement.name not in self.program.asked
            ):
                continue
            if isinstance(statement, ast.Assign):
                for target in statement.targets:
                    assert isinstance(target, ast.Name)
                    target.id = self.names.members.get(target.id, target.id)
                statement.value = self.visit(statement.value)
                body.append(statement)
            else:
                body.append(self.visit(statement))
        node.body = list(body) or [ast.Pass()]
        self._in_class = False
        return node

    def _locals(self, function: ast.AST) -> dict[str, str]:
        bound = _bound(function)
        self._refuse_two_meanings(function, bound)
        arguments = []
        for name in _arguments(function):
            if name not in arguments:
                arguments.append(name)
        found = {}
        free = list(self.names.arguments)
        for name in arguments:
            if name in self.names.keywords or not free:
                found[name] = self.names.members.get(name, name)
            else:
                found[name] = free.pop(0)
        for place, name in enumerate(sorted(bound - set(arguments))):
            found[name] = f"v{place}"
        return found

    def _refuse_two_meanings(self, function: ast.AST, bound: set[str]) -> None:
        """A name that is local only in a comprehension, a lambda or a function inside may not be a global name too."""
        inner = [
            node
            for node in ast.walk(function)
            if isinstance(
                node, ast.ListComp | ast.DictComp | ast.GeneratorExp | ast.SetComp | ast.Lambda | ast.FunctionDef
            )
            and node is not function
        ]
        hidden = {id(part) for node in inner for part in ast.walk(node)}
        outside = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and id(node) not in hidden}
        only_inside = bound - {
            name for part in ast.walk(function) if id(part) not in hidden for name in _bound_by(part, function)
        }
        for name in only_inside & outside:
            if name in self.module.defs or name in self.module.aliases or name in self.module.foreign:
                raise LinkError(f"{self.module.name}: {name} is global, and local in a part of a function: rename one")

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.arg = self.local.get(node.arg, node.arg)
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.ExceptHandler:
        if node.name:
            node.name = self.local.get(node.name, node.name)
        self.generic_visit(node)
        return node

    def visit_Import(self, node: ast.Import) -> ast.stmt:
        for alias in node.names:
            alias.asname = self.local.get(alias.asname or alias.name, alias.asname or alias.name)
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.stmt:
        raise LinkError(f"{self.module.name}: {ast.unparse(node)} inside a function: borrow it")

    def visit_Nonlocal(self, node: ast.Nonlocal) -> ast.stmt:
        node.names = [self.local[name] for name in node.names]
        return node

    def visit_Global(self, node: ast.Global) -> ast.stmt:
        raise LinkError(f"{self.module.name}: {ast.unparse(node)}: the linker knows no global statement")


def main(given: list[str]) -> None:
    """`python -m bellsim.linker FIRMWARE OUT`: link the packages in one folder into another."""
    source, out = Path(given[0]), Path(given[1])
    link({package: source / package for package in ("bellwire", "bellnode")}).write(out)


if __name__ == "__main__":
    main(sys.argv[1:])
