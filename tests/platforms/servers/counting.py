"""A part of pytest that knows which real server a test needs: `@pytest.mark.platform("consul")`.

Invariant: a run that was asked for real servers, and ran none of the tests it has for them, fails.
"""

import collections

import pytest

from .installed import missing, wanted

MARK = "platform"
OUTCOMES = ("passed", "failed", "error", "skipped")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{MARK}(server, ...): needs real servers of platforms, by name")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a server that cannot be had; note the servers in the reports, which workers send on."""
    for item in items:
        for name in sorted({name for mark in item.iter_markers(MARK) for name in mark.args}):
            item.user_properties.append((MARK, name))
            if reason := missing(name):
                item.add_marker(pytest.mark.skip(reason=reason))


def tests_by_server(reporter: pytest.TerminalReporter) -> dict[str, collections.Counter[str]]:
    """Return how many tests of each real server had which outcome."""
    counts: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for outcome in OUTCOMES:
        for report in reporter.stats.get(outcome, []):
            for key, name in getattr(report, "user_properties", ()):
                if key == MARK:
                    counts[name][outcome] += 1
    return counts


def none_ran(config: pytest.Config) -> bool:
    """Tell whether real servers were asked for and all of their tests were skipped."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if not wanted() or reporter is None:
        return False
    counts = tests_by_server(reporter)
    return bool(counts) and all(set(outcomes) == {"skipped"} for outcomes in counts.values())


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if exitstatus == pytest.ExitCode.OK and not hasattr(session.config, "workerinput") and none_ran(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not wanted():
        return
    counts = tests_by_server(terminalreporter)
    if not counts:
        return
    terminalreporter.section("real servers of platforms")
    for name in sorted(counts):
        told = ", ".join(f"{counts[name][outcome]} {outcome}" for outcome in OUTCOMES if counts[name][outcome])
        terminalreporter.line(f"{name}: {told}")
    if none_ran(config):
        terminalreporter.line("no real server was used, so this run proves nothing", red=True)
