"""A program of its own: it alone holds the library apprise, and the gateway ends it when it takes too long.

It reads one JSON object a line and answers in lines. First {"urls": […], "timeout_s": n}, answered by
{"known": [true, false, …]}. Then each {"title", "body", "only": [places]}: for every place one line {"place", "why"}
as soon as it is settled (why "" means that the service took it), then {"end": true}. It never writes a URL, nor what
the library says: both may hold passwords and telephone numbers.
"""

import json
import logging
import re
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import apprise

# The gateway ends this program at the deadline; if the gateway itself is gone, the program ends itself so much later.
GRACE_S = 2.0
# Of all that the library writes about a failure only a number that the service answered is passed on.
_CODE = re.compile(r"\berror[ =:]+(\d{3})\b")


def main() -> None:
    """Serve until the gateway closes the pipe."""
    answers = sys.stdout
    sys.stdout = sys.stderr  # a plugin that prints something must not break the answers

    def tell(what: dict[str, Any]) -> None:
        answers.write(json.dumps(what) + "\n")
        answers.flush()

    first = sys.stdin.readline()
    if not first:
        return
    setting = json.loads(first)
    services = [_service(url) for url in setting["urls"]]
    tell({"known": [service is not None for service in services]})
    # The default action of the alarm ends the program, whatever hangs in it.
    for line in sys.stdin:
        signal.setitimer(signal.ITIMER_REAL, setting["timeout_s"] + GRACE_S)
        _send(services, json.loads(line), tell)
        signal.setitimer(signal.ITIMER_REAL, 0)


def _service(url: str) -> apprise.NotifyBase | None:
    made = apprise.Apprise.instantiate(url, suppress_exceptions=True)
    return made if isinstance(made, apprise.NotifyBase) else None


def _send(services: list[apprise.NotifyBase | None], message: dict[str, Any], tell: Callable[..., None]) -> None:
    with ThreadPoolExecutor(max(1, len(message["only"]))) as side_by_side:
        asked = {
            side_by_side.submit(_one, services[place], message["title"], message["body"]): place
            for place in message["only"]
        }
        for done in as_completed(asked):
            tell({"place": asked[done], "why": done.result()})
    tell({"end": True})


def _one(service: apprise.NotifyBase | None, title: str, body: str) -> str:
    if service is None:
        return "its URL is not one that apprise knows"
    heard = _Ear()
    log = logging.getLogger("apprise")
    log.addHandler(heard)
    try:
        taken = service.notify(body=body, title=title, body_format=apprise.NotifyFormat.TEXT)
    except Exception as error:  # a plugin's own fault, whatever it is, is this message's failure
        return f"{_scheme(service)}: {type(error).__name__}"
    finally:
        log.removeHandler(heard)
    if taken:
        return ""
    return f"{_scheme(service)}: " + (f"refused ({heard.code})" if heard.code else "not reached or refused")


def _scheme(service: apprise.NotifyBase) -> str:
    named = service.secure_protocol if service.secure and service.secure_protocol else service.protocol
    return str(named[0] if isinstance(named, (list, tuple)) else named)


class _Ear(logging.Handler):
    """Listens for the code of a refusal, in its own thread, and forgets everything else."""

    code = ""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """Called by logging, in the thread that says something."""
        found = _CODE.search(record.getMessage())
        if found and record.thread == self._thread:
            self.code = found[1]


if __name__ == "__main__":
    main()
