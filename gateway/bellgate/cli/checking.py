"""Checking: check."""

import typer

from bellgate.checkup import Finding, examine
from bellgate.cli.app import DEFAULT_CONFIG, ConfigOption, JsonOption, app, say, say_json
from bellgate.config import load
from bellgate.errors import AnsimbellError


@app.command()
def check(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Examine settings, database, certificates, broker and ports. Ends with 1 if something is wrong."""
    findings: list[Finding] = []
    try:
        findings.append(Finding("settings", True, f"{(loaded := load(config)).path} is right"))
        findings += examine(loaded)
    except AnsimbellError as error:
        findings = [Finding("settings", False, str(error))]
    if as_json:
        say_json({"ok": all(one.ok for one in findings), "checks": [one.as_dict() for one in findings]})
    else:
        for one in findings:
            say(f"{'ok   ' if one.ok else 'WRONG'} {one.name}: {one.text}")
    if not all(one.ok for one in findings):
        raise typer.Exit(1)
