"""gateway.toml: what is read, and that every fault names file, key, value and remedy."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellgate.config import load
from bellgate.config_targets import ConsoleTarget, WebhookTarget
from bellgate.core.escalation import DEFAULT
from bellgate.errors import ConfigError

GOOD = """\
[gateway]
id = "seongsu-1"
data_dir = "."

[console]
listen = "127.0.0.1:8080"

[mqtt]
broker = "embedded"
listen = "0.0.0.0:8883"
advertise = ["gateway.local:8883"]

[store]
url = "sqlite:///ansimbell.db"

[[target]]
name = "console"
kind = "console"
"""
WEBHOOK = """
[[target]]
name = "station"
kind = "webhook"
url = "https://station.example/press"
secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "gateway.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_contracts_shape_is_read(tmp_path):
    config = load(write(tmp_path, GOOD + WEBHOOK))
    assert (config.gateway.id, config.data_dir) == ("seongsu-1", tmp_path)
    assert (config.console.host, config.console.port) == ("127.0.0.1", 8080)
    assert config.mqtt.embedded and config.mqtt.tls
    assert config.mqtt.address == ("127.0.0.1", 8883)
    assert config.mqtt.advertised == [("gateway.local", 8883)]
    assert config.roster().plan(config.roster().choose("s", "store-bell", "panic"), 0) == DEFAULT
    console, station = config.targets
    assert isinstance(console, ConsoleTarget) and console.test
    assert isinstance(station, WebhookTarget) and not station.test and station.timeout_s == 10


def test_a_folder_means_the_file_inside_and_data_dir_counts_from_it(tmp_path):
    write(tmp_path, GOOD.replace('data_dir = "."', 'data_dir = "data"'))
    assert load(tmp_path).data_dir == tmp_path / "data"
    write(tmp_path, GOOD.replace('data_dir = "."', 'data_dir = "/srv/bells"'))
    assert load(tmp_path).data_dir == Path("/srv/bells")


def test_policy(tmp_path):
    text = (
        GOOD
        + WEBHOOK
        + (
            '\n[[policy]]\nname = "p"\nrepeat_s = 2\n[[policy.step]]\nafter_s = 0\ntargets = ["console"]\n'
            '[[policy.step]]\nafter_s = 20\ntargets = ["*"]\n'
        )
    )
    policy = load(write(tmp_path, text)).roster().plan("p", 0)
    assert (policy.name, policy.repeat_ms) == ("p", 2_000)
    assert [(step.after_ms, step.targets) for step in policy.steps] == [(0, ("console",)), (20_000, ("*",))]


POLICY = '\n[[policy]]\nname = "p"\n[[policy.step]]\nafter_s = {first}\ntargets = ["{target}"]\n'
# (what to change, into what, what the error must say besides the file)
FAULTS = [
    ('listen = "127', 'listn = "127', ["console.listn", "Did you mean 'listen'?"]),
    ("[store]", "[stoer]", ["'stoer'", "Did you mean 'store'?"]),
    ("8080", "99999", ["console.listen", "127.0.0.1:99999", "1 to 65535"]),
    ("8080", "0", ["console.listen", "1 to 65535"]),
    ("127.0.0.1:8080", "gateway.local:8080", ["console.listen", "0.0.0.0:port"]),
    ('8080"', '8080"\norigin = "bells.example"', ["console.origin", "https://bells.example"]),
    ('8080"', '8080"\norigin = "https://bells.example/"', ["console.origin", "without a path"]),
    ('8080"', '8080"\norigin = "https://a@bells.example"', ["console.origin", "without a path"]),
    ('8080"', '8080"\norigin = "http://bells.example"', ["console.origin", "over https"]),
    ('8080"', '8080"\norigin = "https://192.0.2.1"', ["console.origin", "not to an address"]),
    ("127.0.0.1:8080", "::1:8080", ["console.listen", "brackets"]),
    ('"127.0.0.1:8080"', "8080", ["console.listen", "8080", "text in quotes"]),
    ("seongsu-1", "Seongsu_1", ["gateway.id", "'Seongsu_1'", "a-z 0-9"]),
    ("seongsu-1", "x" * 25, ["gateway.id", "1 to 24"]),
    ('id = "seongsu-1"\n', "", ["'gateway.id' is missing"]),
    ('"embedded"', '"mqtt://10.0.0.1:1883"', ["mqtt.broker", "loopback only", "bellgate mosquitto"]),
    ('"embedded"', '"mqtts://user:secret@host:8883"', ["mqtt.broker", "certificate"]),
    ('"embedded"', '"mqtts://host:99999"', ["mqtt.broker", "mqtts://broker.example:8883"]),
    ('"embedded"', '"nats://host"', ["mqtt.broker", "embedded"]),
    ('["gateway.local:8883"]', "[]", ["mqtt.advertise", "at least one"]),
    ('["gateway.local:8883"]', '["0.0.0.0:8883"]', ["mqtt.advertise[1]", "0.0.0.0:8883", "can't connect"]),
    ('["gateway.local:8883"]', '"gateway.local:8883"', ["mqtt.advertise", "list"]),
    (
        "sqlite:///ansimbell.db",
        "postgresql://db",
        ["store.url", "name the database", "postgresql://ansimbell@db.example/ansimbell"],
    ),
    ("sqlite:///ansimbell.db", "ansimbell.db", ["store.url", "'ansimbell.db'", "sqlite:///ansimbell.db"]),
    ('kind = "console"', 'kind = "sms"', ["target[1].kind", "console, webhook"]),
    ('kind = "console"', 'kind = "console"\ntest = "yes"', ["target[1].test", "true or false"]),
    ('kind = "console"', 'kind = "console"\nurl = "x"', ["target[1].url", "name, test, kind"]),
    ("https://station", "ftp://station", ["target[2].url", "https://"]),
    ("whsec_MDEyMzQ1Njc4OTAxMjM0", "whsec_", ["target[2].secret", "16 to 64"]),
    ('name = "station"', 'name = "console"', ["two target sections", "'console'"]),
    ("[mqtt]", "[mqtt", ["is not TOML", "line 8"]),
    ('id = "', "id = ", ["is not TOML"]),
    ("[console]\n", POLICY.format(first=0, target="statoin") + "[console]\n", ["'statoin'", "'station'"]),
    ("[console]\n", POLICY.format(first=5, target="console") + "[console]\n", ["'p'", "after_s = 0"]),
    ("[gateway]", 'path = "x"\n[gateway]', ["'path'", "Remove it"]),
]


@pytest.mark.parametrize(("old", "new", "said"), FAULTS, ids=[said[0] + " " + new[:20] for _, new, said in FAULTS])
def test_every_fault_names_file_key_and_remedy(tmp_path, old, new, said):
    assert old in GOOD + WEBHOOK
    path = write(tmp_path, (GOOD + WEBHOOK).replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        load(path)
    text = str(caught.value)
    for part in [str(path), *said]:
        assert part in text
    assert "MDEyMzQ1" not in text, "a secret in an error ends up in a log"


def test_steps_must_rise(tmp_path):
    steps = POLICY.format(first=0, target="*") + '[[policy.step]]\nafter_s = 0\ntargets = ["*"]\n'
    with pytest.raises(ConfigError, match="after_s must rise from step to step, but 0 follows 0"):
        load(write(tmp_path, GOOD + steps))


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(ConfigError, match=r"there is no such file.*bellgate init"):
        load(tmp_path)
    (tmp_path / "gateway.toml").write_bytes(b'id = "\xff"')
    with pytest.raises(ConfigError, match="not UTF-8 at byte 6"):
        load(tmp_path)


@pytest.mark.parametrize("origin", ["", "https://bells.example", "https://bells.example:8443", "http://localhost:8080"])
def test_where_the_pages_are_for_a_browser(tmp_path, origin):
    config = load(write(tmp_path, GOOD.replace('8080"', f'8080"\norigin = "{origin}"', 1)))
    assert config.console.origin == origin


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "[::1]"])
def test_plain_mqtt_on_loopback(tmp_path, host):
    config = load(write(tmp_path, GOOD.replace('"embedded"', f'"mqtt://{host}"')))
    assert not config.mqtt.tls and not config.mqtt.embedded
    assert config.mqtt.address == (host.strip("[]"), 1883)


scalars = st.one_of(st.text(max_size=30), st.integers(), st.booleans(), st.floats(allow_nan=False), st.lists(st.text()))
LINES = [index for index, line in enumerate((GOOD + WEBHOOK).splitlines()) if " = " in line]


@given(st.sampled_from(LINES), scalars)
def test_whatever_a_value_is_it_is_read_or_explained(index, value):
    lines = (GOOD + WEBHOOK).splitlines()
    lines[index] = lines[index].split(" = ")[0] + " = " + json.dumps(value)
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), "\n".join(lines))
        try:
            load(path)
        except ConfigError as error:
            assert str(path) in str(error)
