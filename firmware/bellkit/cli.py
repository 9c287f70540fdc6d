"""The program `bellkit`: one command so far, `inspect`, which says what an enrolment file holds but its secrets."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_der_private_key

from bellgate import enrolment
from bellgate.errors import AnsimbellError, EnrolmentError
from bellkit import __version__

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Ansimbell's installer's kit.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"bellkit {__version__}")
        raise typer.Exit


@app.callback()
def options(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Ansimbell's installer's kit."""


@app.command()
def inspect(
    file: Annotated[Path, typer.Argument(help="An enrolment file, as `bellgate enrol --out` writes it.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """Say whose enrolment file this is, where the bell will connect, and whether its certificate will serve."""
    found = describe(enrolment.read(file), str(file))
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    certificate = found["certificate"]
    brokers = [f"{broker['host']}:{broker['port']} as {broker['server_name']}" for broker in found["brokers"]]
    for name, text in (
        ("bell", found["bell_id"]),
        ("site", found["site"]),
        ("kind", found["kind"]),
        ("brokers", ", then ".join(brokers)),
        ("certificate", certificate["subject"]),
        ("issued by", certificate["issuer"]),
        ("valid", f"{certificate['not_before']} to {certificate['not_after']}"),
        ("secrets", "present, not shown"),
    ):
        print(f"{name:<12}{text}")


def describe(read: enrolment.Enrolment, source: str) -> dict[str, Any]:
    """What may be shown of an enrolment file: no key of any kind. Times are UTC, ISO 8601.

    Raises EnrolmentError if certificate, private key and CA do not belong together: such a bell would never connect.
    """
    authority_der, certificate_der, key_der = read.tls_bytes
    try:
        authority = x509.load_der_x509_certificate(authority_der)
        certificate = x509.load_der_x509_certificate(certificate_der)
        key = load_der_private_key(key_der, password=None)
    except (ValueError, TypeError) as error:
        raise EnrolmentError(f"{source}: a certificate or key in it cannot be read ({error}); {_AGAIN}") from error
    if key.public_key() != certificate.public_key():
        raise EnrolmentError(f"{source}: the private key is not that of the certificate; {_AGAIN}")
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise EnrolmentError(f"{source}: the certificate was not issued by the CA in the file; {_AGAIN}") from error
    return {
        "bell_id": read.bell_id,
        "site": read.site,
        "kind": read.kind,
        "brokers": [
            {"host": broker.host, "port": broker.port, "server_name": broker.server_name} for broker in read.brokers
        ],
        "certificate": {
            "subject": certificate.subject.rfc4514_string(),
            "issuer": certificate.issuer.rfc4514_string(),
            "not_before": certificate.not_valid_before_utc.isoformat(),
            "not_after": certificate.not_valid_after_utc.isoformat(),
        },
    }


_AGAIN = "enrol the bell again with `bellgate enrol`"


def main() -> None:
    """Run the program; what a person can put right is one line, never a traceback."""
    try:
        app()
    except AnsimbellError as error:
        print(f"bellkit: {error}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(1)  # the reader of our output, `head` perhaps, has left


if __name__ == "__main__":
    main()
