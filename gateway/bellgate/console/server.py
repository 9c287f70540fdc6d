"""The console as a server in the gateway's event loop, with bounds that a Pi can carry."""

import contextlib
from collections.abc import Iterator

import uvicorn

from bellgate.console.app import create_app
from bellgate.console.deps import Deps

# Pages, API and streams together; a station has a few screens, and a script in a loop must not eat the Pi.
CONNECTIONS_MAX = 500


class Server(uvicorn.Server):
    """uvicorn's, which leaves the signals to the service: it stops the parts in order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None is captured."""
        yield


def make(deps: Deps) -> Server:
    """The whole console, not yet started. Any thread."""
    return Server(
        uvicorn.Config(
            create_app(deps),
            log_config=None,
            access_log=False,
            lifespan="off",
            http="h11",  # it bounds what stands above a request; httptools, which is here for webhooks, does not
            server_header=False,
            proxy_headers=True,  # from a TLS proxy on this machine only, uvicorn's default
            limit_concurrency=CONNECTIONS_MAX,
            timeout_graceful_shutdown=3,
        )
    )
