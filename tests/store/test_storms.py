"""A storm's rows on both databases: lines gather, clear one by one, and fall apart."""

from typing import Any, cast

from bellgate.core.storm import APART_AT, FORM_AT
from bellgate.pipeline.settings import After, Settings
from bellgate.pipeline.trouble_list import TroubleList
from bellgate.store import Store, Tx, bells, dues, figures, troubles
from bellgate.store.bells import Bell

COUNT = FORM_AT + 3
NAMES = [f"b-{number}" for number in range(COUNT)]


def bell(name: str) -> Bell:
    return Bell(name, f"seongsu-{name}", "store-bell", name, "", None, None, b"k" * 32, 0, name, "active", 1)


def lines(tx: Tx, now_ms: int, after: After) -> TroubleList:
    return TroubleList(tx, Settings("g", cast(Any, None), ()), now_ms, after)


def test_storm_comes_and_goes(store: Store) -> None:
    after = After()

    def blackout(tx: Tx) -> None:
        for name in NAMES:
            bells.add(tx, bell(name))
        for now_ms, name in enumerate(NAMES):
            lines(tx, now_ms, after).raise_("bell_battery", name, {})

    store.write_now(blackout)
    (line,) = store.read_now(troubles.open_troubles)
    assert (line["subject"], line["bells"], line["count"], len(line["members"])) == ("seongsu-b-*", COUNT, COUNT, COUNT)
    assert [one["change"] for one in after.events] == [
        *["raised"] * (FORM_AT - 1),
        *["gathered"] * (FORM_AT - 1),
        "raised",
        *["changed"] * 3,
    ]
    said = store.read_now(figures.read)
    assert (said.troubles_open, said.trouble_lines) == ({"bell_battery": COUNT}, {"bell_battery": 1})

    def light(tx: Tx, names: list[str]) -> None:
        for name in names:
            lines(tx, 1_000, after).clear("bell_battery", name)
        for due in dues.take(tx, 601_000, 1_000, 100):
            assert dues.finish(tx, due)
            lines(tx, 601_000, after).due(int(due.subject))

    store.write_now(lambda tx: light(tx, NAMES[: COUNT - APART_AT - 1]))
    (line,) = store.read_now(troubles.open_troubles)
    assert line["bells"] == APART_AT + 1
    store.write_now(lambda tx: light(tx, NAMES[COUNT - APART_AT - 1 : COUNT - APART_AT]))
    assert {one["subject"] for one in store.read_now(troubles.open_troubles)} == set(NAMES[COUNT - APART_AT :])
    store.write_now(lambda tx: tx.run("UPDATE bell SET state = 'revoked' WHERE bell_id = ?", (NAMES[-1],)))
    assert [row["bell_id"] for row in store.read_now(troubles.of_the_gone)] == [NAMES[-1]]
    store.write_now(lambda tx: light(tx, NAMES))
    assert store.read_now(troubles.open_troubles) == [] and store.read_now(troubles.live_lines) == []
