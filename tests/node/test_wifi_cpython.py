"""The radio over hours of virtual time: it joins, it climbs, and it restarts the bell for a dead driver alone."""

import asyncio

from virtual_cpython import run

from bellnode import ladder, wifi

HOUR_S = 3600
NETWORKS = (("one", "secret-1"), ("two", "secret-2"))


class Station:
    """network.WLAN, with access points that are there or not, and a driver that lives or not."""

    PM_NONE = 0

    def __init__(self, there=("one", "two")) -> None:
        self.there = there
        self.driver = True
        self.on = False
        self.joined = None
        self.tried: list[str] = []
        self.set: dict[str, int] = {}
        self.resets = 0

    def _works(self) -> None:
        if not self.driver:
            raise OSError(0x101)

    def active(self, on=None):
        self._works()
        if on is not None:
            self.resets += self.on and not on
            self.on, self.joined = on, None
        return self.on

    def config(self, **settings) -> None:
        self._works()
        self.set.update(settings)

    def connect(self, ssid, password) -> None:
        self._works()
        assert (ssid, password) in NETWORKS
        self.tried.append(ssid)
        self.joined = ssid if self.on and ssid in self.there else None

    def disconnect(self) -> None:
        self._works()
        self.joined = None

    def isconnected(self) -> bool:
        return self.joined in self.there and self.driver


class Owner:
    def __init__(self, loop, station, networks=NETWORKS, radio_restart=False) -> None:
        self.log_lines: list[str] = []
        self.lookups = 0
        self.restarts: list[int] = []
        self.reports: list[tuple[str, str]] = []
        self.waiting = False
        self.beats: list[int] = []
        self.now_ms = loop.now_ms
        self.network = wifi.Network(station, networks, loop.now_ms, radio_restart, self)

    def urgent(self) -> bool:
        return self.waiting

    def log(self, text) -> None:
        self.log_lines.append(text)

    def look_up(self) -> None:
        self.lookups += 1

    def radio_dead(self) -> None:
        self.restarts.append(self.now_ms())

    def report(self, info, state) -> None:
        self.reports.append((info["ladder"], state))

    def alive(self, part) -> None:
        assert part == "network"
        self.beats.append(self.now_ms())


def over(seconds, station, change=None, **how):
    """The Owner after so many virtual seconds; change(owner): a coroutine that runs beside."""

    async def story(loop):
        owner = Owner(loop, station, **how)
        tasks = [asyncio.create_task(owner.network.keep_joined())]
        if change is not None:
            tasks.append(asyncio.create_task(change(owner)))
        await asyncio.sleep(seconds)
        for task in tasks:
            if task.done():
                task.result()
            task.cancel()
        return owner

    return run(story)


def test_it_joins_the_first_network_that_answers_without_power_save():
    station = Station(there=("two",))
    owner = over(50, station)
    assert station.tried == ["one", "two"] and station.joined == "two"
    assert station.set == {"pm": Station.PM_NONE}
    assert not owner.restarts and not station.resets


def test_hours_without_any_network_restarts_nothing():
    station = Station(there=())
    for waiting in (False, True):

        async def wait(owner, waiting=waiting):
            owner.waiting = waiting

        owner = over(HOUR_S, station, wait)
        assert owner.restarts == [] and owner.lookups == 1 and station.resets >= 2
        assert {"one", "two"} <= set(station.tried)
        gaps = [later - earlier for earlier, later in zip(owner.beats, owner.beats[1:])]
        assert max(gaps) < 45000  # the watchdog's bound for it is 60 s
        assert "secret" not in " ".join(owner.log_lines)


def test_it_comes_back_within_half_a_minute_of_the_access_point():
    station = Station()

    async def outage(owner):
        await asyncio.sleep(100)
        station.there, station.joined = (), None
        await asyncio.sleep(2 * HOUR_S)
        station.there = ("one",)
        before = owner.now_ms()
        while not owner.network.network_up():
            await asyncio.sleep(0.5)
        assert owner.now_ms() - before <= 2 * wifi.JOIN_MS + 3000
        owner.network.found(True)
        owner.back = True

    owner = over(3 * HOUR_S, station, outage)
    assert owner.back and not owner.restarts
    assert [state for _, state in owner.reports] == ["restore"] and owner.reports[0][0].startswith(
        "socket 1 dns 1 wifi "
    )


def test_a_broker_that_speaks_never_costs_the_network():
    """Every broker refuses for hours: Wi-Fi stays joined, the radio stays on."""
    station = Station()

    async def refused(owner):
        while True:
            await asyncio.sleep(15)
            owner.network.found(True)

    owner = over(2 * HOUR_S, station, refused)
    assert station.tried == ["one"] and station.resets == 0 and owner.lookups == 0


def test_silence_behind_a_network_that_is_joined_climbs_to_the_radio():
    station = Station()

    async def silent(owner):
        while True:
            await asyncio.sleep(15)
            owner.network.found(False)

    owner = over(400, station, silent)
    assert owner.lookups == 1 and station.tried == ["one", "two", "one"] and station.resets == 1
    assert owner.log_lines == [f"nobody answers: {rung}" for rung in ("dns", "wifi", "radio")] and not owner.restarts
    owner.network.found(True)
    assert owner.reports == [("socket 1 dns 1 wifi 1 radio 1", "restore")]


def test_a_dead_driver_restarts_once_and_then_waits_for_hours():
    async def die(owner):
        await asyncio.sleep(50)
        owner.station.driver = False

    def dies(seconds, radio_restart):
        station = Station()

        async def change(owner):
            owner.station = station
            await die(owner)

        return over(seconds, station, change, radio_restart=radio_restart).restarts

    first = dies(400, False)
    assert len(first) == 1 and first[0] >= 300000
    assert dies(5 * HOUR_S, True) == []  # this start was such a restart
    assert dies(9 * HOUR_S, True)[0] >= ladder.RESTART_PAUSE_MS


def test_without_a_list_the_radio_is_left_alone():
    station = Station(there=())

    async def silent(owner):
        while True:
            await asyncio.sleep(5)
            owner.network.found(False)

    owner = over(HOUR_S, station, silent, networks=())
    assert station.tried == [] and station.resets == 0 and owner.lookups >= 1
