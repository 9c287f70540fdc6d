"""The radio: joins the networks of the list in turn, and climbs `ladder` when nobody answers. asyncio."""

import asyncio

from bellnode import ladder
from bellnode.loan import seldom

JOIN_MS = 15000  # an access point answers within a few seconds; then the next network of the list
WATCH_MS = 1000
POLL_MS = 100
OFF_MS = 500  # so long the radio stays off at a reset
TRY_MS = 20000  # a network that an installer names is given so long; Improv's clients wait for 30 s
NETWORKS_MAX = 8  # as in `brokers`

# What the driver says of a try: its number, our word.
_SAYS = {201: "not_found", 202: "password", 204: "password", 15: "password"}
WHY = {
    "not_found": "There is no such network here. Check its name, and that it is on 2.4 GHz.",
    "password": "The network refuses the password. Type it again.",
    "timeout": "The network did not let the bell in. Move nearer, or look at the access point.",
    "radio": "The radio does not do what it is told. Restart the bell.",
}


class Network:
    """station: a network.WLAN, or whatever has its methods. networks: tuple of (ssid, password), may be empty.

    radio_restart: this start was a restart for a dead radio. owner: urgent(), log(text); look_up() (ask DNS again),
    radio_dead() (restart the bell) and alive(part) are called from the one task here, report(info, state) when a
    silence is over.
    """

    def __init__(self, station, networks, now_ms, radio_restart, owner):
        self._station = station
        self._networks = networks
        self._radio_restart = radio_restart
        self._owner = owner
        self._ladder = ladder.GROUND
        self._turn = 0
        self._trying = False  # a network that an installer named: then the list has to wait
        self.now_ms = now_ms

    def network_up(self):
        """True while the station has an address."""
        return self._station.isconnected()

    def found(self, answered):
        """From the link: an attempt, or a link, ended; did anything at the other end speak?"""
        info = ladder.report(self._ladder, self.now_ms()) if answered else None
        self._step("answered" if answered else "silent")
        if info is not None:
            self._owner.report(info, "restore")

    async def keep_joined(self):
        """For ever."""
        if self._networks:
            self._switch_on()
        while True:
            self._owner.alive("network")
            if self._trying:
                await asyncio.sleep(WATCH_MS / 1000)
                continue
            if self._networks and not self.network_up():
                self._step("silent")
                await self._join()
            rung = self._step("tick")
            if rung is not None:
                self._owner.log(f"nobody answers: {rung}")
            if rung == "dns":
                self._owner.look_up()
            elif rung == "wifi" and self._networks:
                await self._join()
            elif rung == "radio" and self._networks:
                await self._reset()
            await asyncio.sleep(WATCH_MS / 1000)

    def _step(self, given):
        self._ladder, rung = ladder.step(self._ladder, given, self.now_ms(), self._owner.urgent())
        return rung

    def _switch_on(self):
        """True if the driver does what it is told."""
        station = self._station
        try:
            station.active(True)
            station.config(pm=station.PM_NONE)  # power save costs 100 ms and more per packet
        except (OSError, ValueError, AttributeError, RuntimeError):
            pass  # an older build knows no pm: slower, not wrong
        try:
            return bool(station.active())
        except (OSError, RuntimeError):
            return False

    async def _join(self):
        """Leave what there is and try the next network of the list."""
        ssid, password = self._networks[self._turn % len(self._networks)]
        self._turn += 1
        try:
            self._station.disconnect()
            self._station.connect(ssid, password)
        except (OSError, RuntimeError):
            return  # the radio is busy or dead; the next turn tries again
        end_ms = self.now_ms() + JOIN_MS
        while not self.network_up() and self.now_ms() < end_ms and not self._trying:
            await asyncio.sleep(POLL_MS / 1000)

    @seldom("cable")
    def networks_count(self):
        """How many networks the bell knows."""
        return len(self._networks)

    @seldom("cable")
    def tried(self):
        """(name, why): the network that is tried, and what the driver says (see WHY); (None, None) while it is up."""
        if not self._networks or self.network_up():
            return None, None
        try:
            why = _SAYS.get(self._station.status())
        except (OSError, RuntimeError):
            why = None
        return self._networks[(self._turn - 1) % len(self._networks)][0], why

    @seldom("cable")
    def networks_all(self):
        """Tuple of (ssid, password)."""
        return self._networks

    @seldom("cable")
    async def try_join(self, ssid, password):
        """Join a network and know it from now on, before all others; None, or why not (see WHY)."""
        self._trying = True
        try:
            why = await self._try_one(ssid, password)
        finally:
            self._trying = False
        if why is None:
            others = tuple([pair for pair in self._networks if pair[0] != ssid])
            self._networks = (((ssid, password),) + others)[:NETWORKS_MAX]
            self._turn = 0
        return why

    @seldom("cable")
    async def _try_one(self, ssid, password):
        station = self._station
        if not self._switch_on():
            return "radio"
        try:
            station.disconnect()
            await asyncio.sleep(POLL_MS / 1000)  # the driver notes that the old network is gone
            station.connect(ssid, password)
        except (OSError, RuntimeError):
            return "radio"
        end_ms = self.now_ms() + TRY_MS
        while self.now_ms() < end_ms:
            await asyncio.sleep(POLL_MS / 1000)
            if self.network_up():
                return None
            why = _SAYS.get(station.status())
            if why is not None:
                return why
        return "timeout"

    async def _reset(self):
        lives = False
        for _ in range(ladder.DEAD_MAX):
            try:
                self._station.active(False)
            except (OSError, RuntimeError):
                pass  # then it does not come back either
            await asyncio.sleep(OFF_MS / 1000)
            lives = self._switch_on()
            self._step("radio_lives" if lives else "radio_dead")
            if lives:
                break
        if ladder.may_restart(self._ladder, self.now_ms(), self._radio_restart):
            self._owner.log("fault: the radio does not switch on any more")
            self._owner.radio_dead()
        else:
            await self._join()
