"""An open incident has an owner, or somebody who will be told: each way to have neither is named."""

from typing import Any

import pytest

from bellsim.orphans import orphan

ROW: dict[str, Any] = {"id": 7, "handling": "received", "owner": None, "next_ms": 1, "lease_ms": None}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, None),
        ({"next_ms": None}, "incident 7 is received and nobody will be told"),
        ({"handling": "presented", "next_ms": None}, "incident 7 is presented and nobody will be told"),
        ({"handling": "acknowledged", "owner": "김하늘", "lease_ms": 5}, None),
        ({"handling": "acknowledged", "owner": "김하늘"}, "the acknowledgement of incident 7 never ends"),
        ({"handling": "acknowledged", "lease_ms": 5}, "incident 7 is acknowledged and nobody holds it"),
        ({"handling": "dispatched", "owner": "김하늘", "next_ms": None}, None),
        ({"handling": "dispatched"}, "incident 7 is dispatched and nobody holds it"),
    ],
)
def test_orphan(change: dict[str, Any], said: str | None) -> None:
    assert orphan(ROW | change) == said
