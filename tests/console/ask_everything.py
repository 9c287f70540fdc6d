"""Asks the API everything that its description allows, and much that it does not; in process, from a fixed seed.

`python tests/console/ask_everything.py --seconds N --json` is the long campaign. Each case must be answered without a
server error, in the shape that the description names. The stream of events has no end, so it is asked by its own tests.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
import schemathesis
import structlog
from argon2 import PasswordHasher
from desk import PASSWORD, Desk
from hypothesis import HealthCheck, Phase
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from test_bells import beat

from bellgate import pki
from bellgate.console.signin import LONGEST_WAIT_MS
from bellgate.store import people

ENDLESS = "/api/v1/events"
CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
SEED = 20_261_128


@dataclass
class Outcome:
    """What a campaign saw. statuses: {status: answers}. refused_all: operations that never answered with a 2xx."""

    role: str
    cases: int = 0
    operations: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    refused_all: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return {
            "role": self.role,
            "cases": self.cases,
            "operations": self.operations,
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "server_errors": sum(count for status, count in self.statuses.items() if status >= 500),
            "faults": self.faults,
            "never_2xx": self.refused_all,
        }


def operations(desk: Desk) -> Iterator[Any]:
    """Every operation of the description that has an end."""
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", desk.app)
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path != ENDLESS:
            yield operation


def ask(
    desk: Desk, role: str, cases_each: int, seed: int = SEED, until_s: float | None = None, only: str = ""
) -> Outcome:
    """Ask each operation as somebody of this role with a browser's session; stops at the first fault of each.

    only: no other path. until_s: no further operation after this moment of time.monotonic().
    """
    outcome = Outcome(role)
    name = desk.operator(f"asks-{role}-{seed}", role)
    for operation in operations(desk):
        if only and operation.path != only:
            continue
        if until_s is not None and time.monotonic() > until_s:
            break
        outcome.operations += 1
        before = outcome.statuses.copy()
        try:
            _case(desk, name, operation, cases_each, seed, outcome)()
        except Exception as error:  # a fault, whatever it is: told with the request that shows it
            outcome.faults.append(f"{operation.label}: {error}"[:2_000])
        answered = outcome.statuses - before
        if not any(200 <= status < 300 for status in answered):
            outcome.refused_all.append(operation.label)
    return outcome


def _case(desk: Desk, name: str, operation: Any, cases_each: int, seed: int, outcome: Outcome) -> Any:
    session = desk.session(name)

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=cases_each,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy())
    def one(case: Any) -> None:
        # Its own idea of who asks would be refused each time; the tests of access are elsewhere.
        for header in ("Authorization", "Cookie", "X-CSRF-Token"):
            case.headers.pop(header, None)
        case.cookies = {}
        if outcome.cases % 2:
            _fit(desk, case)
        try:
            answer = case.call(headers=session)
        except Exception:  # in process a fault of ours comes as it is, and not as a 500
            outcome.statuses[500] += 1
            raise
        outcome.cases += 1
        outcome.statuses[answer.status_code] += 1
        if answer.status_code == 401:  # the case signed itself out
            session.update(desk.session(name))
        if answer.status_code == 429:
            desk.clock.ahead_ms += LONGEST_WAIT_MS
        case.validate_response(answer, checks=CHECKS)

    return one


def _fit(desk: Desk, case: Any) -> None:
    """What chance alone would never hit: an incident that there is, its version, a name, the password, a bell."""
    if isinstance((case.path_parameters or {}).get("incident_id"), int):
        number = case.path_parameters["incident_id"] % 3 + 1
        case.path_parameters["incident_id"] = number
        if isinstance(case.body, dict) and "version" in case.body:
            case.body["version"] = desk.view(number)["version"]
    if isinstance((case.path_parameters or {}).get("test_id"), int):
        case.path_parameters["test_id"] = case.path_parameters["test_id"] % 3 + 1
    if isinstance(case.body, dict) and "bells" in case.body:
        case.body["bells"] = ["b-3", "b-7f3a"]
    if isinstance(case.body, dict):
        known = {"name": "이서준", "password": PASSWORD, "old": PASSWORD}
        case.body |= {key: value for key, value in known.items() if key in case.body}


def with_keys(desk: Desk) -> None:
    """The installation's own keys, for what the gateway signs."""
    pki.Authority.create(desk.config.data_dir / "pki", desk.config.gateway.id)


def prepared(folder: Path) -> Desk:
    """A desk with bells, incidents, a test and people in it."""
    desk = Desk(folder)
    with_keys(desk)
    shop, home = desk.enrol(), desk.enrol("b-2", "성수이로 1인 가구", "서울 성동구 성수이로 88", kind="home-set")
    for bell, what in ((shop, "panic"), (shop, "test"), (home, "duress")):
        desk.press(bell, what)
    beat(desk, desk.enrol("b-3", "성수 약국"))
    desk.operator("이서준")
    desk.operator("박하나", "administrator")
    assert desk.post("/api/v1/press-tests", {"bells": ["b-3"]}, desk.token()).is_success
    return desk


def main() -> int:
    """The long campaign: round after round, each from a seed of its own, until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    people._HASHER = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    began = time.monotonic()
    end = began + given.seconds
    done: list[dict[str, Any]] = []
    number = 0
    while time.monotonic() < end:
        for role in ("administrator", "dispatcher"):
            with tempfile.TemporaryDirectory() as folder:
                desk = prepared(Path(folder))
                try:
                    done.append(ask(desk, role, 50, given.seed + number, end).as_dict() | {"seed": given.seed + number})
                finally:
                    desk.close()
        number += 1
    figures = {
        "seconds": round(time.monotonic() - began, 1),
        "rounds": number,
        "cases": sum(one["cases"] for one in done),
        "server_errors": sum(one["server_errors"] for one in done),
        "faults": [fault for one in done for fault in one["faults"]],
        "statuses": dict(sorted(sum((Counter(one["statuses"]) for one in done), Counter()).items())),
    }
    if given.json:
        print(json.dumps(figures, ensure_ascii=False, indent=1))
    else:
        print(f"{figures['cases']} cases in {figures['seconds']} s, {figures['server_errors']} server errors")
        for fault in figures["faults"]:
            print(fault)
    return 1 if figures["faults"] or figures["server_errors"] else 0


if __name__ == "__main__":
    sys.exit(main())
