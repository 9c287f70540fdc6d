"""Methods that become functions: a function can be bundled, and a class without it is smaller.

Only a method that is nothing but called, and whose name nothing else has: no other class, no attribute, no field of a
namedtuple, no text that somebody is asked for, and nothing of the interpreter. Then whatever is asked for that name is
an object of its class.
"""

import ast
from collections.abc import Iterator, Mapping

from bellsim.linker.source import Module, field_lists, field_texts
from bellsim.linker.tree import FUNCTIONS, called, walk


def only_called(
    modules: Mapping[str, Module], kept: frozenset[str]
) -> Iterator[tuple[Module, ast.ClassDef, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Methods that could be functions. kept: names that an object of the interpreter or of a board may be asked for."""
    owners: dict[str, list[tuple[Module, ast.ClassDef, ast.FunctionDef | ast.AsyncFunctionDef]]] = {}
    other: set[str] = set()
    for module in modules.values():
        fields = field_texts(module.statements(), field_lists(module))
        for statement in module.statements():
            calls = {id(node.func) for node in walk(statement) if isinstance(node, ast.Call)}
            for node in walk(statement):
                if isinstance(node, ast.ClassDef):
                    for inner in node.body:
                        if isinstance(inner, FUNCTIONS) and not node.bases and _plain(inner):
                            owners.setdefault(inner.name, []).append((module, node, inner))
                        else:
                            other |= set(getattr(inner, "name", "").split()) | _stored(inner)
                elif isinstance(node, ast.Attribute) and (not isinstance(node.ctx, ast.Load) or id(node) not in calls):
                    other.add(node.attr)
                elif isinstance(node, ast.Call) and called(node) in ("getattr", "hasattr", "setattr", "delattr"):
                    other |= {str(value.value) for value in node.args if isinstance(value, ast.Constant)}
                elif id(node) in fields and isinstance(node, ast.Constant):
                    other |= set(str(node.value).split())
    for name, found in owners.items():
        module = found[0][0]
        if len(found) == 1 and name not in other and name not in kept and name not in module.defs and name[:2] != "__":
            yield found[0]


def tell_apart(modules: Mapping[str, Module]) -> None:
    """Methods of one name that are only asked of their own object, `self`, get a name for each class.

    They can then be told apart, and be functions; nobody else ever asks for them.
    """
    classes = list(_classes(modules))
    owners: dict[str, set[str]] = {}
    for owner, functions in classes:
        for function in functions:
            if isinstance(function, FUNCTIONS) and function.name[:2] != "__" and not owner.bases:
                owners.setdefault(function.name, set()).add(owner.name)
    wanted = {name for name, found in owners.items() if len(found) > 1}
    own: dict[int, str] = {}  # id() of each self.name -> its class
    for owner, functions in classes:
        for function in functions:
            if isinstance(function, FUNCTIONS) and function.args.args:
                this = function.args.args[0].arg
                own |= {
                    id(node): owner.name
                    for node in walk(function)
                    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == this
                }
    asked = [
        node
        for module in modules.values()
        for statement in module.statements()
        for node in walk(statement)
        if isinstance(node, ast.Attribute)
    ]
    for node in asked:
        if own.get(id(node)) not in owners.get(node.attr, ()):  # of another object, or a value that self has
            wanted.discard(node.attr)
    for node in asked:
        if node.attr in wanted:
            node.attr = f"{node.attr}_{own[id(node)]}"
    for owner, _ in classes:
        for function in owner.body:
            if isinstance(function, FUNCTIONS) and function.name in wanted:
                function.name = f"{function.name}_{owner.name}"


def _classes(modules: Mapping[str, Module]) -> Iterator[tuple[ast.ClassDef, list[ast.stmt]]]:
    """Each class with its methods, those that were taken out of it too."""
    for module in modules.values():
        for statement in module.body:
            if isinstance(statement, ast.ClassDef):
                out = [defs[0] for name, defs in module.defs.items() if name.startswith(statement.name + ".")]
                yield statement, [*statement.body, *out]


def _stored(statement: ast.stmt) -> set[str]:
    return {n.id for n in walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def _plain(method: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """A default would be read among the names of the class, if it is more than a constant."""
    return not method.decorator_list and all(isinstance(default, ast.Constant) for default in method.args.defaults)
