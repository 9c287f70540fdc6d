"""What a mosquitto is told about revoked bells, and what its answers mean."""

import asyncio
import json
from typing import Any

import pytest
from workbench import made

from bellgate.broker import expel, mosquitto, watch
from bellgate.broker.watch import BrokerWatch
from bellgate.clock import Clock
from bellgate.pki import Authority
from bellgate.store import bells, open_store


def test_commands_are_cut_into_parts_and_name_every_bell() -> None:
    names = [f"b-{number}" for number in range(250)]
    told = [json.loads(payload)["commands"] for payload in expel.commands(names)]
    assert len(told) == 3 and not list(expel.commands([]))
    assert [one["username"] for part in told for one in part if one["command"] == "disableClient"] == names
    assert max(len(payload) for payload in expel.commands(["b" * 32] * 100)) < 65_536


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b'{"responses":[{"command":"createRole","error":"Role already exists"},{"command":"disableClient"}]}', []),
        (b'{"responses":[{"command":"createClient","error":"Client already exists"}]}', []),
        (b'{"responses":[{"command":"createClient","error":"Role not found"}]}', ["createClient: Role not found"]),
        (b"\xff", ["its answer cannot be read"]),
        (b"[]", ["its answer cannot be read"]),
        (b'{"responses":[7]}', ["its answer cannot be read"]),
    ],
)
def test_answers(payload: bytes, said: list[str]) -> None:
    assert expel.faults(payload) == said


def test_who_is_revoked_stays_so_when_the_files_are_written_again(tmp_path, monkeypatch) -> None:
    config = made(tmp_path / "gate")
    authority = Authority(config.data_dir / "pki")
    monkeypatch.setattr(mosquitto, "plugin", lambda: tmp_path / mosquitto.PLUGIN)
    written = mosquitto.write(authority, config, tmp_path / "out", 18_883)
    kept = tmp_path / "out" / "data" / "revoked.json"
    assert written.cuts_off and json.loads(kept.read_text())["clients"] == []
    assert f"plugin_opt_config_file {kept}" in written.conf.read_text()
    kept.write_text('{"clients": ["b-1"]}')
    mosquitto.write(authority, config, tmp_path / "out", 18_883)
    assert kept.read_text() == '{"clients": ["b-1"]}'
    monkeypatch.setattr(mosquitto, "plugin", lambda: None)
    assert not mosquitto.write(authority, config, tmp_path / "out", 18_883).cuts_off
    assert "plugin" not in written.conf.read_text()


class Broker:
    """The session as the watch sees it, with a mosquitto that answers or does not."""

    listening, connections, fault = True, 1, ""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.answer: bytes | None = b'{"responses":[]}'
        self._answers: list[bytes] = []

    def control(self, payload: bytes) -> None:
        self.told.append(json.loads(payload))
        if self.answer is not None:
            self._answers.append(self.answer)

    def answers(self) -> list[bytes]:
        found, self._answers = self._answers, []
        return found

    def names(self) -> list[str]:
        return [one["username"] for told in self.told for one in told["commands"] if one["command"] == "disableClient"]


class Lines:
    def __init__(self) -> None:
        self.said: list[tuple[str, Any]] = []

    async def trouble(self, kind: str, _: str, said: Any) -> None:
        if kind == "revoked_connected":
            self.said.append((kind, said))


def test_each_connection_is_told_of_all_and_a_change_of_the_new_ones(tmp_path, monkeypatch) -> None:
    broker, lines = Broker(), Lines()
    monkeypatch.setattr(watch, "ANSWER_S", 0.0)
    with open_store("sqlite:///a.db", tmp_path) as store:

        def revoked(bell_id: str) -> None:
            row = bells.Bell(bell_id, "s-1", "pendant", "x", "y", None, None, bytes(32), 0, "00", "active", 1)
            store.write_now(lambda tx: bells.add(tx, row))
            store.write_now(lambda tx: bells.set_state(tx, bell_id, bells.REVOKED))

        looker = BrokerWatch(store, lines, None, broker, Clock(), 0, True)  # type: ignore[arg-type]

        async def story() -> None:
            await looker.look()
            assert broker.told == []
            revoked("b-1")
            await looker.look()
            revoked("b-2")
            await looker.look()
            await looker.look()
            assert broker.names() == ["b-1", "b-2"]
            broker.connections = 2
            await looker.look()
            assert broker.names() == ["b-1", "b-2", "b-1", "b-2"]
            assert [said for _, said in lines.said if said is not None] == []
            broker.answer = None
            revoked("b-3")
            await looker.look()
            await looker.look()
            assert lines.said[-1][1] == "no answer"
            broker.answer = b'{"responses":[{"command":"createClient","error":"Role not found"}]}'
            broker.connections = 3
            await looker.look()
            broker.answer = b'{"responses":[]}'
            revoked("b-4")
            await looker.look()
            assert lines.said[-1] == ("revoked_connected", None)

        asyncio.run(story())
