"""The best simple script: a good afternoon's work with paho-mqtt, sqlite3 and http.client, one press at a time.

It checks the seal, keeps every event once and durably, tells the station in the words and under the signature that it
is owed (CloudEvents, Standard Webhooks) over a kept connection, and answers the bell.
It has no retry, no incident, no escalation, no supervision and no second thread.

    python simple_script.py BROKER_PORT WEBHOOK_PORT FOLDER     (FOLDER/keys.json: {bell_id: key in hex})
"""

import base64
import hashlib
import hmac
import http.client
import json
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt

TABLE = "CREATE TABLE IF NOT EXISTS event (bell TEXT, boot TEXT, seq INTEGER, body BLOB, UNIQUE (bell, boot, seq))"

SECRET = b"s" * 32


def main() -> None:
    broker, webhook, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    keys = {name: bytes.fromhex(key) for name, key in json.loads((folder / "keys.json").read_text()).items()}
    database = sqlite3.connect(folder / "script.db", isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute(TABLE)
    station = http.client.HTTPConnection("127.0.0.1", webhook, timeout=5)

    def tell(site: str, bell: str, event: dict[str, Any]) -> None:
        name = f"{bell}/{event['boot']}/{event['seq']}"
        said = {"specversion": "1.0", "id": name, "source": "script", "type": "ansimbell.signal", "data": event}
        body = json.dumps(said | {"subject": f"{site}/{bell}"}, separators=(",", ":")).encode()
        second = str(int(time.time()))
        digest = hmac.digest(SECRET, f"{name}.{second}.".encode() + body, "sha256")
        headers = {
            "content-type": "application/cloudevents+json",
            "webhook-id": name,
            "webhook-timestamp": second,
            "webhook-signature": "v1," + base64.b64encode(digest).decode(),
        }
        for _ in range(2):  # once more, if the kept connection was closed
            try:
                station.request("POST", "/", body, headers)
                station.getresponse().read()
                return
            except (OSError, http.client.HTTPException):
                station.close()

    def on_message(client: mqtt.Client, _data: object, packet: mqtt.MQTTMessage) -> None:
        _, site, bell, _ = packet.topic.split("/")
        body, _, tag = packet.payload.partition(b"\n")
        wanted = hmac.new(keys[bell], packet.topic.encode() + b"\n" + body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(wanted.encode(), tag):
            return
        event = json.loads(body)
        row = (bell, event["boot"], event["seq"], body)
        if database.execute("INSERT OR IGNORE INTO event VALUES (?, ?, ?, ?)", row).rowcount:
            tell(site, bell, event)
        down = f"bells/{site}/{bell}/down"
        receipt = {"v": 1, "type": "receipt", "boot": event["boot"], "seq": event["seq"], "stage": "stored"}
        said = json.dumps(receipt | {"now_ms": time.time_ns() // 1_000_000}, separators=(",", ":")).encode()
        seal = hmac.new(keys[bell], down.encode() + b"\n" + said, hashlib.sha256).hexdigest()
        client.publish(down, said + b"\n" + seal.encode(), 1)

    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="script", clean_session=False)
    client.max_inflight_messages_set(1000)
    client.on_message = on_message
    client.on_connect = lambda one, *_: one.subscribe("bells/+/+/up", 1)
    client.on_subscribe = lambda *_: print("ready", flush=True)
    client.connect("127.0.0.1", broker)
    client.loop_forever()


main()
