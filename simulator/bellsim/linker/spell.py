"""Spelling out: a tuple of constants that is only asked whether it holds a value costs nothing if its parts are named
where it is asked.

    OPEN = ("stored", "presented")                ->    if stage in ("stored", "presented"): …
    if stage in OPEN: …

`constants` makes comparisons of that. A tuple would cost an object, one more for each text that nothing else names,
and its own name.
"""

import ast
from collections.abc import Iterator, Mapping

from bellsim.linker.constants import COMPARED_MAX, can_be_compared
from bellsim.linker.source import Item, Module, meant
from bellsim.linker.tree import assignments, copied, defines, local_names, walk


def spell_out(modules: Mapping[str, Module]) -> None:
    """Put such tuples, of any module, where they are asked. Nobody needs their names then."""
    values = dict(_tuples(modules))
    asked: dict[Item, list[ast.Compare]] = {item: [] for item in values}
    other: set[Item] = set()
    for module in modules.values():
        for statement in module.body:
            holders = {
                id(node.comparators[0]): node
                for node in walk(statement)
                if isinstance(node, ast.Compare) and can_be_compared(node)
            }
            hidden = local_names(statement)
            for node in walk(statement):
                if isinstance(node, ast.Name) and (node.id in hidden or isinstance(node.ctx, ast.Store)):
                    continue  # a local name, perhaps: then it stays, and so does what it may stand for
                item = meant(modules, module, node)
                if item not in values:
                    # Of a module that is a value: whoever has that name is meant.
                    other |= {found for found in values if isinstance(node, ast.Attribute) and found[1] == node.attr}
                elif id(node) in holders:
                    asked[item].append(holders[id(node)])
                else:
                    other.add(item)
    for item, compares in asked.items():
        for compare in compares if item not in other else ():
            compare.comparators = [copied(values[item])]


def _tuples(modules: Mapping[str, Module]) -> Iterator[tuple[Item, ast.Tuple]]:
    for module in modules.values():
        for statement in module.body:
            for name, value in assignments(statement):
                if (
                    isinstance(value, ast.Tuple)
                    and 0 < len(value.elts) <= COMPARED_MAX
                    and all(isinstance(part, ast.Constant) for part in value.elts)
                    and sum(name in defines(each) for each in module.body) == 1
                ):
                    yield (module.name, name), value
