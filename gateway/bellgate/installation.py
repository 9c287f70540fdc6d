"""A new installation: gateway.toml, certificate authority, database, first operator."""

import shutil
import socket
from pathlib import Path

from bellgate import pki
from bellgate.admission import open_authority
from bellgate.clock import now_ms
from bellgate.config import FILE_NAME, Config, load
from bellgate.core.frozen import frozen
from bellgate.errors import ConfigError
from bellgate.store import open_store, people
from bellwire import valid_name

# One key a line, plain `key = "value"`: people and scripts edit it. docs/configuration.md describes every key.
_TEMPLATE = """\
# The gateway's settings. A change counts after the next start; `bellgate check -c {file_name}` says what is wrong.

[gateway]
# The gateway's own name: a-z 0-9 and -, different for each gateway.
id = "{id}"
# Database, certificates and broker; relative to this file's folder.
data_dir = "."

[console]
# Where the pages and the API listen. Put a TLS proxy in front before you open it to a network.
listen = "{console}"

[mqtt]
# "embedded": the gateway starts its own broker. Or a URL such as "mqtts://broker.example:8883".
broker = "embedded"
# Where the embedded broker listens for bells.
listen = "{listen}"
# How the bells reach the broker, in order of preference. Written into each enrolment file.
advertise = [{advertise}]

[store]
# "sqlite:///NAME" lies in data_dir, "sqlite:////PATH" is absolute; or "postgresql://USER@HOST/DATABASE".
url = "{store}"

[[target]]
# The pages of this gateway.
name = "console"
kind = "console"
"""


DEFAULT_STORE = "sqlite:///ansimbell.db"


@frozen
class Fresh:
    """What `init` made. The password is nowhere else."""

    config: Config
    operator: str
    password: str


def create(
    folder: Path,
    gateway_id: str | None,
    console: str,
    listen: str,
    advertise: list[str],
    operator: str,
    store: str = DEFAULT_STORE,
) -> Fresh:
    """Make an installation in `folder`. gateway.toml comes last: without it there is none. Raises AnsimbellError."""
    file = folder / FILE_NAME
    aside = folder / (FILE_NAME + ".new")
    try:
        if file.exists():
            raise ConfigError(f"{file}: there is an installation here already. Choose another folder")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (folder / "pki").exists() or (folder / "ansimbell.db").exists():
            raise ConfigError(
                f"{folder}: holds the remains of an installation (pki or ansimbell.db) without {FILE_NAME}. "
                "Restore that file from a backup, or choose another folder"
            )
        port = listen.rpartition(":")[2]
        text = _TEMPLATE.format(
            file_name=FILE_NAME,
            id=gateway_id or _host_name("gateway-1"),
            console=console,
            listen=listen,
            store=store,
            advertise=", ".join(f'"{entry}"' for entry in advertise or [f"gateway.local:{port}"]),
        )
        aside.unlink(missing_ok=True)
        aside.touch(mode=0o600)  # webhook secrets will stand in it
        aside.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"{folder}: cannot be written ({error.strerror}). Choose a folder in which this user may write"
        ) from None
    try:
        config = load(aside)
        pki.Authority.create(config.data_dir / "pki", config.gateway.id)
        open_authority(config)
        password = people.new_password()
        with open_store(config.store.url, config.data_dir) as opened:
            opened.write_now(lambda tx: people.add_operator(tx, operator, "administrator", password, now_ms()))
        aside.replace(file)
    except BaseException as error:
        _take_back(folder)
        if isinstance(error, ConfigError):
            raise ConfigError(str(error).replace(str(aside), str(file))) from None
        raise
    finally:
        aside.unlink(missing_ok=True)
    return Fresh(load(file), operator, password)


def _take_back(folder: Path) -> None:
    """Remove what a failed `create` made; it has checked before that none of it was there."""
    shutil.rmtree(folder / "pki", ignore_errors=True)
    for made in folder.glob("ansimbell.db*"):
        made.unlink(missing_ok=True)


def _host_name(otherwise: str) -> str:
    """This machine's name if it can be a gateway's id."""
    name = socket.gethostname().partition(".")[0].lower()
    return name if valid_name(name) and len(name) <= 24 else otherwise
