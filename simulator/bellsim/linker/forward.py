"""Forwarding: a name for what an object has costs its place among the names of its module, and often an object.

    _ticks_ms = time.ticks_ms        ->
    now = _ticks_ms()                ->    now = time.ticks_ms()

Only where the object is a module of the interpreter or a constant of ours, and what it has is never changed.
"""

import ast
from collections.abc import Mapping

from bellsim.linker.source import Item, Module, meant
from bellsim.linker.tree import FUNCTIONS, assignments, copied, defines, local_names, walk


def forward(modules: Mapping[str, Module]) -> None:
    """Put what such a name stands for where it is called. Nobody needs the name then."""
    methods = {
        part.name
        for module in modules.values()
        for owner in module.body
        if isinstance(owner, ast.ClassDef)
        for part in owner.body
        if isinstance(part, FUNCTIONS)
    }
    nodes = [node for module in modules.values() for statement in module.body for node in walk(statement)]
    stored = {node.attr for node in nodes if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load)}
    found: dict[Item, ast.Attribute] = {}
    for module in modules.values():
        for statement in module.body:
            for name, value in assignments(statement):
                if isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name):
                    owner = value.value.id
                    foreign = owner in module.foreign and owner not in module.aliases
                    ours = value.attr in methods - stored and _once(module, owner)
                    if _once(module, name) and (foreign or ours):
                        found[module.name, name] = value
    calls: dict[Item, list[ast.Call]] = {item: [] for item in found}
    for module in modules.values():
        for statement in module.body:
            _look(modules, module, statement, found, calls)
    for item, asked in calls.items():
        for call in asked:
            call.func = copied(found[item])


def _look(
    modules: Mapping[str, Module],
    module: Module,
    statement: ast.stmt,
    found: Mapping[Item, ast.Attribute],
    calls: dict[Item, list[ast.Call]],
) -> None:
    """Note the calls of these names in a statement; a name that is more than called in its own module is taken out."""
    hidden = local_names(statement)
    called = {id(node.func): node for node in walk(statement) if isinstance(node, ast.Call)}
    for node in walk(statement):
        item = meant(modules, module, node)
        if isinstance(node, ast.Attribute) and item not in found:
            for each in [each for each in calls if each[1] == node.attr and _of_value(module, node)]:
                del calls[each]  # asked of a module that is a value, perhaps
        if item not in calls or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)):
            continue
        owner = found[item].value.id  # type: ignore[attr-defined]
        if isinstance(node, ast.Name) and node.id in hidden:
            continue
        if id(node) in called and item[0] == module.name and owner not in hidden:
            calls[item].append(called[id(node)])
        else:
            del calls[item]


def _of_value(module: Module, node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Call)


def _once(module: Module, name: str) -> bool:
    return sum(name in defines(statement) for statement in module.body) == 1
