"""The gateway, as the kit asks it: over HTTP with a token of the role installer."""

import time
from typing import Any

import httpx

from bellkit.errors import GatewayError

DEADLINE_S = 5.0  # a Pi under load answers in half a second
WAIT_S = 10.0


class Gateway:
    """url: of the console; token: from `bellgate token --role installer`."""

    def __init__(self, url: str, token: str, verify: bool | str = True) -> None:
        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx.Client(
            base_url=f"{self.url}/api/v1", headers=headers, timeout=DEADLINE_S, trust_env=False, verify=verify
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def page(self, bell_id: str) -> str:
        """The address of the bell's page, for people."""
        return f"{self.url}/bells#{bell_id}"

    def health(self) -> tuple[str, str]:
        """("up", "ill" or "down", the reason)."""
        try:
            answer = self._http.get(f"{self.url}/healthz")
        except httpx.HTTPError as error:
            return "down", f"{self.url}: {error or type(error).__name__}"
        if answer.status_code == 200:
            return "up", ""
        return "ill", answer.text[:200]

    def state(self, bell_id: str) -> str:
        """ "active", "suspended", "revoked", or "unknown"."""
        try:
            return str(self._get(f"bells/{bell_id}").get("state", "active"))
        except GatewayError as error:
            if error.status == 404:
                return "unknown"
            raise

    def bell(self, bell_id: str) -> dict[str, Any]:
        """What the gateway knows of the bell: name, address, position, last sign of life."""
        return self._get(f"bells/{bell_id}")

    def routing(self, bell_id: str) -> dict[str, Any]:
        """Whom an alarm of this bell reaches, and whose area holds its position."""
        return self._get(f"bells/{bell_id}/routing")

    def walk(self, bell_id: str, boot: str, seq: int) -> dict[str, Any] | None:
        """The moments of one press as a test, or None as long as there is none."""
        found = self._get(f"bells/{bell_id}/walk", params={"boot": boot, "seq": str(seq)}).get("press")
        return found if isinstance(found, dict) else None

    def presented(self, bell_id: str, boot: str, seq: int, console: str) -> None:
        """We have shown this press on our screen: the kit is a console in test."""
        self._ask("POST", f"bells/{bell_id}/walk/presented", json={"boot": boot, "seq": seq, "console": console})

    def keep(self, bell_id: str, certificate: dict[str, Any]) -> dict[str, Any]:
        """Give it the certificate; what it stored. The same one again is no harm."""
        return self._ask("POST", f"bells/{bell_id}/commissioning", json=certificate)

    def pdf(self, bell_id: str, certificate_id: str) -> bytes:
        """The stored certificate as PDF."""
        return self._raw("GET", f"bells/{bell_id}/commissioning/{certificate_id}/pdf").content

    def wait_stored(self, bell_id: str, boot: str, seq: int, seconds: float = WAIT_S) -> dict[str, Any] | None:
        """The press as soon as it is stored; None if it is not in time."""
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            press = self.walk(bell_id, boot, seq)
            if press is not None and press.get("stored_ms") is not None:
                return press
            time.sleep(0.1)
        return None

    def portcode(self, bell_id: str, op: str, nonce: str) -> str:
        """The operator's code for an enrolled bell's port."""
        return str(self._ask("POST", f"bells/{bell_id}/portcode", json={"op": op, "nonce": nonce})["code"])

    def _get(self, path: str, params: dict[str, str] | None = None) -> dict[str, Any]:
        return self._ask("GET", path, params=params)

    def _ask(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        answer = self._raw(method, path, **more)
        try:
            found = answer.json()
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise GatewayError(f"{self.url}: its answer to {path} is not JSON. Is this the gateway's console?")
        return found

    def _raw(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **more)
        except httpx.HTTPError as error:
            said = str(error) or type(error).__name__
            raise GatewayError(
                f"{self.url}: does not answer ({said}). Is the gateway on, and the address right?"
            ) from None
        if answer.is_success:
            return answer
        try:
            message = str(answer.json().get("message") or answer.json().get("error") or answer.text[:200])
        except (ValueError, AttributeError):
            message = answer.text[:200]
        raise GatewayError(f"{self.url}: refuses {path} ({answer.status_code}): {message}", answer.status_code)
