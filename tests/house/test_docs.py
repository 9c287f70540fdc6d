"""The docs by introspection: every command, option and key that the programs know stands in the docs."""

import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import pytest
from tree import ROOT, files

_HELP = {"--help", "--install-completion", "--show-completion"}


def page(name: str) -> str:
    path = ROOT / "docs" / name
    assert path.exists(), f"docs/{name} is not written yet"
    return path.read_text(encoding="utf-8")


def everything() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *files(".md")])


def parts(text: str) -> list[str]:
    """A page cut at its headings; what stands before the first `##` comes first."""
    return re.split(r"^(?=#{2,6} )", text, flags=re.MULTILINE)


def commands(program: str) -> Iterator[tuple[str, list[str]]]:
    """("init", ["--force", …]) of every command that the program shows, nested ones as "a b"."""
    import typer

    # Asked by what it can do: Typer brings Click's classes under names of its own.
    def walk(command: Any, name: str) -> Iterator[tuple[str, list[str]]]:
        options = [
            max(parameter.opts, key=len)
            for parameter in command.params
            if parameter.param_type_name == "option" and not getattr(parameter, "hidden", False)
        ]
        yield name, [option for option in options if option not in _HELP]
        for inner, below in sorted(getattr(command, "commands", {}).items()):
            if not below.hidden:
                yield from walk(below, f"{name} {inner}".strip())

    cli = importlib.import_module(f"{program}.cli")
    for room in pkgutil.iter_modules(getattr(cli, "__path__", [])):  # commands join the program when they are imported
        importlib.import_module(f"{cli.__name__}.{room.name}")
    app = cli.app if isinstance(cli.app, typer.Typer) else cli.app.app
    yield from walk(typer.main.get_command(app), "")


def undocumented(program: str, text: str) -> list[str]:
    """What a page lacks. An option counts beside its command, or at the top if it is for all of them."""
    cut = parts(text)
    missing = []
    for name, options in commands(program):
        full = f"{program} {name}".strip()
        about = [part for part in cut if re.search(rf"\b{re.escape(full)}\b", part)]
        if not about:
            missing.append(f"`{full}`")
            continue
        beside = "\n".join([cut[0], *about])
        missing += [
            f"`{full} {opt}`" for opt in options if not re.search(rf"(?<![\w-]){re.escape(opt)}(?![\w-])", beside)
        ]
    return missing


def test_every_command_of_the_gateway_stands_in_operate():
    assert len(list(commands("bellgate"))) > 5
    assert not undocumented("bellgate", page("operate.md"))


@pytest.mark.parametrize("program", ["bellkit", "bellsim"])
def test_every_command_of_the_other_programs_stands_somewhere(program: str):
    assert len(list(commands(program))) > 1
    assert not undocumented(program, everything())


def test_every_key_of_gateway_toml_stands_in_configuration():
    from bellgate import config

    cut = parts(page("configuration.md"))
    missing = []
    for section, keys in config.sections().items():
        table = section.split(" ")[0]
        about = "\n".join(part for part in cut if re.search(rf"\[\[?{re.escape(table)}\]\]?", part))
        for key, default in keys.items():
            if not re.search(rf"\b{key}\b", about):
                missing.append(f"[{section}] {key}")
            elif isinstance(default, bool | int | float | str) and not _shown(default, about):
                missing.append(f"[{section}] {key}: its default {json.dumps(default)}")
    assert not missing


def _shown(default: bool | float | str, text: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(json.dumps(default, ensure_ascii=False))}(?![\w.])", text) is not None


def test_every_setting_of_a_bell_stands_in_settings():
    from bellnode import patterns, settings

    text = page("settings.md")
    names = [*settings.KEYS, *patterns.RULES, *settings.OUTPUTS, *settings.SUPPLY]
    assert not [name for name in names if f"`{name}`" not in text and f'`"{name}"`' not in text]


def test_every_pin_stands_in_the_wiring():
    from bellnode import boards

    rows = [row.split("|") for row in page("install.md").splitlines() if row.startswith("| ")]
    columns = {name: " ".join(row[place] for row in rows) for place, name in enumerate(boards.BOARDS, 2)}
    for name, pins in boards.BOARDS.items():
        flat = [pin for entry in pins for pin in (entry if isinstance(entry, tuple) else (entry,)) if pin is not None]
        told = columns[name].replace("11 to 14", "11 12 13 14")
        assert not [pin for pin in flat if not re.search(rf"\b{pin}\b", told)], name


def test_the_search_finds_a_gap():
    text = "# Kit\n`--version` for all.\n## bellkit inspect\nno option here\n"
    found = undocumented("bellkit", text)
    assert "`bellkit inspect --json`" in found and "`bellkit inspect`" not in found
    assert {"`bellkit`", "`bellkit inspect`"} <= set(undocumented("bellkit", "# nothing"))
    assert "`bellkit inspect --json`" not in undocumented("bellkit", text + "`--json`")
