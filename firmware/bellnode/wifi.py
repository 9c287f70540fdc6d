"""The radio: joins the networks of the list in turn, and climbs `ladder` when nobody answers. asyncio."""

import asyncio

from bellnode import ladder

JOIN_MS = 15000  # an access point answers within a few seconds; then the next network of the list
WATCH_MS = 1000
POLL_MS = 100
OFF_MS = 500  # so long the radio stays off at a reset


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
        while not self.network_up() and self.now_ms() < end_ms:
            await asyncio.sleep(POLL_MS / 1000)

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
