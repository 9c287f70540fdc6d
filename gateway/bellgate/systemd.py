"""The systemd unit of one installation: `ansimbell.service` beside this file, filled in."""

import os
import shutil
import sys
from importlib.resources import files
from pathlib import Path

from bellgate.config import Config
from bellgate.config_targets import CapTarget
from bellgate.errors import ConfigError

NAME = "ansimbell.service"


def unit(config: Config, user: str) -> str:
    """The unit's text. Raises ConfigError if a path in it cannot stand in a unit."""
    handed = [config.path.parent / one.folder for one in config.targets if isinstance(one, CapTarget) and one.folder]
    writable = list(dict.fromkeys([config.data_dir, config.backup_dir, config.checkpoint_dir, *handed]))
    for path in (*writable, config.path):
        if any(char.isspace() or char in "%\"'\\" for char in str(path)):
            raise ConfigError(f"{path}: a unit cannot name a folder with a space or a quotation mark. Move it")
    at_home = any(Path("/", top) in path.parents for path in writable for top in ("home", "root", "run/user"))
    gpio = any(getattr(target, "kind", "") == "sounder" for target in config.targets)
    return (
        (files("bellgate") / NAME)
        .read_text(encoding="utf-8")
        .format(
            id=config.gateway.id,
            program=program(),
            config=config.path,
            user=user,
            # "-": a place that is not mounted at the start must not keep the gateway from starting.
            writable=" ".join(("" if path == config.data_dir else "-") + str(path) for path in writable),
            protect_home="no" if at_home else "yes",
            private_devices="no" if gpio else "yes",  # a sounder on a relay needs the GPIO device
        )
    )


def write(text: str, folder: Path) -> Path:
    """Into a folder of units. Raises ConfigError."""
    path = folder / NAME
    try:
        path.write_text(text, encoding="utf-8")
        path.chmod(0o644)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be written ({error.strerror}). Run it as root, or give another --out"
        ) from None
    return path


def program() -> str:
    """The absolute path of `bellgate`, as it was installed for this Python."""
    beside = Path(sys.executable).with_name("bellgate")
    return str(beside) if os.access(beside, os.X_OK) else shutil.which("bellgate") or str(beside)
