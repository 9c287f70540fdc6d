"""Writing: the files of the image, as sources."""

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bellsim.held import HELD
from bellsim.linker.bundle import joined, parted
from bellsim.linker.constants import thrifty
from bellsim.linker.merge import PLAIN
from bellsim.linker.names import BOARD, BUILTIN, Names
from bellsim.linker.program import Program
from bellsim.linker.rename import Rename
from bellsim.linker.source import ENTRY, Item, LinkError, read
from bellsim.linker.tree import copied, defines, walk

TYPES = (str, bytes, bytearray, memoryview, int, float, dict, list, tuple, set, Exception)
# What an object of the interpreter or of a board may be asked for.
KEPT = BOARD | BUILTIN | frozenset(HELD) | frozenset(name for each in TYPES for name in dir(each))


@dataclass(frozen=True)
class Linked:
    """files: path below the root -> source. names: what it is called there -> what it is called in the source; of what
    is in a bundle, its file and lines: "app:12-34"."""

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


_FRAME = re.compile(r'File "(?P<file>[^"]*)", line (?P<line>\d+), in (?P<name>\w+)$', re.MULTILINE)


def told(trace: str, names: Mapping[str, str]) -> str:
    """As Linked.told, with the names of a names.txt. A member and a global that share a name are both told."""

    lines: dict[str, list[tuple[int, int, str]]] = {}
    for new, old in names.items():
        if ":" in new:
            file, _, spread = new.partition(":")
            lines.setdefault(file, []).append((*map(int, spread.split("-")), old))  # type: ignore[arg-type]

    def frame(found: re.Match[str]) -> str:
        file, name = Path(found["file"]).stem, found["name"]
        for first, last, old in lines.get(file, ()):
            if first <= int(found["line"]) <= last:
                return found[0].removesuffix(name) + old.strip()
        wanted = [name if file == ENTRY.rpartition(".")[2] else f"{file}.{name}", f".{name}"]
        meant = [names[one] for one in wanted if one in names]
        return found[0].removesuffix(name) + (" or ".join(meant) or name)

    return _FRAME.sub(frame, trace)


def link(packages: Mapping[str, Path], held: tuple[str, ...] = HELD) -> Linked:
    """Link the firmware. packages: name -> folder, of bellwire and bellnode. held: names that cost nothing."""
    program = Program({module.name: module for module in read(packages)}, KEPT)
    return _linked(program, held)


def _linked(program: Program, held: tuple[str, ...]) -> Linked:
    names = Names(program, held)
    meant = names.back()
    files = {"bellnode/__init__.py": ""}
    order: list[str] = []
    _order(program, ENTRY, order)
    for module in program.modules:
        _order(program, module, order)
    known = frozenset(held)
    for file in program.files:  # what is borrowed lies at the top: a shorter name, and no package that keeps it
        path = file.replace(".", "/") if file == ENTRY else file.split(".")[1]
        files[path + ".py"] = text = _file(program, file, order, names, known)
        if file == ENTRY:  # the first
            known |= frozenset(re.findall(r"\w+", text))
        meant |= _lines(text, path.rpartition("/")[2], names.members_of(file))
    return Linked(files, meant)


def _lines(text: str, stem: str, members: Mapping[str, list[Item]]) -> dict[str, str]:
    """ "file:first-last" -> what is there, of everything that is in a bundle."""
    found = {}
    for function in ast.parse(text).body:
        if isinstance(function, ast.FunctionDef) and function.name in members:
            items = members[function.name]
            for (module, item), body in zip(items, parted(function.body, len(items)), strict=True):
                found[f"{stem}:{body[0].lineno}-{body[-1].end_lineno}"] = f"{module}.{item}"
    return found


def _order(program: Program, module: str, found: list[str], trail: tuple[str, ...] = ()) -> None:
    if module in found or module in trail:
        return
    for source, name in program.modules[module].aliases.values():
        _order(program, program.resolved(source, name)[0], found, (*trail, module))
    found.append(module)


def _file(program: Program, file: str, order: list[str], names: Names, known: frozenset[str]) -> str:
    imports: dict[str, str] = {}
    body: list[ast.stmt] = []
    parts: dict[str, dict[int, ast.FunctionDef]] = {}  # bundle: number: what is in it
    methods: list[ast.stmt] = []  # of the class that all the merged ones are
    resident = False
    for name in order:
        module = program.modules[name]
        rename = Rename(program, module, file, names)
        mine = [item for item in module.defs if file in program.home.get((name, item), ())]
        done = []
        for statement in [*module.body, *(module.defs[item][0] for item in mine if "." in item)]:
            defined = defines(statement)
            item = next((item for item in mine if statement in module.defs[item]), None)
            if item is None and (defined or file != ENTRY):
                continue
            used = {node.id for node in walk(statement) if isinstance(node, ast.Name)}
            for alias, imported in module.foreign.items():
                text = ast.unparse(imported)
                if imports.get(alias, text) != text:
                    raise LinkError(f"{file}: {alias} is two things: {imports[alias]} and {text}")
                if alias in used:
                    imports[alias] = text
            place = names.bundled.get((name, item or ""))
            renamed = rename.top(copied(statement), place is not None, (name, item) in program.shared)
            if (name, item) in program.shared:
                methods.append(renamed)
            elif place is None:
                done.append(renamed)
            else:
                assert isinstance(renamed, ast.FunctionDef)
                parts.setdefault(names.bundles[place.bundle], {})[place.number] = renamed
        body += done
        resident = resident or rename.resident
    lines = sorted(imports.values())
    if resident:
        lines.append(f"import {ENTRY} as {names.of_file(ENTRY)}")
    # First, because a statement of a module may call what is in them.
    bundles: list[ast.stmt] = [
        joined(name, [found[number] for number in sorted(found)]) for name, found in parts.items()
    ]
    if file == ENTRY and (ENTRY, PLAIN) in names.globals:
        plain = next(s for s in body if isinstance(s, ast.ClassDef) and s.name == names.globals[ENTRY, PLAIN])
        body.remove(plain)
        plain.body = methods or plain.body
        bundles.insert(0, plain)  # before anything is made of it
    body = thrifty([*bundles, *body], lambda otherwise: names.new(otherwise, file), known, file != ENTRY)
    tree = ast.fix_missing_locations(ast.Module(body, []))
    return "\n".join(lines) + "\n" + ast.unparse(tree) + "\n"
