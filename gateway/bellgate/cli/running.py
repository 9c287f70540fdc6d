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

    with asyncio.Runner(loop_factory=_new_loop) as runner:
        runner.run(service.run(loaded))


def _new_loop() -> asyncio.AbstractEventLoop:
    """uvloop's where it is installed: a press passes through it in two thirds of the time. See pyproject.toml."""
    try:
        import uvloop  # noqa: PLC0415
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
