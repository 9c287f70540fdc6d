"""The addresses of one broker. A door that is shut refuses; one that is deaf takes connections and nothing else."""

from collections.abc import Callable, Iterable

from bellsim.world.broker import Broker
from bellsim.world.network import Listener, Wire


class _Deaf:
    """As a frozen process, whose kernel still takes connections."""

    def takes(self) -> bool:
        """It does."""
        return True

    def connected(self, wire: Wire) -> None: ...

    def heard(self, wire: Wire, data: bytes) -> None: ...

    def lost(self, wire: Wire) -> None: ...

    def missed(self, wire: Wire) -> None: ...


class Doors:
    """names: of the addresses, the best first. wires(): what is open now."""

    def __init__(self, names: list[str], broker: Broker, wires: Callable[[], Iterable[Wire]]) -> None:
        self.names, self._broker, self._wires = names, broker, wires
        self._state = dict.fromkeys(names, "open")
        self._deaf = _Deaf()

    def listener(self, name: str) -> Listener | None:
        """Who answers there."""
        state = self._state[name]
        return self._broker if state == "open" else self._deaf if state == "deaf" else None

    def change(self, name: str, state: str) -> None:
        """open, deaf or shut."""
        self._state[name] = state
        if state == "deaf":
            for wire in list(self._wires()):
                if wire.door == name:
                    wire.listener.missed(wire)
                    wire.dead = True
