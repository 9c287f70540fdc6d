"""Reading: the modules of the firmware, each with what it imports and what it defines."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bellgate.errors import AnsimbellError
from bellsim.linker.tree import called, defines, walk, without_text

ENTRY = "bellnode.app"
PROGRAM = ("main",)  # what is called from outside
LEFT_OUT = ("bellnode.tls_cpython",)
LOANS = "bellnode.loan"
LOAN_CALLS = ("borrow", "hold")  # their argument, a literal, names a module


class LinkError(AnsimbellError):
    """The firmware is written in a way that cannot be linked safely; says where and what."""


Item = tuple[str, str]  # (module, top-level name), or (module, "Class.method") of a seldom method


@dataclass
class Module:
    """One source file. aliases: its name -> (module, name or None), of the firmware only; defs: its top-level names."""

    name: str
    body: list[ast.stmt]
    group: str = ""  # of all of it: see `bellnode.loan`
    plain: bool = False  # its texts are data: none of them names a member
    aliases: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    foreign: dict[str, ast.stmt] = field(default_factory=dict)
    defs: dict[str, list[ast.stmt]] = field(default_factory=dict)

    def statements(self) -> list[ast.stmt]:
        """Of the top, and the methods that were taken out of their classes."""
        return [*self.body, *(method for name, (method, *_) in self.defs.items() if "." in name)]


def read(packages: Mapping[str, Path]) -> Iterator[Module]:
    for package, folder in packages.items():
        for path in sorted(folder.glob("*.py")):
            name = package if path.stem == "__init__" else f"{package}.{path.stem}"
            if name not in LEFT_OUT:
                yield Module(name, ast.parse(path.read_text(), str(path)).body)


def prepare(module: Module, modules: Mapping[str, Module]) -> None:
    """Take imports and the mark of the whole module out of its statements."""
    body = []
    for statement in module.body:
        if isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test):
            continue
        if isinstance(statement, ast.ImportFrom | ast.Import):
            _import(module, statement, modules)
        elif defines(statement) == ["SELDOM"] and isinstance(statement, ast.Assign):
            module.group = ast.literal_eval(statement.value)
        elif defines(statement) == ["TEXTS_ARE_DATA"]:
            module.plain = True
        else:
            body.append(statement)
    module.body = without_text(body)


def _import(module: Module, statement: ast.ImportFrom | ast.Import, modules: Mapping[str, Module]) -> None:
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            if alias.name in modules:
                module.aliases[alias.asname or alias.name] = (alias.name, None)
            else:
                module.foreign[alias.asname or alias.name] = ast.Import([alias])
        return
    package = module.name.split(".")[0]
    source = (f"{package}.{statement.module}" if statement.module else package) if statement.level else statement.module
    assert source is not None
    for alias in statement.names:
        name = alias.asname or alias.name
        if f"{source}.{alias.name}" in modules:
            module.aliases[name] = (f"{source}.{alias.name}", None)
        elif source in modules:
            module.aliases[name] = (source, alias.name)
        else:
            module.foreign[name] = ast.ImportFrom(source, [alias], 0)


def index(module: Module) -> None:
    """Note what each statement of the top defines."""
    module.defs = {}
    for statement in module.body:
        if isinstance(statement, ast.If | ast.Try | ast.For | ast.While | ast.With):
            raise LinkError(f"{module.name}: a branch at the top of a module: {ast.unparse(statement)[:60]}")
        for name in defines(statement):
            module.defs.setdefault(name, []).append(statement)


def of_module(node: ast.Attribute, module: Module) -> bool:
    """True for alias.name, where alias is a module: ours or the interpreter's."""
    return isinstance(node.value, ast.Name) and (node.value.id in module.aliases or node.value.id in module.foreign)


def field_lists(module: Module) -> set[str]:
    """Names of what the module gives to a namedtuple as its fields."""
    return {
        inner.id
        for statement in module.body
        for node in walk(statement)
        if isinstance(node, ast.Call) and called(node) == "namedtuple"
        for inner in walk(node.args[1])
        if isinstance(inner, ast.Name)
    }


def field_texts(statements: Iterable[ast.stmt], lists: set[str]) -> set[int]:
    """id() of the literals in these statements that name the fields of a namedtuple. lists: see `field_lists`."""
    found = set()
    for statement in statements:
        for node in walk(statement):
            if isinstance(node, ast.Call) and called(node) == "namedtuple":
                found |= {id(inner) for inner in walk(node) if isinstance(inner, ast.Constant)}
        if isinstance(statement, ast.Assign | ast.AugAssign) and lists.intersection(defines(statement)):
            found |= {id(inner) for inner in walk(statement.value) if isinstance(inner, ast.Constant)}
    return found


def meant(modules: Mapping[str, Module], module: Module, node: ast.AST) -> Item | None:
    """What of which module a name, or an attribute of a module, stands for."""
    if isinstance(node, ast.Name):
        place = (module.name, node.id)
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        source, inner = module.aliases.get(node.value.id, ("", None))
        if not source or inner is not None:
            return None
        place = (source, node.attr)
    else:
        return None
    while True:
        own = any(place[1] in defines(statement) for statement in modules[place[0]].body)
        if own or place[1] not in modules[place[0]].aliases:
            return place
        source, name = modules[place[0]].aliases[place[1]]
        if name is None:
            return None
        place = (source, name)
