"""The tables of a report, for a spreadsheet: what stands above each column, and the rows below."""

from typing import Any, Literal

from bellgate.console.spreadsheet import Cell
from bellgate.console.texts import text, texts
from bellgate.duty import Calendar

Table = Literal["counts", "days", "response", "curve", "false_alarms", "availability", "tests", "gateway"]
_BELL = ("bell", "name", "site")
COLUMNS: dict[Table, tuple[str, ...]] = {
    "counts": ("what", "test", "disposition", "n"),
    "days": ("day", "real", "genuine", "false", "tests"),
    "response": ("step", "total", "reached", "never", "p50_s", "p90_s", "p95_s", "p99_s"),
    "curve": ("step", "after_s", "reached", "share"),
    "false_alarms": (*_BELL, "alarms", "genuine", "false", "unknown", "rate"),
    "availability": (*_BELL, "enrolled", "last_seen", "silences", "silent_s", "watched_s", "heard"),
    "tests": (*_BELL, "tests", "last_test", "overdue"),
    "gateway": ("trouble", "began", "ended"),
}


def table(name: Table, report: dict[str, Any], language: str, calendar: Calendar) -> list[list[Cell]]:
    """The head and every row. report: from `bellgate.console.figures`."""
    known = texts(language)

    def word(key: str) -> str:
        return known.get(key, key.partition(".")[2])

    def yes(true: bool) -> str:
        return word("column.yes") if true else ""

    def at(moment_ms: int | None) -> str:
        return "" if moment_ms is None else calendar.local(moment_ms).strftime("%Y-%m-%d %H:%M:%S")

    def of(row: dict[str, Any], *names: str) -> list[Cell]:
        return [row[name] for name in names]

    rows: list[list[Cell]] = []
    match name:
        case "counts":
            for row in report["counts"]:
                ended = (
                    word(f"disposition.{row['disposition']}") if row["disposition"] else text(language, "report.open")
                )
                rows.append([word(f"what.{row['what']}"), yes(row["test"]), ended, row["n"]])
        case "days":
            rows = [[str(row["day"]), *of(row, "real", "genuine", "false", "tests")] for row in report["days"]]
        case "response":
            for row in report["response"]:
                seconds = [None if row[p] is None else row[p] / 1000 for p in ("p50", "p90", "p95", "p99")]
                rows.append([word(f"step.{row['step']}"), *of(row, "total", "reached", "never"), *seconds])
        case "curve":
            for row in report["response"]:
                step = word(f"step.{row['step']}")
                rows += [[step, ms / 1000, reached, reached / row["total"]] for ms, reached in row["curve"]]
        case "false_alarms":
            names = ("bell_id", "name", "site", "alarms", "genuine", "false", "unknown", "rate")
            rows = [of(row, *names) for row in report["false_alarms"]]
        case "availability":
            for row in least_heard(report["bells"]):
                spans = (row["silent_ms"] // 1000, row["watched_ms"] // 1000)
                moments = (at(row["enrolled_ms"]), at(row["last_seen_ms"]))
                rows.append([*of(row, "bell_id", "name", "site"), *moments, row["silences"], *spans, row["heard"]])
        case "tests":
            for row in longest_untested(report["bells"]):
                last = at(row["last_test_ms"])
                rows.append([*of(row, "bell_id", "name", "site", "tests"), last, yes(row["overdue"])])
        case "gateway":
            for row in report["gateway"]["lines"]:
                rows.append([word(f"trouble.{row['kind']}"), at(row["raised_ms"]), at(row["cleared_ms"])])
    return [[text(language, f"column.{column}") for column in COLUMNS[name]], *rows]


def least_heard(bells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those never heard first, then the least heard."""
    return sorted(bells, key=lambda one: (-1 if one["heard"] is None else one["heard"], one["bell_id"]))


def longest_untested(bells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those whose press is overdue first, of them the longest ago."""
    return sorted(bells, key=lambda one: (not one["overdue"], one["last_test_ms"] or 0, one["bell_id"]))
