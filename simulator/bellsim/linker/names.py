"""Naming: who is called what in the image, and what keeps its name."""

import ast
import builtins

from bellsim.linker.bundle import bundles
from bellsim.linker.fold import REPLACED
from bellsim.linker.program import Program
from bellsim.linker.source import ENTRY, LOANS, PROGRAM, Item, Module, field_lists, field_texts, of_module
from bellsim.linker.tree import defines, walk

# Names of machine, network, esp32 and neopixel: an object of theirs may be asked for them.
_BOARD = """
ADC AP_IF ATTN_11DB HEAP_DATA IN IRQ_FALLING IRQ_RISING NeoPixel OPEN_DRAIN OUT PM_NONE PULL_DOWN PULL_UP PWM
Partition Pin STA_IF TYPE_APP TYPE_DATA WDT WDT_RESET WLAN active atten block_size bpp config connect disconnect
duty_u16 erase feed fill find freq handler idf_heap_info ifconfig info ioctl irq isconnected label mode on_quit pull
read_uv readblocks reset reset_cause scan status subtype timeout timing trigger type unique_id value write writeblocks
"""
BOARD = frozenset(_BOARD.split())
BUILTIN = frozenset(dir(builtins)) | {"const"}
ARGUMENTS = 26  # names of arguments; no function of the firmware has more


class Names:
    """Who is called what. Every new name is one that costs nothing, as long as there are any."""

    def __init__(self, program: Program, held: tuple[str, ...]) -> None:
        self.program, self.held = program, frozenset(held)
        self._functions: dict[str, ast.FunctionDef] = {}  # the first of each name
        for each in program.modules.values():
            for statement in [
                *each.body,
                *(each.defs[name][0] for source, name in program.shared if source == each.name),
            ]:
                for node in walk(statement):
                    if isinstance(node, ast.FunctionDef):
                        self._functions.setdefault(node.name, node)
        self.field_lists = {module.name: field_lists(module) for module in program.modules.values()}
        self._survey()
        taken = self.kept | BUILTIN | set(self.foreign)
        free = [name for name in held if name not in taken]
        arguments, rest = free[:ARGUMENTS], free[ARGUMENTS:]
        self.arguments = arguments
        self.members: dict[str, str] = {}
        for name in sorted(self.ours):
            if name not in held:
                self.members[name] = rest.pop(0) if rest else name
        # A member and a global may share a name: one is always asked of an object. But an argument that is given by its
        # keyword is a local name too.
        given = {self.members.get(name, name) for name in self.keywords}
        self.resident = next((name for name in rest if name not in self.members.values()), "resident")
        self._spare = [name for name in free[ARGUMENTS:] if name not in given and name != self.resident]
        self.globals: dict[Item, str] = {}
        self.bundled = bundles(program)
        self.bundles: dict[tuple[str, int, int], str] = {}  # what a bundle is called in its file
        self._taken: dict[str, set[str]] = {file: set() for file in program.files}
        for item, homes in program.home.items():
            module, name = item
            if item in self.bundled:
                continue  # below: no two things of a file may have one name
            if (module in program.borrowed and module in homes) or item in [(ENTRY, name) for name in PROGRAM]:
                self.globals[item] = self.members.get(name, name)
                for file in homes:
                    self._taken[file].add(self.globals[item])
            elif self._fixed(module, name):
                self.globals[item] = name
            elif item in program.shared:
                continue  # a member, see `write`
            elif ENTRY in homes:
                self.globals[item] = self.new(f"{module.split('.')[-1]}_{name.replace('.', '_')}")
        for item, homes in program.home.items():
            if item in program.shared:
                continue
            if item in self.bundled:
                key = self.bundled[item].bundle
                if key not in self.bundles:
                    self.bundles[key] = self.new("bundle_" + "_".join(map(str, key[1:])), key[0])
                self.globals[item] = self.bundles[key]
            elif item not in self.globals:
                used = {name for file in homes for name in self._taken[file]}
                otherwise = f"{item[0].split('.')[-1]}_{item[1].replace('.', '_')}"
                self.globals[item] = next((name for name in self._spare if name not in used), otherwise)
                for file in homes:
                    self._taken[file].add(self.globals[item])

    def new(self, otherwise: str, file: str = ENTRY) -> str:
        """A name that nothing else has in the file, and nothing anywhere if it is ENTRY."""
        if file == ENTRY:
            return self._spare.pop(0) if self._spare else otherwise
        taken = self._taken[file]
        found = next((name for name in self._spare if name not in taken), otherwise)
        taken.add(found)
        return found

    def _fixed(self, module: str, item: str) -> bool:
        """An exception says its name in the log."""
        return any(isinstance(s, ast.ClassDef) and s.bases for s in self.program.modules[module].defs[item])

    def _survey(self) -> None:
        """ours: members that may be renamed. kept: every other name in the program. foreign: of the interpreter."""
        program = self.program
        defined: set[str] = set()
        texts: set[str] = set()
        asked: set[str] = set()
        foreign: set[str] = {*BOARD, *REPLACED}
        keywords: set[str] = set()
        unknown: set[str] = set()
        for module in program.modules.values():
            fields = field_texts(module.body, self.field_lists[module.name])
            defined |= {name.partition(".")[2] for source, name in program.shared if source == module.name}
            for statement in module.statements():
                for node in walk(statement):
                    if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in fields:
                        if not module.plain:
                            texts.add(node.value)
                    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                        defined.add(node.value)
                    elif isinstance(node, ast.ClassDef):
                        defined |= {item for s in node.body for item in defines(s)}
                    elif isinstance(node, ast.Attribute):
                        if isinstance(node.ctx, ast.Store):
                            defined.add(node.attr)
                        asked.add(node.attr)
                        if isinstance(node.value, ast.Name) and node.value.id in module.foreign:
                            foreign.add(node.attr)
                    elif isinstance(node, ast.Call):
                        data = self.data_keywords(module, node)
                        for keyword in node.keywords:
                            if keyword.arg is None:
                                continue
                            if data is None:  # or a function of ours that is a value: its argument keeps its name too
                                foreign.add(keyword.arg)
                                unknown.add(keyword.arg)
                            elif keyword.arg in data:
                                texts.add(keyword.arg)
                            else:
                                keywords.add(keyword.arg)
        defined |= {name for module, name in program.home if module in program.borrowed}
        self.ours = {
            name
            for name in defined | keywords
            if name not in texts and name not in foreign and name not in BUILTIN and not name.startswith("__")
        }
        self.foreign = foreign
        everything = texts | asked | defined | keywords | foreign
        for module in program.modules.values():
            everything |= set(module.foreign)
        self.kept = {name for name in everything if name not in self.ours or name in self.held} | set(PROGRAM)
        self.keywords = keywords | unknown

    def data_keywords(self, module: Module, call: ast.Call) -> set[str] | None:
        """Of a call's keywords, those that become keys of a dict; None if the interpreter's function takes them all."""
        given = {keyword.arg for keyword in call.keywords if keyword.arg}
        target = self._function(module, call)
        if target is None:
            return None
        if isinstance(target, ast.ClassDef):
            target = next((s for s in target.body if isinstance(s, ast.FunctionDef) and s.name == "__init__"), None)
        if target is None or isinstance(target, ast.Assign):  # a namedtuple
            return set()
        names = {arg.arg for arg in [*target.args.args, *target.args.kwonlyargs]}
        if target.args.kwarg is None or "getattr" in ast.unparse(target):  # the latter: fields of a namedtuple
            return set()
        return given - names

    def _function(self, module: Module, call: ast.Call) -> ast.FunctionDef | ast.ClassDef | ast.Assign | None:
        place: tuple[str, str | None] | None = None
        func = call.func
        if isinstance(func, ast.Attribute) and func.attr in self.program.methods and not of_module(func, module):
            source, name = self.program.methods[func.attr]
            return self.program.modules[source].defs[name][0]  # type: ignore[return-value]
        if isinstance(func, ast.Name):
            if func.id in module.defs:
                place = module.name, func.id
            elif func.id in module.aliases:
                place = self.program.resolved(*module.aliases[func.id])
        elif isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name):
            if func.value.id in module.aliases and module.aliases[func.value.id][1] is None:
                place = self.program.resolved(module.aliases[func.value.id][0], func.attr)
            elif func.value.id not in module.foreign:
                # A borrowed module, or an object of ours: whatever has this name
                return self._functions.get(func.attr)
        if place is None or place[1] is None:
            return None
        for statement in self.program.modules[place[0]].defs.get(place[1], ()):
            return statement  # type: ignore[return-value]
        return None

    def of_file(self, file: str) -> str:
        """What the module that is always there is called in the others."""
        assert file == ENTRY
        return self.resident

    def members_of(self, file: str) -> dict[str, list[Item]]:
        """What is in each bundle of a file, by the bundle's name, in the order of the numbers."""
        found: dict[str, list[Item]] = {name: [] for key, name in self.bundles.items() if key[0] == file}
        for item, place in sorted(self.bundled.items(), key=lambda pair: pair[1].number):
            if place.bundle[0] == file:
                found[self.bundles[place.bundle]].append(item)
        return found

    def place(self, item: Item, file: str) -> str:
        """The text that names an item in `file`."""
        homes = self.program.home[item]
        if file in homes:
            return self.globals[item]
        if ENTRY in homes:
            return f"{self.resident}.{self.globals[item]}"
        (home,) = homes
        return f"{self.place((LOANS, 'borrow'), file)}({home.split('.')[1]!r}).{self.globals[item]}"

    def back(self) -> dict[str, str]:
        """What each new name stands for: .member, name in ENTRY, file.name in another."""
        found = {f".{new}": old for old, new in self.members.items() if new != old}
        for (module, item), new in self.globals.items():
            if (module, item) in self.bundled:
                continue  # told by its lines
            for home in self.program.home[module, item]:
                if new != item:
                    found[new if home == ENTRY else f"{home.split('.')[1]}.{new}"] = f"{module}.{item}"
        return found
