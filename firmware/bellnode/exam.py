"""What the serial port's operations do and look at, one method each. asyncio for those that take time; see `cable`.

An answer never holds a key, a password or an exception's text that could: what is shown was made to be shown.
"""

import asyncio
import gc
import sys
from binascii import hexlify

from bellnode import VERSION, addresses, board, clock, enrol, journal, names, outbox, port, power, probe, wifi

SELDOM = "cable"  # see `loan`
TEXTS_ARE_DATA = True  # for the linker: none of them names a member

DNS_MS = 20000  # a name server that does not answer is asked again by the network's own library, for so long
SCANNED_MAX = 10  # of the strongest networks: nobody joins the eleventh
BROKERS_BYTES_MAX = 800  # of a page of them
TEST_MIN = 15
OUTPUTS = ("lamp", "sounder", "strobe", "siren")


def chip():
    """What the interpreter calls the chip."""
    return getattr(sys.implementation, "_machine", sys.platform)


def _condition(line):
    """What a line counts as: "cut" and "short" are the wire's, "open" and "closed" the contact's; None: unknown."""
    return line.settled if line.settled in ("cut", "short") else line.contact


class Exam:
    """ends: cable.Ends. talk: cable.Talk."""

    def __init__(self, ends, talk):
        self._ends = ends
        self._talk = talk
        self._incoming = enrol.Incoming(ends.folder, board.journal_partition())
        self._why = None  # the bell ends after the answer

    def now(self, op, args):
        """The answer (dict) of an operation that takes no time."""
        ends = self._ends
        if op == "hello":
            return self._hello()
        if op == "enrol.begin":
            return self._incoming.begin(args["size"], args["sha256"])
        if op == "enrol.data":
            return self._incoming.data(args["at"], args["data"])
        if op == "enrol.end":
            answer = self._incoming.end(args["proof"])
            self._why = "restart" if answer["ok"] else None
            return answer
        if op == "challenge":
            pending = len(ends.node().outbox.entries)
            return port.well(
                {
                    "nonce": args["nonce"],
                    "hold_s": port.GESTURE_MS // 1000,
                    "within_s": port.WITHIN_MS // 1000,
                    "pending": pending,
                }
            )
        if op == "wipe":
            enrol.begin_wipe(ends.folder)
            self._why = "restart"
            return port.well()
        if op == "repl" and ends.trouble:
            return port.no("state", "Something of an identity is left here. Enrol the bell, or erase its chip.")
        if op == "restart" or op == "repl":
            self._why = op
            return port.well()
        if op == "output":
            if args["name"] not in OUTPUTS:
                return port.no("request", '"name" of output must be one of ' + ", ".join(OUTPUTS) + ".")
            ends.player.by_hand(args["name"], args["on"])
            return port.well()
        if op == "log":
            ends.owner.mute = not args["on"]
            return port.well()
        if op == "test.begin" or op == "test.end":
            return self._test(args.get("minutes", TEST_MIN) if op == "test.begin" else 0)
        return self._diagnosis(op, args)

    def after(self):
        """The answer is out: what had to wait for it."""
        if self._why is not None:
            self._talk.gone(self._why)
            self._ends.owner.again = self._why == "restart"
            self._ends.owner.stop()

    async def job(self, op, args):
        """The answer of an operation that takes time."""
        if op == "wifi.set":
            return await self._set_wifi(args["ssid"], args["password"])
        if op == "diag.scan":
            return self._networks_here()
        if op == "diag.dns":
            return await self._dns(args["host"])
        return await probe.broker(self._ends, args["n"])

    # --- who

    def _hello(self):
        ends = self._ends
        heard, dropped = self._talk.bytes_so_far()
        version = ".".join([str(part) for part in sys.implementation.version[:3]])
        answer = {
            "port": port.VERSION,
            "fw": VERSION,
            "runtime": sys.implementation.name + " " + version,
            "board": chip(),
            "unique": str(hexlify(board.unique()), "utf-8"),
            "enrolled": ends.config is not None,
            "up_ms": ends.board.now_ms(),
            "heard": heard,
            "dropped": dropped,
        }
        if ends.trouble:
            answer["trouble"] = ends.trouble[:200]
        if ends.config is not None:
            node = ends.node()
            answer.update({"bell_id": ends.config.bell_id, "site": ends.config.site, "kind": ends.config.kind})
            answer.update({"boot": node.rest.boot, "linked": node.linked, "safe": ends.record.safe})
        return port.well(answer)

    def _test(self, minutes):
        self._ends.feed(("service", minutes * 60000))
        mode = self._ends.node().rest.testing.mode
        if (mode == "on") == bool(minutes):
            return port.well()
        return port.no("state", "Test mode is 1 to 15 minutes long, and a home set has to be disarmed for it.")

    # --- how it is

    def _diagnosis(self, op, args):
        ends = self._ends
        node = ends.node()
        if op == "diag.inputs":
            return self._inputs()
        if op == "diag.outputs":
            rgb, sounding = ends.board.shown()
            wired = [] if ends.settled is None else list(ends.settled.outputs)
            return port.well(
                {"lamp": rgb, "sounder": sounding[0], "strobe": sounding[1], "siren": sounding[2], "wired": wired}
            )
        if op == "diag.power":
            mains, battery_mv = ends.board.supplied()
            level = None if node is None or battery_mv is None else power.level_of(node.rest.power.settings, battery_mv)
            return port.well({"mains": mains, "battery_mv": battery_mv, "battery": level})
        if op == "diag.radio":
            on, ssid, address, rssi = ends.board.station_now()
            answer = {"on": on, "up": ends.network.network_up(), "ssid": ssid, "address": address, "rssi": rssi}
            answer["networks"] = ends.network.networks_count()
            answer["wanted"], answer["why"] = ends.network.tried()
            return port.well(answer)
        if op == "diag.brokers":
            return self._brokers(args.get("from", 0))
        if op == "diag.journal":
            return self._journal(node)
        if op == "diag.boot":
            starts, crashes = ends.record.counted()
            boot = None if node is None else node.rest.boot
            return port.well(
                {"boot": boot, "starts": starts, "crashes": crashes, "safe": ends.record.safe, "cause": board.cause()}
            )
        if op == "diag.heap":
            gc.collect()
            free = gc.mem_free() if hasattr(gc, "mem_free") else None
            return port.well({"free": free, "low": ends.watch.low})
        if op == "diag.faults":
            faults = [] if node is None else list(node.rest.faults)
            caught = ends.watch.reported()
            last = caught[-1] if caught else ends.record.known_crash()
            return port.well({"faults": faults, "bugs": ends.watch.bugs, "last": last})
        gateway_ms = None if node is None else clock.estimate(node.clock, ends.board.now_ms())[0]
        return port.well({"chip_s": board.clock_s(), "gateway_ms": gateway_ms})

    def _inputs(self):
        ends = self._ends
        zones = {}
        if ends.settled is not None:
            zones = {zone.number: place for zone, place in zip(ends.settled.zones, ends.settled.inputs)}
        node = ends.node()
        known = {}
        if node is not None and node.rest.contacts is not None:
            known = {line.zone.number: _condition(line) for line in node.rest.contacts}
        lines = [[zone, zones.get(zone), value, known.get(zone)] for zone, value in ends.board.looked()]
        button = ends.board.check()["button"]
        return port.well({"button": button, "boot_button": ends.board.boot_held(ends.settled), "lines": lines})

    def _brokers(self, first):
        found = []
        size = 0
        brokers = self._ends.config.brokers
        for broker in brokers[first:]:
            size += len(broker.host) + len(broker.server_name) + 16
            if found and size > BROKERS_BYTES_MAX:
                break
            found.append([broker.host, broker.port, broker.server_name])
        return port.well({"brokers": found, "count": len(brokers), "linked": self._ends.link.present()})

    def _journal(self, node):
        ends = self._ends
        records = [] if node is None else outbox.records(node.outbox)
        wrong = journal.check(ends.journal, records)
        place = "files" if board.journal_partition() is None else "ring"
        return port.well({"place": place, "pending": len(records), "check": wrong or "ok"})

    # --- the network

    def _networks_here(self):
        found = [(ssid, rssi, secured) for rssi, ssid, secured in self._ends.board.scanned()]
        answer = port.well({"count": len(found)})
        answer["networks"] = found[:SCANNED_MAX]
        return answer

    async def _dns(self, host):
        if addresses.is_number(host):
            return port.well({"host": host, "address": host, "ms": 0})
        begun_ms = self._ends.board.now_ms()
        try:
            address = await asyncio.wait_for(names.ask_dns(host), DNS_MS / 1000)
        except (OSError, asyncio.TimeoutError):
            return port.no("dns", "The name is not known here, or no name server answered. Check name and network.")
        return port.well({"host": host, "address": address, "ms": self._ends.board.now_ms() - begun_ms})

    async def _set_wifi(self, ssid, password):
        ends = self._ends
        node = ends.node()
        if node is not None and node.rest.trial is not None:
            return port.no("state", "Settings of the gateway are on trial. Ask again when they are kept.")
        if len(ssid.encode()) > 32 or len(password.encode()) > 64:
            return port.no("request", "A network's name has at most 32 bytes, a password 64.")
        ends.record.secrets = tuple(ends.record.secrets) + (password,)
        why = await ends.network.try_join(ssid, password)
        if why is None:
            enrol.keep_wifi(ends.folder, ends.network.networks_all())
            return port.well({"ssid": ssid, "rssi": ends.board.station_now()[3]})
        answer = port.no("wifi", wifi.WHY[why])
        answer["why"] = why
        return answer
