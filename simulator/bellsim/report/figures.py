"""The measurements that the page has. Goals are not here: each command knows its own and says them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """command: as a person types it; it prints one JSON object as its last line. says: what it is about, in a clause.
    minutes: about how long it takes on two cores. shows: figures of its answer that have no goal, by dotted names."""

    name: str
    command: str
    says: str
    minutes: float
    shows: tuple[str, ...] = ()


FIGURES = (
    Figure(
        "latency",
        "bellsim latency --presses 500 --tls --json",
        "from the button to flash, and to the receipt",
        1,
        ("journal_ms.p50", "stored_ms.p50", "stored_ms.max", "disk_ms.p99"),
    ),
    Figure(
        "powercut",
        "bellsim powercut --cuts 10000 --json",
        "a power cut at every write of the journal",
        6,
        ("cuts", "half_done", "acked_lost", "invented", "mount_failures", "erases_per_record", "mutant_caught"),
    ),
    Figure("broker-restart", "bellsim fault broker-restart --json", "the broker is killed", 0.2),
    Figure(
        "broker-freeze",
        "bellsim fault broker-freeze --json",
        "the broker falls silent while a press waits",
        0.5,
        ("delivered_s",),
    ),
    Figure("outage", "bellsim fault outage --minutes 30 --json", "half an hour without a network, accelerated", 0.5),
    Figure("flash-dead", "bellsim fault flash-dead --json", "the flash takes nothing", 0.3),
    Figure("heap", "bellsim heap --json", "a whole story in how much Python heap", 4, ("heap_k_plain_mpy",)),
    Figure(
        "fleet",
        "bellsim fleet --bells 1000 --micropython --tls --json",
        "a thousand bells press once each",
        3,
        ("press_to_stored_ms.p50", "press_to_stored_ms.p99"),
    ),
    Figure("port-fuzz", "bellsim port-fuzz --json", "rubbish on the installer's cable", 2),
    Figure("year", "bellsim year --bells 200 --days 365 --seed 1 --json", "a year of policies and people", 8),
    Figure("load", "bellsim load --bells 2000 --hours 24 --seed 1 --json", "a day of 2,000 bells: memory", 20),
    Figure(
        "fuzz",
        "bellsim fuzz --seeds 0..999 --days 1 --bells 20 --json",
        "a thousand broken worlds",
        30,
        ("seeds", "simulated_s", "real_s", "times_as_fast"),
    ),
    Figure(
        "chaos",
        "bellsim chaos --minutes 20 --json",
        "real processes, killed, frozen, starved and cut off",
        21,
        ("presses", "faults"),
    ),
    Figure(
        "kills-sqlite",
        "bellsim chaos --target gateway --kills 50 --presses 2000 --json",
        "the gateway killed fifty times, on SQLite",
        6,
    ),
    Figure(
        "kills-postgresql",
        "bellsim chaos --target gateway --kills 50 --presses 2000 --store postgresql --json",
        "two gateways on PostgreSQL, one of them killed fifty times",
        6,
    ),
)
BY_NAME = {figure.name: figure for figure in FIGURES}
