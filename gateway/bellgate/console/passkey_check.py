"""A passkey's answers, checked by the package `webauthn`. User verification is demanded: a finger, a face or a PIN.

The challenge is the gateway's, kept by `pending` and good once. A passkey is bound to the site's name, so it opens
nothing for a page that only looks like ours.
"""

import hashlib
from typing import Any
from urllib.parse import urlsplit

import structlog
import webauthn
from fastapi import Request
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from bellgate.config import Config
from bellgate.core.frozen import frozen
from bellgate.store.passkeys import Passkey

TIMEOUT_MS = 120_000  # to find the key in a pocket
_log = structlog.get_logger(__name__)


@frozen
class Site:
    """Where the pages are, as the browser shows it. name: to whom a passkey belongs."""

    origin: str
    name: str


def site_of(request: Request, config: Config) -> Site:
    """`console.origin`, or else where this request went."""
    origin = config.console.origin or f"{request.url.scheme}://{request.headers.get('Host', '')}"
    try:
        return Site(origin, urlsplit(origin).hostname or "")
    except ValueError:
        return Site(origin, "")


def challenge_for_entry(site: Site) -> tuple[str, bytes]:
    """(options for navigator.credentials.get as JSON, the challenge in it)."""
    options = webauthn.generate_authentication_options(
        rp_id=site.name or "localhost", timeout=TIMEOUT_MS, user_verification=UserVerificationRequirement.REQUIRED
    )
    return webauthn.options_to_json(options), options.challenge


def checked_entry(credential: dict[str, Any], challenge: bytes, site: Site, key: Passkey) -> int | None:
    """The counter of a passkey that has signed this challenge; None if it has not."""
    try:
        done = webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.name,
            expected_origin=site.origin,
            credential_public_key=base64url_to_bytes(key.public_key),
            credential_current_sign_count=key.sign_count,
            require_user_verification=True,
        )
    except Exception as error:  # whatever it is that a stranger's bytes break: it was not proved
        _log.info("passkey_refused", operator=key.operator, reason=str(error))
        return None
    handle = credential.get("response", {}).get("userHandle")
    if handle and handle != bytes_to_base64url(_handle(key.operator)):
        return None
    return done.new_sign_count


def challenge_for_new(site: Site, operator: str, known: list[Passkey], gateway: str) -> tuple[str, bytes]:
    """(options for navigator.credentials.create as JSON, the challenge in it)."""
    options = webauthn.generate_registration_options(
        rp_id=site.name or "localhost",
        rp_name=f"Ansimbell {gateway}",
        user_name=operator,
        user_id=_handle(operator),
        timeout=TIMEOUT_MS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(base64url_to_bytes(key.credential_id)) for key in known],
    )
    return webauthn.options_to_json(options), options.challenge


def checked_new(
    credential: dict[str, Any], challenge: bytes, site: Site, operator: str, label: str, now_ms: int
) -> Passkey | None:
    """The new passkey; None if the answer does not prove one."""
    try:
        done = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.name,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except Exception as error:  # see checked_entry
        _log.info("passkey_refused", operator=operator, reason=str(error))
        return None
    return Passkey(
        bytes_to_base64url(done.credential_id),
        operator,
        bytes_to_base64url(done.credential_public_key),
        done.sign_count,
        label,
        now_ms,
        None,
    )


def _handle(operator: str) -> bytes:
    """How a person's device knows whose key it is: the same for all of one person, and no name in clear."""
    return hashlib.sha256(f"ansimbell operator {operator}".encode()).digest()
