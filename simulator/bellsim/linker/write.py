"""Writing: the files of the image, as sources."""

import ast
import copy
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bellsim.held import HELD
from bellsim.linker.fold import INTERN_CHARS_MAX
from bellsim.linker.names import Names
from bellsim.linker.program import Program
from bellsim.linker.rename import Rename
from bellsim.linker.source import ENTRY, LinkError, read
from bellsim.linker.tree import defines


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

    def told(self, trace: str) -> str:
        """A traceback of the linked firmware, with what its functions are called in the source."""
        return told(trace, self.names)


_FRAME = re.compile(r'File "(?P<file>[^"]*)", line \d+, in (?P<name>\w+)$', re.MULTILINE)


def told(trace: str, names: Mapping[str, str]) -> str:
    """As Linked.told, with the names of a names.txt. A member and a global that share a name are both told."""

    def frame(found: re.Match[str]) -> str:
        file, name = Path(found["file"]).stem, found["name"]
        wanted = [name if file == ENTRY.rpartition(".")[2] else f"{file}.{name}", f".{name}"]
        meant = [names[one] for one in wanted if one in names]
        return found[0].removesuffix(name) + (" or ".join(meant) or name)

    return _FRAME.sub(frame, trace)


def link(packages: Mapping[str, Path], held: tuple[str, ...] = HELD) -> Linked:
    """Link the firmware. packages: name -> folder, of bellwire and bellnode. held: names that cost nothing."""
    program = Program({module.name: module for module in read(packages)})
    return _linked(program, held)


def _linked(program: Program, held: tuple[str, ...]) -> Linked:
    names = Names(program, held)
    files = {"bellnode/__init__.py": ""}
    order: list[str] = []
    _order(program, ENTRY, order)
    for module in program.modules:
        _order(program, module, order)
    for file in program.files:  # what is borrowed lies at the top: a shorter name, and no package that keeps it
        path = file.replace(".", "/") if file == ENTRY else file.split(".")[1]
        files[path + ".py"] = _file(program, file, order, names)
    return Linked(files, names.back())


def _order(program: Program, module: str, found: list[str], trail: tuple[str, ...] = ()) -> None:
    if module in found or module in trail:
        return
    for source, name in program.modules[module].aliases.values():
        _order(program, program.resolved(source, name)[0], found, (*trail, module))
    found.append(module)


def _file(program: Program, file: str, order: list[str], names: Names) -> str:
    imports: dict[str, str] = {}
    body: list[ast.stmt] = []
    resident = False
    for name in order:
        module = program.modules[name]
        rename = Rename(program, module, file, names)
        mine = [item for item in module.defs if file in program.home.get((name, item), ())]
        done = []
        for statement in [*module.body, *(module.defs[item][0] for item in mine if "." in item)]:
            defined = defines(statement)
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
    hoisted = {text: names.next_free(f"text_{place}") for place, text in enumerate(texts)}
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
