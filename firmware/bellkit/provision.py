"""Giving a bell its Wi-Fi and its identity, and taking both away again. docs/port.md is normative."""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Any

from bellkit.brought import Brought
from bellkit.errors import KitError, PortError, Refused
from bellkit.port import Port

RESTART_S = 30.0  # a chip starts in two or three; TLS and the first link take some more
POLL_S = 0.3
OFFSETS_MAX = 20  # so often a bell may say that a piece does not follow, before we believe that it is ill
ONCE_MORE = 3  # enrolments from the beginning, if the bell restarts in between

# code of a refusal: the state of `identity`, as `verdict` knows it
STATES = {"proof": "proof", "locked": "locked", "state": "enrolled", "gesture": "gesture", "code": "code"}


class Unfit(KitError):
    """The bell is not what was expected; state: as `verdict` knows it."""

    def __init__(self, state: str, text: str) -> None:
        super().__init__(text)
        self.state = state


def state_of(refused: Refused) -> str:
    """What a refusal of the bell's identity operations means."""
    return STATES.get(refused.code, "refused")


def set_wifi(port: Port, ssid: str, password: str) -> dict[str, Any]:
    """Join this network: {"ssid", "rssi"}. Raises Refused with code wifi, and nothing is changed."""
    return port.ask("wifi.set", ssid=ssid, password=password)


def enrol(port: Port, brought: Brought, progress: Callable[[int, int], None] = lambda done, total: None) -> str:
    """Give the bell its identity; its name. The bell then starts again. progress: (bytes there, bytes in all).

    Raises Unfit if it has an identity already, Refused, PortError.
    """
    hello = port.ask("hello")
    if hello.get("enrolled"):
        if hello.get("bell_id") == brought.bell_id:
            return brought.bell_id  # the answer to the last piece was lost with the cable
        raise Unfit("enrolled", f"this bell is enrolled as {hello.get('bell_id')}: wipe it first, `bellkit wipe`")
    for left in reversed(range(ONCE_MORE)):
        try:
            _send(port, brought.data, progress)
            break
        except Refused as refused:
            if left == 0 or refused.code not in ("state", "offset", "request"):
                raise
    proof = hmac.new(brought.once, brought.data, hashlib.sha256).hexdigest()
    try:
        port.ask("enrol.end", proof=proof)
    except Refused as refused:
        # It had taken it, its answer was lost, and this was the second time of asking.
        if refused.code != "state" or port.ask("hello").get("bell_id") != brought.bell_id:
            raise
    return brought.bell_id


def _send(port: Port, data: bytes, progress: Callable[[int, int], None]) -> None:
    begun = port.ask("enrol.begin", size=len(data), sha256=hashlib.sha256(data).hexdigest())
    have, chunk = int(begun["have"]), max(16, int(begun["chunk"]))
    wrong = 0
    while have < len(data):
        progress(have, len(data))
        piece = base64.b64encode(data[have : have + chunk]).decode()
        try:
            have = int(port.ask("enrol.data", at=have, data=piece)["have"])
        except Refused as refused:
            wrong += 1
            if refused.code != "offset" or wrong > OFFSETS_MAX:
                raise
            have = int(refused.answer.get("have", 0))  # type: ignore[call-overload]
    progress(len(data), len(data))


def wait_back(port: Port, want: Callable[[dict[str, Any]], bool], seconds: float = RESTART_S) -> dict[str, Any]:
    """hello, as soon as it is as wanted. Raises PortError if it never is."""
    end_s = time.monotonic() + seconds
    hello: dict[str, Any] = {}
    while time.monotonic() < end_s:
        try:
            hello = port.ask("hello", deadline_s=1.0, tries=1)
        except PortError as error:
            if error.state not in ("silent", "rom"):
                raise
        except Refused:
            pass  # it is starting, or at its end
        else:
            if want(hello):
                return hello
        port.listen(POLL_S)
    if hello:
        return hello
    raise PortError("silent", f"{port.path}: the bell did not come back within {seconds:g} s. Switch it off and on")


def wipe(port: Port, ask_code: Callable[[dict[str, Any]], str]) -> None:
    """Take the identity away. ask_code: gets the challenge and gives the operator's code, after the gesture.

    Raises Refused (gesture, code, locked), Unfit if there is nothing to wipe, PortError.
    """
    hello = port.ask("hello")
    if not hello.get("enrolled"):
        raise Unfit("blank", "this bell has no identity: there is nothing to wipe")
    challenge = port.ask("challenge", for_="wipe")
    code = ask_code({**challenge, "bell_id": hello.get("bell_id")})
    port.ask("wipe", code=code)
