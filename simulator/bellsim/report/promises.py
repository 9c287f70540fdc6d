"""Every promise, and what holds it: docs/promises.toml, where each link leads somewhere or the file is refused."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from bellgate.errors import AnsimbellError
from bellsim.report.figures import BY_NAME
from bellsim.world.checker import PROPERTIES


class WrongPromise(AnsimbellError):
    """A promise has no checker, or a link of it leads nowhere."""


@dataclass(frozen=True, slots=True)
class Promise:
    """id: "press 3", "bell 1", "gateway 9". holds: ("worlds", property), ("figure", name) or ("test", path::name)."""

    id: str
    text: str
    holds: tuple[tuple[str, str], ...]


def read(root: Path) -> tuple[Promise, ...]:
    """The file of this checkout. Raises WrongPromise."""
    path = root / "docs" / "promises.toml"
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8"))["promise"]
    except (OSError, ValueError, KeyError) as error:
        raise WrongPromise(f"docs/promises.toml: {error}") from None
    found = tuple(_promise(row, root) for row in rows)
    names = [one.id for one in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise WrongPromise(f"docs/promises.toml: {', '.join(twice)} stands there twice")
    return found


def _promise(row: dict[str, object], root: Path) -> Promise:
    name = str(row.get("id"))
    holds = [("worlds", one) for one in _texts(row, "worlds")]
    holds += [("figure", one) for one in _texts(row, "figures")]
    holds += [("test", one) for one in _texts(row, "tests")]
    if not holds:
        raise WrongPromise(f"docs/promises.toml: nothing holds {name}; name worlds, figures or tests")
    for kind, link in holds:
        if kind == "worlds" and link not in PROPERTIES:
            raise WrongPromise(f"docs/promises.toml: {name}: no property {link!r} in world/checker.py")
        if kind == "figure" and link not in BY_NAME:
            raise WrongPromise(f"docs/promises.toml: {name}: no figure {link!r} in report/figures.py")
        if kind == "test" and not _is_test(root, link):
            raise WrongPromise(f"docs/promises.toml: {name}: there is no test {link}")
    return Promise(name, str(row.get("text", "")), tuple(holds))


def _texts(row: dict[str, object], key: str) -> list[str]:
    value = row.get(key, [])
    return [str(one) for one in value] if isinstance(value, list) else []


def _is_test(root: Path, link: str) -> bool:
    path, _, name = link.partition("::")
    file = root / "tests" / path
    if not file.is_file():
        return False
    return not name or bool(re.search(rf"^(async )?def {re.escape(name)}\(", file.read_text("utf-8"), re.MULTILINE))
