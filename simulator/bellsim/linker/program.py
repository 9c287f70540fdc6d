"""Sharing out: which file of the image has what. See `bellnode.loan` for what is marked."""

import ast
from collections.abc import Iterator

from bellsim.linker.fold import fold_constants
from bellsim.linker.forward import forward
from bellsim.linker.loops import unroll
from bellsim.linker.merge import merged
from bellsim.linker.methods import only_called, tell_apart
from bellsim.linker.source import ENTRY, LOAN_CALLS, LOANS, PROGRAM, Item, LinkError, Module, index, of_module, prepare
from bellsim.linker.spell import spell_out
from bellsim.linker.tree import FUNCTIONS, called, walk


class Program:
    """All modules, and where each of their items goes.

    home: item -> the files that have it. files: of the image. methods: name of a method that was taken out of its class
    -> its item.
    """

    def __init__(self, modules: dict[str, Module], kept: frozenset[str]) -> None:
        """kept: names that an object of the interpreter or of a board may be asked for."""
        self.modules = modules
        for module in modules.values():
            prepare(module, modules)
        fold_constants(modules)
        spell_out(modules)
        forward(modules)
        for module in modules.values():
            module.body = unroll(module.body)
            index(module)
        self.borrowed = self._borrowed()
        self.asked = self._asked()
        self.methods: dict[str, tuple[str, str]] = {}  # name of a method outside its class -> (module, "Class.name")
        self.marks = self._marked()
        tell_apart(modules)
        self.asked = self._asked()
        for module, owner, method in list(only_called(modules, kept)):
            self._take_out(module, owner, method)
        # What the one class has of all those that were merged: item -> the constructor that asks for it.
        self.shared: dict[Item, Item] = {}
        lent = set(self.marks) | {(module, name) for module in self.borrowed for name in self.modules[module].defs}
        for text in merged(modules, self.asked, self._values(), lent):
            source, _, name = text.partition(":")
            self.shared[source, name] = (source, name.partition(".")[0])
        self.marks |= {item: ENTRY for item in self.shared}
        self.uses = {
            (module.name, name): {use for statement in statements for use in self.uses_of(module, statement)}
            for module in modules.values()
            for name, statements in module.defs.items()
        }
        for item, constructor in self.shared.items():
            if item in self.marks:
                self.uses[constructor].add(item)
        self.home = self._homes()
        self.files = [ENTRY, *sorted({file for files in self.home.values() for file in files} - {ENTRY})]

    def _asked(self) -> set[str]:
        """Every name that an object is asked for."""
        return {
            node.attr
            for module in self.modules.values()
            for statement in module.statements()
            for node in walk(statement)
            if isinstance(node, ast.Attribute)
        }

    def _values(self) -> set[Item]:
        """Classes that are more than called: somebody may ask whether an object is one of them."""
        found: set[Item] = set()
        self.uses = {(module.name, name): set() for module in self.modules.values() for name in module.defs}
        for module in self.modules.values():
            for statement in module.statements():
                nodes = list(walk(statement))
                calls = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
                for node in nodes:
                    if isinstance(node, ast.Name | ast.Attribute) and id(node) not in calls:
                        item = self.target(module, node)
                        if item is not None:
                            found.add(item)
        return found

    def _borrowed(self) -> list[str]:
        found = set()
        for module in self.modules.values():
            for node in walk(ast.Module(module.body, [])):
                if isinstance(node, ast.Call) and called(node) in LOAN_CALLS and module.name != LOANS:
                    if not node.args or not isinstance(node.args[0], ast.Constant):
                        raise LinkError(f"{module.name}: {ast.unparse(node)}: a loan names its module by a literal")
                    found.add(f"bellnode.{node.args[0].value!s}")
                asked = node.value if isinstance(node, ast.Attribute) else None
                if (
                    isinstance(asked, ast.Call)
                    and called(asked) in LOAN_CALLS
                    and isinstance(asked.args[0], ast.Constant)
                ):
                    lent = self.modules.get(f"bellnode.{asked.args[0].value!s}")
                    if isinstance(node, ast.Attribute) and lent is not None and node.attr not in lent.defs:
                        raise LinkError(f"{module.name}: {ast.unparse(node)}: not defined there, only passed on")
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
                if use not in self.uses:  # a local name, or a constant that was folded
                    continue
                if use in self.marks:
                    wanted = {self.marks[use]}
                else:
                    wanted = {ENTRY} if self._is_class(use) else home.get(use, set()) | home[item]
                    wanted = {ENTRY} if ENTRY in wanted else wanted
                if home.get(use) != wanted:
                    home[use] = wanted
                    todo.append(use)
        # In the order of the sources: the same sources give the same image.
        return {item: home[item] for item in self.uses if item in home}

    def _is_class(self, item: Item) -> bool:
        """True for what objects may be left of: then their class, and its whole module, would stay for their sake."""
        return any(isinstance(statement, ast.ClassDef) for statement in self.modules[item[0]].defs[item[1]])

    def resolved(self, source: str, name: str | None) -> tuple[str, str | None]:
        """Where a name that is imported is defined, through the modules that pass it on."""
        while name is not None and name in self.modules[source].aliases and name not in self.modules[source].defs:
            source, inner = self.modules[source].aliases[name]
            if inner is None:
                return source, None
            name = inner
        return source, name

    def target(self, module: Module, node: ast.expr) -> Item | None:
        """The item that a name or an attribute in `module` means, as far as it is one of ours."""
        found: tuple[str, str | None] | None = None
        if isinstance(node, ast.Name):
            if node.id in module.defs:
                found = module.name, node.id
            elif node.id in module.aliases:
                found = self.resolved(*module.aliases[node.id])
        elif isinstance(node, ast.Attribute):
            if node.attr in self.methods and not of_module(node, module):
                found = self.methods[node.attr]
            elif isinstance(node.value, ast.Name) and node.value.id in module.aliases:
                source, name = module.aliases[node.value.id]
                found = self.resolved(source, node.attr) if name is None else None
        return None if found is None or found[1] is None or found not in self.uses else (found[0], found[1])

    # --- what is needed

    def uses_of(self, module: Module, statement: ast.AST) -> Iterator[Item]:
        if isinstance(statement, ast.ClassDef):
            for inner in [*statement.bases, *statement.body]:
                if not isinstance(inner, FUNCTIONS) or inner.name.startswith("__") or inner.name in self.asked:
                    yield from self.uses_of(module, inner)
            return
        for node in walk(statement):
            if isinstance(node, ast.Name):
                if node.id in module.defs:
                    yield module.name, node.id
                elif node.id in module.aliases:
                    target, name = self.resolved(*module.aliases[node.id])
                    if name is not None:
                        yield target, name
            elif isinstance(node, ast.Attribute):
                if node.attr in self.methods and not of_module(node, module):
                    yield self.methods[node.attr]
                if isinstance(node.value, ast.Name) and node.value.id in module.aliases:
                    source, name = module.aliases[node.value.id]
                    if name is None:
                        target, found = self.resolved(source, node.attr)
                        if found is not None:
                            yield target, found


def _unmark(function: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> str | None:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and called(decorator) == "seldom":
            function.decorator_list.remove(decorator)
            return str(ast.literal_eval(decorator.args[0]))
    return None
