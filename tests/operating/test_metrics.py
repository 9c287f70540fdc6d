"""Every metric that the dashboard or the docs name exists, and every metric that exists is named in the docs."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from bellgate import disk, metrics
from bellgate.health import Health
from bellgate.store import Store, bells, deliveries, open_store, refusals, troubles

ROOT = Path(__file__).resolve().parents[2]
NAME = re.compile(r"\bansimbell_[a-z_]+")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store("sqlite:///a.db", tmp_path) as opened:
        yield opened


def samples(store: Store) -> dict[str, list[dict[str, str]]]:
    """{sample name: its labels, each} of a gateway that has some of everything."""

    def fill(tx: Any) -> None:
        bells.add(tx, bells.Bell("b-1", "s", "pendant", "n", "a", None, None, b"k" * 32, 0, "ff", "active", 1))
        refusals.count(tx, "tag", 1)
        troubles.raise_(tx, "k", "s", "d", 1)
        deliveries.insert(tx, deliveries.Delivery("d1", "t", "ansimbell.trouble", None, None, 0, "", 0, 1, 1), "failed")
        tx.run("INSERT INTO fact (name, value) VALUES ('database_bytes', '[[1, 100], [3, 300]]')")

    store.write_now(fill)

    class Some(dict[str, int]):
        def __missing__(self, key: str) -> int:
            return 1

    def counters() -> Some:
        return Some()

    clock = SimpleNamespace(now_ms=lambda: 10_000, synchronised=lambda: True)
    keeping = SimpleNamespace(clock=clock, room=disk.Room(10, 5, False), backup_ms=1, checkpoint_ms=1, removed=3)
    session = SimpleNamespace(listening=True, dropped_receipts=0)
    canary = SimpleNamespace(age_ms=lambda: 5, round_trip_ms=2.0)
    part = SimpleNamespace(counters=counters)
    health = Health(True, [("canary", True, "")])
    collector = metrics.GatewayCollector(
        store,
        part,
        part,
        session,
        canary,
        lambda: (1, 2),
        lambda: health,
        keeping,  # type: ignore[arg-type]
    )
    text = generate_latest(metrics.registry(collector)).decode()
    found: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found


def expressions(board: dict[str, Any]) -> Iterator[str]:
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["query"]["query"]


def test_every_metric_of_the_dashboard_is_there(store: Store) -> None:
    board = json.loads((ROOT / "gateway/bellgate/grafana.json").read_text(encoding="utf-8"))
    there = samples(store) | {"ansimbell_incidents_open": [{"handling": "received"}]}
    used = set().union(*(NAME.findall(one) for one in expressions(board)))
    assert len(used) > 20
    assert used <= set(there), used - set(there)
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            names = NAME.findall(target["expr"])
            for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
                assert label == "instance" or any(label in labels for name in names for labels in there[name]), label


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    board = json.loads((ROOT / "gateway/bellgate/grafana.json").read_text(encoding="utf-8"))
    numbers = [panel["id"] for panel in board["panels"]]
    assert len(numbers) == len(set(numbers)) and board["uid"] and "id" not in board
    taken = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken and place["x"] + place["w"] <= 24, panel["title"]
        taken |= cells
    names = {variable["name"] for variable in board["templating"]["list"]}
    assert set(re.findall(r"\$\{?(\w+)", json.dumps([*expressions(board)]))) <= names


def test_every_metric_stands_in_the_docs_and_the_other_way_round(store: Store) -> None:
    page = (ROOT / "docs/operate.md").read_text(encoding="utf-8")
    there = {name for name in samples(store) if name.startswith("ansimbell_") and not name.endswith("_created")}
    there |= {"ansimbell_incidents_open"}
    told = set(re.findall(r"`(ansimbell_[a-z_]+)", page))
    assert there - told == set(), "not in docs/operate.md"
    assert told - there == set(), "in docs/operate.md, but nowhere else"
