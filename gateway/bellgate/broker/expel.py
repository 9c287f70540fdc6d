"""How a mosquitto is told to end a revoked bell's connection, and to let it say and hear nothing any more.

mosquitto knows certificates and not the list of bells; a changed access list or a list of revoked certificates ends
no connection there. Its own plugin for dynamic security does: it defers to the access list for whoever it does not
know, so only revoked bells are entered in it, disabled, with a role that forbids everything. It is told over MQTT, so
the gateway needs no right to signal a process, and mosquitto keeps the entries in a file of its own.

Facts this rests on (mosquitto 2.0.11, measured): `disableClient` closes the connection of that name within 3 ms; a
certificate still opens a new one, in which the role denies every publish and every subscription.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

CONTROL = "$CONTROL/dynamic-security/v1"
RESPONSE = f"{CONTROL}/response"
ROLE = "revoked"
# mosquitto takes 65,536 bytes in our settings; a bell's two commands have 200 at most.
BELLS_AT_ONCE = 100
_EVERYTHING = ("publishClientSend", "publishClientReceive", "subscribeLiteral", "subscribePattern")
_DENIED = [{"acltype": kind, "topic": "#", "priority": 0, "allow": False} for kind in _EVERYTHING]
_KNOWN_ALREADY = "already exists"


def settings() -> str:
    """The plugin's own file as it begins. Whoever is not in it goes by the access list, not by its defaults."""
    allowed = {"publishClientSend": False, "publishClientReceive": False, "subscribe": False, "unsubscribe": True}
    roles = [{"rolename": ROLE, "acls": _DENIED}]
    return json.dumps({"defaultACLAccess": allowed, "roles": roles, "groups": [], "clients": []}, indent=1) + "\n"


def commands(bell_ids: Iterable[str]) -> Iterator[bytes]:
    """What is published on CONTROL so that these bells are cut off; saying it again changes nothing."""
    names = list(bell_ids)
    for start in range(0, len(names), BELLS_AT_ONCE):
        told: list[dict[str, Any]] = [{"command": "createRole", "rolename": ROLE, "acls": _DENIED}]
        for name in names[start : start + BELLS_AT_ONCE]:
            told.append(
                {"command": "createClient", "username": name, "roles": [{"rolename": ROLE, "priority": 100}]},
            )
            told.append({"command": "disableClient", "username": name})
        yield json.dumps({"commands": told}, separators=(",", ":")).encode("utf-8")


def faults(payload: bytes) -> list[str]:
    """What mosquitto could not do, from what it published on RESPONSE; [] if everything was done."""
    try:
        answers = json.loads(payload)["responses"]
        found = [f"{one.get('command')}: {one['error']}" for one in answers if "error" in one]
    except (ValueError, LookupError, TypeError, AttributeError):
        return ["its answer cannot be read"]
    return [text for text in found if _KNOWN_ALREADY not in text]
