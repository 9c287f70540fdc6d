"""Improv Wi-Fi Serial, the device's side: which frames answer a request. Pure; `cable` is its shell.

From the public specification (improv-wifi.com/serial), version 1; nothing of it is ours but the device's name.

    asked(data, up) -> (frames, work)   data of an RPC frame. frames: tuple of (kind, data) to be sent now. work: None,
                                        ("wifi", ssid, password) or ("scan",), whose result goes to
    joined(ok), scanned(networks) -> frames
"""

from bellwire.frame import ERROR, RESULT, STATE

SELDOM = "cable"  # see `loan`
TEXTS_ARE_DATA = True  # for the linker: none of them names a member

READY, PROVISIONING, PROVISIONED = b"\x02", b"\x03", b"\x04"
NO_ERROR, BAD, UNKNOWN, NOT_JOINED = b"\x00", b"\x01", b"\x02", b"\x03"
WIFI, CURRENT, INFO, SCAN = 1, 2, 3, 4
DATA_BYTES_MAX = 253  # of a result, beside command and length


def asked(data, up, info):
    """(frames, work) for an RPC. up: True while the bell has a network. info: texts about the device."""
    texts = _texts(data)
    if texts is None:
        return ((ERROR, BAD),), None
    command = data[0]
    clear = ((ERROR, NO_ERROR),)
    if command == WIFI:
        if len(texts) != 2 or not texts[0]:
            return ((ERROR, BAD),), None
        return clear + ((STATE, PROVISIONING),), ("wifi", texts[0], texts[1])
    if command == CURRENT:
        state = clear + ((STATE, PROVISIONED if up else READY),)
        return state + ((result(CURRENT, ()),) if up else ()), None
    if command == INFO:
        return clear + (result(INFO, info),), None
    if command == SCAN:
        return clear, ("scan",)
    return ((ERROR, UNKNOWN),), None


def joined(ok, up):
    """After a try to join the network of an RPC; up: the bell has a network, perhaps an older one."""
    if ok:
        return (STATE, PROVISIONED), result(WIFI, ())
    return (ERROR, NOT_JOINED), (STATE, PROVISIONED if up else READY)


def scanned(networks):
    """networks: list of (ssid, dBm, secured)."""
    found = [result(SCAN, (ssid, str(rssi), "YES" if secured else "NO")) for ssid, rssi, secured in networks]
    return tuple(found) + (result(SCAN, ()),)


def result(command, texts):
    """(kind, data) of an RPC result. A text that does not fit any more is left out."""
    body = b""
    for text in texts:
        data = text.encode()
        if len(data) < 256 and len(body) + 1 + len(data) <= DATA_BYTES_MAX:
            body += bytes((len(data),)) + data
    return RESULT, bytes((command, len(body))) + body


def _texts(data):
    """The texts of an RPC, or None if it is malformed."""
    if len(data) < 2 or data[1] != len(data) - 2:
        return None
    texts = []
    at = 2
    while at < len(data):
        end = at + 1 + data[at]
        if end > len(data):
            return None
        try:
            texts.append(str(data[at + 1 : end], "utf-8"))
        except ValueError:
            return None
        at = end
    return texts
