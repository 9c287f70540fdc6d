"""Running: run."""

import asyncio

from bellgate import log
from bellgate.cli.app import DEFAULT_CONFIG, ConfigOption, app
from bellgate.config import load


@app.command()
def run(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Run the gateway until SIGTERM or Ctrl-C. It is ready when GET /healthz answers 200."""
    loaded = load(config)
    log.set_up_log()
    from bellgate import service  # noqa: PLC0415  (the other commands start faster without the web server)

    asyncio.run(service.run(loaded))
