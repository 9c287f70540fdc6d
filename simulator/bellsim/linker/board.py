"""The simulated board: its modules become one, what is private to it gets names that the interpreter holds, as the
firmware's does, and its numbers stand where they are used.

A chip has its drivers in its interpreter, and none of their names in the heap. Here each of them lies in the heap that
the firmware has to share.
"""

import ast
from collections.abc import Callable, Mapping

from bellsim.held import HELD
from bellsim.linker.constants import thrifty
from bellsim.linker.fold import of_micropython
from bellsim.linker.merge import constructor
from bellsim.linker.names import BUILTIN
from bellsim.linker.source import LinkError
from bellsim.linker.tree import FUNCTIONS, assignments, defines, walk, without_text

# The first holds the others: it is what every bell imports first, so that nobody reads their files.
JOINED = ("unix_port", "machine", "network", "esp32", "neopixel")
LENT = "once"  # the first of JOINED asks it for what it has not, and forgets it


def board(
    sources: Mapping[str, str], own: tuple[str, ...], asked: frozenset[str], values: frozenset[str] = frozenset()
) -> dict[str, str]:
    """The sources (module -> text) with other names for what the modules `own` define and nobody else knows of.

    asked: every name of the firmware; values: those that it asks for something. What of JOINED is there becomes one
    module, of as few classes as can be.
    """
    trees = {module: ast.parse(text) for module, text in sources.items()}
    for module in own:
        if module in trees:
            trees[module].body = of_micropython(trees[module].body)
    parts = [module for module in JOINED if module in trees]
    if len(parts) > 1:
        _join(trees, parts, asked)
        _fold(trees, trees[parts[0]], asked)
        made = _merge(trees, trees[parts[0]], values)
        if LENT in trees:
            _lend(trees, parts, made)
        trees[parts[0]].body = thrifty(trees[parts[0]].body, _spare(trees, asked))
    defined: set[str] = set()
    other: set[str] = {*asked, *BUILTIN, *sources}
    for module, tree in trees.items():
        if module not in own:
            other |= {name for statement in tree.body for name in defines(statement)}  # others call it by its names
        for node in walk(tree):
            name = _defined(node)
            if name is not None and module in own:
                defined.add(name)
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                other.add(node.value)
            elif isinstance(node, ast.keyword) and node.arg:
                other.add(node.arg)
            elif isinstance(node, ast.Nonlocal | ast.Global):
                other |= set(node.names)
    known = {value for tree in trees.values() for node in walk(tree) for value in _names(node)}
    free = [name for name in HELD if name not in known and name not in other]
    wanted = sorted(name for name in defined if name not in other and name not in HELD and not name.startswith("__"))
    shorter = dict(zip(wanted, free, strict=False))
    return {module: ast.unparse(_Shorter(shorter).visit(tree)) for module, tree in trees.items()}


def _join(trees: dict[str, ast.Module], parts: list[str], asked: frozenset[str]) -> None:
    """All of the parts into the first; whoever imports another gets that one."""
    into, *others = parts
    body = trees[into].body
    known = {name for statement in body for name in defines(statement)}
    imports = {ast.unparse(statement) for statement in body}
    for part in others:
        own = [name for statement in trees[part].body for name in defines(statement) if name in asked]
        for statement in without_text(trees[part].body):
            if isinstance(statement, ast.ImportFrom) and statement.module in parts:
                continue
            if isinstance(statement, ast.Import | ast.ImportFrom) and ast.unparse(statement) in imports:
                continue
            if known & set(defines(statement)):
                raise LinkError(f"{part}: {ast.unparse(statement)[:40]}: {into} or another part has that name too")
            known |= set(defines(statement))
            imports.add(ast.unparse(statement))
            body.append(statement)
        register = f"sys.modules[{part!r}] = sys.modules[{into!r}]"
        trees[part] = ast.parse(f"import sys\nimport {into}\n{register}\nfrom {into} import {', '.join(own)}")
        body += ast.parse(("" if "import sys" in imports else "import sys\n") + register).body
        imports.add("import sys")


def _merge(trees: Mapping[str, ast.Module], tree: ast.Module, values: frozenset[str]) -> list[ast.FunctionDef]:
    """Classes that are nothing but called become functions, and the first one that is more has what they had.

    Gives the functions.
    """
    calls = {id(node.func) for each in trees.values() for node in walk(each) if isinstance(node, ast.Call)}
    kept = set(values)
    for each in trees.values():
        for node in walk(each):
            if isinstance(node, ast.Name | ast.Attribute) and id(node) not in calls:
                kept.add(node.id if isinstance(node, ast.Name) else node.attr)
    classes = [statement for statement in tree.body if isinstance(statement, ast.ClassDef)]
    into = next((owner for owner in classes if owner.name in kept), None)
    made: list[ast.FunctionDef] = []
    if into is None:
        return made
    known = {name for statement in into.body for name in defines(statement)}
    for owner in classes:
        own = [name for statement in owner.body for name in defines(statement) if name != "__init__"]
        if owner.name not in kept and _plain(owner) and not known & set(own):
            known |= set(own)
            into.body += [part for part in owner.body if getattr(part, "name", "") != "__init__"]
            made.append(constructor(owner, f"object.__new__({into.name})"))
            tree.body[tree.body.index(owner)] = made[-1]
    tree.body.remove(into)  # an object of a class that was merged may be made at once
    tree.body.insert(next(i for i, s in enumerate(tree.body) if isinstance(s, ast.FunctionDef)), into)
    return made


def _lend(trees: Mapping[str, ast.Module], parts: list[str], functions: list[ast.FunctionDef]) -> None:
    """What makes the objects of a board is asked once, at the start: it moves to LENT, if nobody asks otherwise."""
    joined = parts[0]
    tree, lent = trees[joined], trees[LENT]
    for function in functions:
        nodes = [node for name, each in trees.items() if name not in parts[1:] for node in walk(each)]
        if any(isinstance(node, ast.Name) and node.id == function.name for node in nodes):
            continue
        if any(isinstance(n, ast.ImportFrom) and function.name in [a.name for a in n.names] for n in nodes):
            continue
        tree.body.remove(function)
        used = {node.id for node in walk(function) if isinstance(node, ast.Name)}
        imports = {ast.unparse(statement) for statement in lent.body}
        for statement in tree.body:
            names = used & set(defines(statement))
            if isinstance(statement, ast.Import) and used & {alias.name for alias in statement.names}:
                needed = ast.unparse(statement)
            elif names:
                needed = f"from {joined} import {', '.join(sorted(names))}"
            else:
                continue
            if needed not in imports:
                imports.add(needed)
                lent.body.insert(0, ast.parse(needed).body[0])
        lent.body.append(function)


def _plain(owner: ast.ClassDef) -> bool:
    """True if its methods could be those of any class."""
    if owner.bases or owner.decorator_list:
        return False
    begin = [part for part in owner.body if isinstance(part, ast.FunctionDef) and part.name == "__init__"]
    if len(begin) != 1 or any(isinstance(node, ast.Return) for node in walk(begin[0])):
        return False
    for part in owner.body:
        if isinstance(part, ast.FunctionDef):
            constant = all(isinstance(value, ast.Constant) for value in part.args.defaults)
            if part.decorator_list or not (constant or part is begin[0]):
                return False
        elif not isinstance(part, ast.Assign) or not isinstance(part.value, ast.Constant):
            return False
    return True


def _spare(trees: Mapping[str, ast.Module], asked: frozenset[str]) -> Callable[[str], str]:
    """Gives names that the interpreter holds and nobody uses, as long as there are any."""
    known = {name for tree in trees.values() for node in walk(tree) for name in _names(node)}
    free = iter([name for name in HELD if name not in known | asked])
    return lambda otherwise: next(free, otherwise)


def _fold(trees: Mapping[str, ast.Module], tree: ast.Module, asked: frozenset[str]) -> None:
    """Put the numbers of a module that nobody else asks for in the place of their names."""
    elsewhere = {node.attr for each in trees.values() for node in walk(each) if isinstance(node, ast.Attribute)}
    numbers = {
        name: value
        for statement in tree.body
        for name, value in assignments(statement)
        if isinstance(value, ast.Constant) and isinstance(value.value, int | float) and name not in asked | elsewhere
    }
    tree.body = [statement for statement in tree.body if not set(defines(statement)) & set(numbers)]
    for node in walk(tree):
        for field, value in ast.iter_fields(node):
            if isinstance(value, ast.Name) and value.id in numbers:
                setattr(node, field, numbers[value.id])
            elif isinstance(value, list):
                value[:] = [numbers[v.id] if isinstance(v, ast.Name) and v.id in numbers else v for v in value]


def _defined(node: ast.AST) -> str | None:
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        return node.name
    if isinstance(node, ast.arg):
        return node.arg
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        return node.attr
    return node.id if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else None


def _names(node: ast.AST) -> list[str]:
    found = [getattr(node, field, None) for field in ("id", "attr", "name", "arg", "asname")]
    return [name for name in found if isinstance(name, str)]


class _Shorter(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        for field in ("id", "attr", "name", "arg", "asname"):
            name = getattr(node, field, None)
            if isinstance(name, str) and name in self.names and not isinstance(node, ast.keyword):
                setattr(node, field, self.names[name])
        return node
