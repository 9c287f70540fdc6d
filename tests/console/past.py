"""A month that has passed in Seongsu-dong: closed incidents, troubles, shifts, and one alarm with its whole story."""

import many
from desk import Desk

from bellgate.pki import Authority
from bellgate.store import Tx, troubles

DAYS = 30
INCIDENTS = 420
BELLS = 36
# The whole of gateway.toml; in the place of `desk.TOML`.
TOML = """\
[gateway]
id = "seongsu-1"
[mqtt]
advertise = ["gateway.local:8883"]
[calendar]
holidays = ["2099-01-01"]
[[target]]
name = "station-desk"
kind = "console"
[[target]]
name = "centre"
kind = "webhook"
url = "https://centre.example/alarms"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
[[target]]
name = "voice"
kind = "webhook"
url = "https://voice.example/call"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
[[target]]
name = "chief"
kind = "webhook"
url = "https://voice.example/chief"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
[[person]]
name = "이서준"
targets = ["voice"]
[[person]]
name = "박도윤"
targets = ["chief"]
[[station]]
name = "성수지구대"
role = "station"
targets = ["station-desk"]
[[station]]
name = "상황팀"
role = "supervisor"
[[station]]
name = "관제센터"
role = "control_centre"
targets = ["centre"]
[[shift]]
station = "상황팀"
days = ["mon", "tue", "wed", "thu", "fri"]
start = "08:00"
end = "20:00"
who = ["이서준"]
[[shift]]
station = "상황팀"
start = "20:00"
end = "08:00"
who = ["박도윤"]
[[shift]]
station = "상황팀"
days = ["sat", "sun", "holiday"]
start = "08:00"
end = "20:00"
who = ["박도윤"]
[[shift]]
station = "성수지구대"
start = "09:00"
end = "18:00"
who = ["station-desk"]
[[group]]
name = "성수동"
sites = ["seongsu-*"]
[[policy]]
name = "성수동"
groups = ["성수동"]
[[policy.step]]
after_s = 0
targets = ["성수지구대", "관제센터"]
[[policy.step]]
after_s = 20
targets = ["상황팀"]
[[policy.step]]
after_s = 45
targets = ["*"]
"""


def month(desk: Desk) -> int:
    """Fills the desk's database; the number of the incident with its whole story."""
    if not (desk.config.data_dir / "pki").exists():
        Authority.create(desk.config.data_dir / "pki", desk.config.gateway.id)
    now_ms = desk.clock.now_ms()
    many.fill(desk.store, INCIDENTS, BELLS, DAYS, now_ms - DAYS * many.DAY_MS)
    desk.store.write_now(lambda tx: _lives(tx, now_ms))
    return story(desk)


def _lives(tx: Tx, now_ms: int) -> None:
    for number in range(BELLS - 1):  # the last one was never heard
        tx.put(
            "INSERT INTO presence (bell_id, boot, n, online, last_seen_ms) VALUES (?, 'aa', 9, 1, ?)",
            (f"b-{number:04x}", now_ms - 20_000 - 1_000 * number),
        )
    for number, day, hours in ((3, 20, 31), (3, 9, 2), (11, 12, 5), (20, 3, 40)):
        bell_id = f"b-{number:04x}"
        raised_ms = now_ms - day * many.DAY_MS
        row = troubles.insert(tx, "bell_missing", bell_id, {}, raised_ms, place=(bell_id, None, "seongsu-*"))
        troubles.end(tx, row["id"], raised_ms + hours * 3_600_000)
    row = troubles.insert(tx, "broker_down", "broker", "exited", now_ms - 11 * many.DAY_MS)
    troubles.end(tx, row["id"], now_ms - 11 * many.DAY_MS + 95_000)


def story(desk: Desk) -> int:
    """Pressed twice, seen, taken, handled, closed; each step a while after the one before."""
    for name, role in (("김하늘", "dispatcher"), ("이서준", "supervisor")):
        desk.operator(name, role)
    bell = desk.enrol("b-2c81", "연무장길 카페 온도", "서울 성동구 연무장길 47", site="seongsu-012")
    place = (
        "1층",
        "정문, 잠겨 있으면 뒷문(주차장 쪽)",
        "사이렌 끔, 뒷문으로, 개 있음",
        desk.clock.now_ms(),
        "박도윤",
        "b-2c81",
    )
    sql = "UPDATE bell SET floor = ?, entrance = ?, approach = ?, confirmed_ms = ?, confirmed_by = ? WHERE bell_id = ?"
    desk.store.write_now(lambda tx: tx.run(sql, place))
    number = desk.press(bell, "panic", age_ms=1_800)
    path = f"/api/v1/incidents/{number}"

    def act(action: str, name: str = "김하늘", **more: str | int) -> None:
        body = {"version": desk.view(number)["version"], **more}
        answer = desk.post(f"{path}/{action}", body, desk.session(name))
        assert answer.status_code == 200, answer.text

    desk.clock.ahead_ms += 900
    seen = {"console": "desk-1", "up_to_signal": desk.view(number)["last_signal"], "sounding": True}
    assert desk.post(f"{path}/presented", seen, desk.token("dispatcher", "desk-screen")).status_code == 200
    desk.clock.ahead_ms += 6_000
    desk.press(bell, "panic", age_ms=300)
    desk.let_pass(13_500)
    desk.clock.ahead_ms += 3_200
    act("acknowledge")
    for seconds, action in ((31, "dispatch"), (40, "en_route"), (250, "on_scene")):
        desk.clock.ahead_ms += seconds * 1_000
        act(action)
    desk.clock.ahead_ms += 420_000
    act("note", text="현장에서 취객을 돌려보냄. 다친 사람 없음.")
    desk.clock.ahead_ms += 180_000
    act("clear")
    desk.clock.ahead_ms += 60_000
    act("close", disposition="genuine")
    desk.store.write_now(lambda tx: _told(tx, number))
    return number


def _told(tx: Tx, number: int) -> None:
    """As if the targets had answered, and one of them not."""
    tx.run(
        "UPDATE delivery SET state = 'delivered', attempts = 1, ended_ms = created_ms + 180, proof = 'HTTP 204' "
        "WHERE incident_id = ?",
        (number,),
    )
    tx.run(
        "UPDATE delivery SET state = 'dead', attempts = 6, ended_ms = created_ms + 62000, proof = NULL, "
        "last_error = 'HTTP 503' WHERE incident_id = ? AND target IN ('voice', 'chief') AND type = 'ansimbell.signal'",
        (number,),
    )
