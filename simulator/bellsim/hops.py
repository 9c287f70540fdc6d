"""How far a press has come, and when: the hops of one press, with the milliseconds since the edge.

Each hop is read where it can be seen from outside: the lamp's colours on the bus, the bell's bytes at the proxy, the
event stream of the console. All with one clock, the simulator's own.
"""

from dataclasses import dataclass, field

# hop: (what it means, in words)
HOPS = {
    "sending": "the lamp says: sending",
    "wire": "the first bytes are on their way to the broker",
    "screen": "the incident is in the console's event stream",
    "not_delivered": "the lamp says: not delivered",
    "stored": "the lamp says: stored by the gateway",
    "presented": "the lamp says: on a dispatcher's screen",
    "acknowledged": "the lamp says: a person has taken it",
    "dispatched": "the lamp says: help is on the way",
    "closed": "the lamp says: closed",
}


@dataclass
class Track:
    """One press. `at_ns` is time.monotonic_ns() of the edge."""

    at_ns: int
    ms: dict[str, float] = field(default_factory=dict)

    def note(self, hop: str, at_ns: int) -> bool:
        """Keep the first time of this hop; False if it is known already, or was before the press."""
        if hop not in HOPS or hop in self.ms or at_ns < self.at_ns:
            return False
        self.ms[hop] = round((at_ns - self.at_ns) / 1e6, 1)
        return True
