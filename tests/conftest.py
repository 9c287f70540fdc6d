"""What holds for every test: no skip on the build server, and hypothesis without a clock.

On a laptop a test that lacks its real part (mosquitto, Chromium) skips and says what to install. With CI=true a skip
or an expected failure is a failure, under the test's own name: a part that nobody ran proves nothing.
"""

import gc
import os
from pathlib import Path

import hypothesis
import pytest

CI = os.environ.get("CI", "").lower() in ("1", "true")

# Deadlines are timed assertions, and a busy machine breaks them. The build server draws the same examples each time,
# so that a red build is about the change; a laptop looks for new ones.
hypothesis.settings.register_profile("house", deadline=None, print_blob=True)
hypothesis.settings.register_profile("ci", parent=hypothesis.settings.get_profile("house"), derandomize=True)
hypothesis.settings.load_profile("ci" if CI else "house")


def pytest_configure(config: pytest.Config) -> None:
    if CI:  # a module that skips as a whole must not keep the others from running
        config.option.continue_on_collection_errors = True


# Tests of these folders mostly wait for real programs, the others mostly compute. They take turns, so that neither the
# cores lie idle nor everybody waits for them; of each kind the folders come first whose files take longest.
WAITING = ("acceptance", "kit", "simulation", "node")
COMPUTING = ("console", "behaviour")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    files: dict[bool, list[Path]] = {True: [], False: []}
    for item in items:
        kind = files[item.path.parent.name in WAITING]
        if item.path not in kind:
            kind.append(item.path)
    place: dict[Path, float] = {}
    for waits, paths in files.items():
        first = WAITING if waits else COMPUTING
        paths.sort(key=lambda path: first.index(path.parent.name) if path.parent.name in first else len(first))
        place |= {path: number / len(paths) for number, path in enumerate(paths)}
    items.sort(key=lambda item: place[item.path])


def pytest_collection_finish() -> None:
    """Thousands of tests and their modules stay to the end: no search for garbage has to look through them again."""
    gc.collect()
    gc.freeze()


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    return str(getattr(report, "wasxfail", "")) or str(report.longrepr)


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not CI:
        return
    if report.skipped or hasattr(report, "wasxfail"):
        report.longrepr = f"not run, and CI=true allows no skip: {_reason(report)}"
        report.outcome = "failed"
        if hasattr(report, "wasxfail"):
            del report.wasxfail


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report(collector: pytest.Collector):
    report = yield
    _refuse_skip(report)
    return report
