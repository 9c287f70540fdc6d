"""Renaming: one module's statements as they stand in a file of the image."""

import ast

from bellsim.linker.bundle import arguments
from bellsim.linker.names import Names
from bellsim.linker.program import Program
from bellsim.linker.source import ENTRY, Item, LinkError, Module, field_texts, of_module
from bellsim.linker.tree import FUNCTIONS, argument_names, bound_by, called, copied, defines, local_names, walk

WHICH = "which of the bundle"  # no name that a source could have


class Rename(ast.NodeTransformer):
    """One module's statements as they stand in a file."""

    def __init__(self, program: Program, module: Module, file: str, names: Names) -> None:
        self.program, self.module, self.file, self.names = program, module, file, names
        self.fields: set[int] = set()
        self.local: dict[str, str] = {}
        self.bundled = False  # True while the statement is a function that goes into a bundle
        self.resident = False  # True if it asks for anything that is always there

    def top(self, statement: ast.stmt, bundled: bool = False, member: bool = False) -> ast.stmt:
        """The statement with its names changed; bundled: a function gets its number as its first argument.

        member: it is a method, and goes into a class.
        """
        self.bundled = bundled
        self._in_class = member
        self.fields = field_texts([statement], self.names.field_lists[self.module.name])
        bound = {
            node.id
            for comprehension in walk(statement)
            if isinstance(comprehension, ast.comprehension)
            for node in walk(comprehension.target)
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
            return self._place(*self.program.resolved(*self.module.aliases[node.id]), node)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if (
            isinstance(node.value, ast.Name)
            and node.value.id not in self.local
            and node.value.id in self.module.aliases
        ):
            source, name = self.module.aliases[node.value.id]
            if name is None:
                return self._place(*self.program.resolved(source, node.attr), node)
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
        item = self.program.target(self.module, node.func)
        if item in self.names.bundled and not (isinstance(node.func, ast.Name) and node.func.id in self.local):
            return self._call_of_bundle(item, node)
        foreign = self.names.data_keywords(self.module, node) is None
        if called(node) == "namedtuple" and isinstance(node.args[0], ast.Constant):
            node.args[0] = ast.Constant(next(iter(self.names.arguments), "T"))  # only a repr would show it
        keywords = [(keyword.arg, self.visit(keyword.value)) for keyword in node.keywords]
        if called(node) == "isinstance":
            uses = set(self.program.uses_of(self.module, node.args[1]))
            if any(ENTRY not in self.program.home[item] for item in uses):
                raise LinkError(f"{self.module.name}: {ast.unparse(node)}: a class that is loaded twice is two classes")
        func = node.func
        if isinstance(func, ast.Attribute) and func.attr in self.program.methods and not of_module(func, self.module):
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

    def _call_of_bundle(self, item: Item, node: ast.Call) -> ast.expr:
        function = self.program.modules[item[0]].defs[item[1]][0]
        assert isinstance(function, ast.FunctionDef)
        if "." in item[1] and isinstance(node.func, ast.Attribute):
            node.args = [node.func.value, *node.args]
        given = arguments(function, node)
        assert given is not None
        number = ast.Constant(self.names.bundled[item].number)
        given = [self.visit(copied(value)) for value in given]
        return ast.Call(self._place(*item, node.func), [number, *given], [])

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
        if self.bundled:
            node.args.args.insert(0, ast.arg(WHICH))
            node.args.defaults = []
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
        self._refuse_own_names(node)
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
        self._refuse_own_names(node)
        self._in_class = False
        return node

    def _refuse_own_names(self, node: ast.ClassDef) -> None:
        """What a class body reads while it is made would be looked for among its own names first."""
        own = {name for statement in node.body for name in defines(statement)}
        for statement in node.body:
            made = (
                [*statement.args.defaults, *statement.args.kw_defaults]
                if isinstance(statement, FUNCTIONS)
                else [statement]
            )
            for part in made:
                for inner in walk(part) if part is not None else ():
                    if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load) and inner.id in own:
                        raise LinkError(f"{self.module.name}: the body of a class reads {inner.id}, which is its own")

    def _locals(self, function: ast.AST) -> dict[str, str]:
        bound = local_names(function)
        self._refuse_two_meanings(function, bound)
        given = list(dict.fromkeys(argument_names(function)))
        found = {}
        free = list(self.names.arguments)
        for place, name in enumerate(given):
            if self.bundled:  # the same in each function of a bundle
                found[name] = free.pop(0) if free else f"a{place}"
            elif name in self.names.keywords or not free:
                found[name] = self.names.members.get(name, name)
            else:
                found[name] = free.pop(0)
        inner = {node.name for node in walk(function) if isinstance(node, FUNCTIONS) and node is not function}
        for place, name in enumerate(sorted(bound - set(given))):
            # What a function is called stands in its code; what else is local has no name there.
            found[name] = free.pop(0) if name in inner and free else f"v{place}"
        return found

    def _refuse_two_meanings(self, function: ast.AST, bound: set[str]) -> None:
        """A name that is local only in a comprehension, a lambda or a function inside may not be a global name too."""
        inner = [
            node
            for node in walk(function)
            if isinstance(
                node, ast.ListComp | ast.DictComp | ast.GeneratorExp | ast.SetComp | ast.Lambda | ast.FunctionDef
            )
            and node is not function
        ]
        hidden = {id(part) for node in inner for part in walk(node)}
        outside = {node.id for node in walk(function) if isinstance(node, ast.Name) and id(node) not in hidden}
        only_inside = bound - {
            name for part in walk(function) if id(part) not in hidden for name in bound_by(part, function)
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
