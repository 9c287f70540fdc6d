"""What a target that counts its messages needs of the tables: numbers given once, kept, and who comes first."""

from concurrent.futures import ThreadPoolExecutor

from databases import again

from bellgate.store import Store, deliveries, facts
from bellgate.store.deliveries import Delivery, Mark

NOW_MS = 1_795_430_400_000


def message(name: str, created_ms: int = NOW_MS, target: str = "arc", trouble_id: int | None = 1) -> Delivery:
    return Delivery(name, target, "ansimbell.trouble", None, None, 0, "{}", 0, created_ms, created_ms, None, trouble_id)


def test_counter_gives_each_number_once_and_begins_again(store: Store) -> None:
    assert [store.write_now(lambda tx: facts.count_up(tx, "n", 3)) for _ in range(5)] == [1, 2, 3, 1, 2]
    assert store.write_now(lambda tx: facts.count_up(tx, "other", 3)) == 1


def test_two_gateways_never_draw_the_same_number(store: Store) -> None:
    with again(store) as other, ThreadPoolExecutor(4) as pool:
        drawn = [
            pool.submit(one.write_now, lambda tx: facts.count_up(tx, "n", 9999))
            for _ in range(50)
            for one in (store, other)
        ]
        assert sorted(one.result(20) for one in drawn) == list(range(1, 101))


def test_what_a_target_keeps_comes_back_with_the_next_attempt_and_proof_stays(store: Store) -> None:
    store.write_now(lambda tx: deliveries.insert(tx, message("a"), "pending"))
    store.write_now(lambda tx: deliveries.keep(tx, "a", "17"))
    (taken,) = store.write_now(lambda tx: deliveries.take(tx, "arc", NOW_MS, 1_000, 10))
    assert taken.kept == "17" and taken.trouble_id == 1
    store.write_now(lambda tx: deliveries.mark(tx, [Mark("a", "failed", 1, NOW_MS, NOW_MS + 60_000, "away", "half")]))
    assert store.write_now(lambda tx: deliveries.due_now(tx, "other", NOW_MS)) == 0
    assert store.write_now(lambda tx: deliveries.take(tx, "arc", NOW_MS, 1_000, 10)) == []
    assert store.write_now(lambda tx: deliveries.due_now(tx, "arc", NOW_MS)) == 1
    assert [one.kept for one in store.write_now(lambda tx: deliveries.take(tx, "arc", NOW_MS, 1_000, 10))] == ["17"]
    store.write_now(lambda tx: deliveries.mark(tx, [Mark("a", "delivered", 2, NOW_MS)]))
    row = store.read_now(lambda tx: tx.one("SELECT state, proof FROM delivery"))
    assert row == {"state": "delivered", "proof": "half"}


def test_only_an_earlier_message_about_the_same_thing_to_the_same_target_comes_first(store: Store) -> None:
    late = message("late", NOW_MS + 1)

    def follows() -> bool:
        return store.read_now(lambda tx: deliveries.follows(tx, late))

    others = [
        message("same time", NOW_MS + 1),
        message("other target", target="station"),
        message("other trouble", trouble_id=2),
        late,
    ]
    for one in others:
        store.write_now(lambda tx, one=one: deliveries.insert(tx, one, "pending"))
    assert not follows()
    store.write_now(lambda tx: deliveries.insert(tx, message("before"), "pending"))
    assert follows()
    for state, comes_first in (("failed", True), ("sending", True), ("dead", False), ("delivered", False)):
        store.write_now(lambda tx, state=state: deliveries.mark(tx, [Mark("before", state, 1, NOW_MS)]))
        assert follows() == comes_first, state
