"""The command line: what it prints, what it refuses, its exit codes; and that no person ever sees a traceback."""

import json
import os
import socket
import sqlite3
import stat
import subprocess
import sys

import pytest
import typer
from workbench import bellgate, made

from bellgate.cli.app import COMMANDS, add_commands, app
from bellgate.enrolment import read
from bellgate.process import hold_folder

BELL = ["--site", "seongsu-012", "--kind", "store-bell", "--name", "편의점", "--address", "서울 성동구"]


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    return made(tmp_path_factory.mktemp("made") / "installation")


@pytest.fixture
def own(tmp_path):
    return made(tmp_path / "installation")


def refused(*arguments: object) -> str:
    """The one line on standard error of a command that ends with 1."""
    code, out, error = bellgate(*arguments)
    assert (code, out) == (1, ""), (code, out, error)
    assert error.startswith("bellgate: ") and error.count("\n") == 1, error
    return error


def test_version_and_usage():
    code, out, _ = bellgate("--version")
    assert code == 0 and out.startswith("bellgate 0.")
    assert bellgate("no-such-command")[0] == 2
    assert bellgate("enrol", "--site", "x")[0] == 2
    assert bellgate("incidents", "--state", "new")[0] == 2


def test_init_prints_the_password_once_and_refuses_a_second_time(tmp_path):
    code, out, _ = bellgate("init", tmp_path / "new", "--id", "seongsu-1", "--advertise", "gw.local:8883", "--json")
    said = json.loads(out)
    assert code == 0 and said["operator"] == "admin" and len(said["password"]) > 12
    folder = tmp_path / "new"
    for file in folder.rglob("*"):
        if file.is_file():
            assert said["password"].encode() not in file.read_bytes()
    assert stat.S_IMODE((folder / "gateway.toml").stat().st_mode) == 0o600
    lines = (folder / "gateway.toml").read_text().splitlines()
    wanted = ['id = "seongsu-1"', 'data_dir = "."', 'listen = "127.0.0.1:8080"', 'broker = "embedded"']
    wanted += ['listen = "0.0.0.0:8883"', 'advertise = ["gw.local:8883"]', 'url = "sqlite:///ansimbell.db"']
    assert [line for line in lines if line and not line.startswith(("#", "[", "name", "kind"))] == wanted
    assert lines.count("[[target]]") == 1 and lines[-2:] == ['name = "console"', 'kind = "console"']
    assert "an installation here already" in refused("init", folder)


def test_init_leaves_nothing_behind_when_it_fails(tmp_path):
    assert "gateway.id = 'No'" in refused("init", tmp_path / "x", "--id", "No")
    assert "console.listen" in refused("init", tmp_path / "x", "--console", "nowhere")
    assert "can't be a name" in refused("init", tmp_path / "x", "--operator", "bell 1")
    assert list((tmp_path / "x").iterdir()) == []
    (tmp_path / "x" / "pki").mkdir()
    assert "remains of an installation" in refused("init", tmp_path / "x")


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    assert "cannot be written" in refused("init", tmp_path / "file" / "below")


def test_enrol_writes_where_it_says(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = bellgate("enrol", "-c", config.path, *BELL, "--json")
    said = json.loads(out)
    assert code == 0 and sorted(said) == ["bell_id", "out", "site"]
    assert read(tmp_path / f"{said['bell_id']}.json").bell_id == said["bell_id"]

    code, out, _ = bellgate("enrol", "-c", config.path.parent, *BELL, "--out", tmp_path / "own name.json")
    assert code == 0 and "own name.json" in out
    assert json.loads((tmp_path / "own name.json").read_text())["key"] not in out

    code, out, _ = bellgate("enrol", "-c", config.path, *BELL, "--out", "-")
    assert code == 0 and json.loads(out)["v"] == 1
    assert bellgate("enrol", "-c", config.path, *BELL, "--out", "-", "--json")[0] == 2
    assert "exists already" in refused("enrol", "-c", config.path, *BELL, "--out", tmp_path / "own name.json")
    assert "use one of store-bell" in refused("enrol", "-c", config.path, *BELL, "--kind", "bell")


def test_bells_incidents_token_revoke(own):
    assert "No bell is enrolled" in bellgate("bells", "-c", own.path)[1]
    bellgate("enrol", "-c", own.path, *BELL, "--bell-id", "b-1", "--out", own.data_dir)
    (row,) = json.loads(bellgate("bells", "-c", own.path, "--json")[1])["items"]
    assert (row["bell_id"], row["site"], row["state"], row["online"]) == ("b-1", "seongsu-012", "active", False)
    assert "key" not in row
    assert "편의점" in bellgate("bells", "-c", own.path)[1]
    assert bellgate("revoke", "-c", own.path, "b-1")[0] == 0
    assert json.loads(bellgate("bells", "-c", own.path, "--json")[1])["items"][0]["state"] == "revoked"
    assert "there is no bell b-2" in refused("revoke", "-c", own.path, "b-2")

    assert json.loads(bellgate("incidents", "-c", own.path, "--json")[1]) == {"items": []}
    assert "No incident is open" in bellgate("incidents", "-c", own.path)[1]

    code, out, _ = bellgate("token", "-c", own.path, "--role", "dispatcher")
    assert code == 0 and out.count("\n") == 1 and len(out) > 30
    said = json.loads(bellgate("token", "-c", own.path, "--role", "auditor", "--name", "report", "--json")[1])
    assert (said["name"], said["role"]) == ("report", "auditor")
    assert "dispatcher, supervisor" in refused("token", "-c", own.path, "--role", "boss")


def test_backup_and_export(own, tmp_path):
    bellgate("enrol", "-c", own.path, *BELL, "--bell-id", "b-1", "--out", own.data_dir)
    copy = tmp_path / "copy"
    said = json.loads(bellgate("backup", "-c", own.path, "--out", copy, "--json")[1])
    assert said["bytes"] > 100_000 and stat.S_IMODE((copy / "ansimbell.db").stat().st_mode) == 0o600
    connection = sqlite3.connect(copy / "ansimbell.db")
    assert connection.execute("SELECT bell_id FROM bell").fetchall() == [("b-1",)]
    connection.close()
    assert "exists already" in refused("backup", "-c", own.path, "--out", copy)
    (tmp_path / "no").touch()
    assert "cannot be written" in refused("backup", "-c", own.path, "--out", tmp_path / "no" / "copy")

    head = json.loads(bellgate("export", "-c", own.path)[1])
    assert (head["v"], head["gateway"], head["incidents"], head["record_broken_at"]) == (1, "test-1", [], None)
    assert bellgate("export", "-c", own.path, "--out", tmp_path / "all.json")[0] == 0
    assert json.loads((tmp_path / "all.json").read_text())["incidents"] == []


def test_mosquitto_files(own, tmp_path):
    out = tmp_path / "mosquitto"
    code, said, _ = bellgate("mosquitto", "-c", own.path, "--out", out, "--port", 18883)
    assert code == 0 and 'broker = "mqtts://localhost:18883"' in said and f"-c {out / 'mosquitto.conf'}" in said
    lines = (out / "mosquitto.conf").read_text().splitlines()
    for line in (
        "listener 18883 127.0.0.1",
        "require_certificate true",
        "use_identity_as_username true",
        "allow_anonymous false",
        "tls_version tlsv1.2",
        "set_tcp_nodelay true",
        "max_inflight_messages 0",
        "persistence true",
    ):
        assert line in lines
    assert stat.S_IMODE((out / "server.key").stat().st_mode) == 0o600
    acl = (out / "acl").read_text().splitlines()
    assert "pattern write bells/+/%u/up" in acl and "topic readwrite bells/+/canary/up" in acl
    assert bellgate("mosquitto", "-c", own.path, "--out", out)[0] == 0  # again, over the old ones
    (tmp_path / "file").write_text("")
    assert "cannot be written" in refused("mosquitto", "-c", own.path, "--out", tmp_path / "file")


def test_check_says_what_is_wrong(own):
    code, out, _ = bellgate("check", "-c", own.path)
    assert code == 0 and "WRONG" not in out
    host, port = own.mqtt.address
    with socket.create_server((host, port)):
        code, out, _ = bellgate("check", "-c", own.path, "--json")
    wrong = [one for one in json.loads(out)["checks"] if not one["ok"]]
    assert code == 1 and [one["name"] for one in wrong] == ["mqtt.listen"] and "in use" in wrong[0]["text"]

    text = own.path.read_text()
    own.path.write_text(text.replace('broker = "embedded"', f'broker = "mqtts://127.0.0.1:{port}"'))
    code, out, _ = bellgate("check", "-c", own.path)
    assert code == 1 and f"no broker answers on 127.0.0.1:{port}" in out
    own.path.write_text(text.replace("8080", "99999").replace("listen = ", "listne = ", 1))
    code, out, _ = bellgate("check", "-c", own.path)
    assert code == 1 and "WRONG settings" in out and "Did you mean 'listen'" in out


def run(own) -> tuple[int, str]:
    """`bellgate run` as a process of its own, which is expected to end by itself: (exit code, standard error)."""
    done = subprocess.run(
        [sys.executable, "-c", "from bellgate.cli import main; main()", "run", "-c", str(own.path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    assert "Traceback" not in done.stderr, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("bellgate: "), done.stderr
    return done.returncode, last


def test_run_refuses_a_wrong_setting(own):
    own.path.write_text(own.path.read_text().replace("embedded", "embeded"))
    code, said = run(own)
    assert code == 1 and "mqtt.broker = 'embeded'" in said and 'write "embedded"' in said


def test_run_names_who_holds_the_consoles_port(own):
    with socket.create_server((own.console.host, own.console.port)):
        code, said = run(own)
    assert code == 1 and "console.listen" in said and f"(process {os.getpid()})" in said


def test_run_names_who_holds_the_brokers_port(own):
    with socket.create_server(own.mqtt.address):
        code, said = run(own)
    assert code == 1 and "mqtt.listen" in said and f"(process {os.getpid()})" in said
    assert not (own.data_dir / "broker" / "nats.pid").exists()


def test_run_refuses_a_database_of_a_newer_version(own):
    connection = sqlite3.connect(own.data_dir / "ansimbell.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    code, said = run(own)
    assert code == 1 and "version 99" in said and "newer" in said


def test_run_refuses_a_damaged_database_and_keeps_it(own):
    (own.data_dir / "ansimbell.db").write_bytes(b"rubbish" * 1000)
    code, said = run(own)
    assert code == 1 and "damaged" in said
    assert [path.read_bytes()[:7] for path in own.data_dir.glob("ansimbell.db.damaged-*")] == [b"rubbish"]


def test_run_refuses_a_data_folder_that_is_a_file(own):
    (own.data_dir / "file").write_text("")
    own.path.write_text(own.path.read_text().replace('data_dir = "."', 'data_dir = "file"'))
    code, said = run(own)
    assert code == 1 and "no such folder" in said and "data_dir" in said


def test_run_refuses_a_folder_in_which_it_cannot_write(own):
    """Root ignores modes, so a folder stands where the program needs a file."""
    (own.data_dir / "ansimbell.db").unlink()
    (own.data_dir / "ansimbell.db").mkdir()
    code, said = run(own)
    assert code == 1 and "ansimbell.db is a folder" in said


def test_run_refuses_without_its_certificates(own):
    (own.data_dir / "pki" / "ca.key").unlink()
    code, said = run(own)
    assert code == 1 and "ca.key: is missing" in said and "backup" in said


def test_run_refuses_to_be_the_second(own):
    held = hold_folder(own.data_dir)
    code, said = run(own)
    held.close()
    assert code == 1 and f"process {os.getpid()}" in said


@pytest.mark.parametrize("module", sorted(set(COMMANDS.values())))
def test_a_command_is_found_in_the_module_that_the_table_names(module: str):
    """In a process of its own: there, nothing else has added a command."""
    code = (
        "import sys, typer; from bellgate.cli import app as program\n"
        "program.add_commands(sys.argv[1])\n"
        "print(*typer.main.get_command(program.app).commands)"
    )
    wanted = [name for name, where in COMMANDS.items() if where == module]
    told = subprocess.run(
        [sys.executable, "-c", code, wanted[0]], capture_output=True, text=True, timeout=60, check=True
    )
    assert set(wanted) <= set(told.stdout.split())


def test_every_command_has_its_place_in_the_table():
    add_commands()
    assert set(typer.main.get_command(app).commands) == set(COMMANDS)
