"""Methods that become functions: a function can be bundled, and a class without it is smaller.

Only a method that is nothing but called, and whose name nothing else has: no other class, no attribute, no text, and
nothing of the interpreter. Then whatever is asked for that name is an object of its class.
"""

import ast
from collections.abc import Iterator, Mapping

from bellsim.linker.source import Module
from bellsim.linker.tree import FUNCTIONS


def only_called(
    modules: Mapping[str, Module], kept: frozenset[str]
) -> Iterator[tuple[Module, ast.ClassDef, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Methods that could be functions. kept: names that an object of the interpreter or of a board may be asked for."""
    owners: dict[str, list[tuple[Module, ast.ClassDef, ast.FunctionDef | ast.AsyncFunctionDef]]] = {}
    other: set[str] = set()
    for module in modules.values():
        for statement in module.statements():
            calls = {id(node.func) for node in ast.walk(statement) if isinstance(node, ast.Call)}
            for node in ast.walk(statement):
                if isinstance(node, ast.ClassDef):
                    for inner in node.body:
                        if isinstance(inner, FUNCTIONS) and not node.bases and _plain(inner):
                            owners.setdefault(inner.name, []).append((module, node, inner))
                        else:
                            other |= set(getattr(inner, "name", "").split()) | _stored(inner)
                elif isinstance(node, ast.Attribute) and (not isinstance(node.ctx, ast.Load) or id(node) not in calls):
                    other.add(node.attr)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    other.add(node.value)
    for name, found in owners.items():
        module = found[0][0]
        if len(found) == 1 and name not in other and name not in kept and name not in module.defs and name[:2] != "__":
            yield found[0]


def _stored(statement: ast.stmt) -> set[str]:
    return {n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def _plain(method: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """A default would be read among the names of the class, if it is more than a constant."""
    return not method.decorator_list and all(isinstance(default, ast.Constant) for default in method.args.defaults)
