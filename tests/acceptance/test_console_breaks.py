"""A console that is lost, however, is told to the person and to whoever comes next; afterwards nothing is missing."""

from pathlib import Path

from console_breaks import TOLD_WITHIN_S, breaks, chromium, launched

# The page is asked every few dozen milliseconds, on a machine with other work.
SLACK_MS = 1_500


def test_every_break_is_told_and_nothing_is_lost(tmp_path: Path):
    with launched(chromium()) as browser:
        found = breaks(tmp_path, browser, print)
    within_ms = TOLD_WITHIN_S * 1000 + SLACK_MS
    # Without a network the gateway's silence is noticed, or that it answers no proof: whichever was due first.
    says = {"network": ["lost", "unproved"], "tab": ["frozen"], "audio": ["stopped"], "session": ["over"]}
    for name, said in says.items():
        figures = found[name]
        assert len(figures["says"]) == 1 and figures["says"][0] in said, (name, figures)
        assert figures["escalated_ms"] is not None and figures["escalated_ms"] <= within_ms, (name, figures)
        if name != "tab":  # which can paint nothing while it stands still, and says so when it wakes up
            assert figures["red_ms"] is not None and figures["red_ms"] <= within_ms, (name, figures)
    assert found["in_trouble_list"] == sorted(f"dispatcher {name}" for name in says)
    for name, figures in found["recovered"].items():
        assert (figures["same"], figures["signals"]) == (True, 2), (name, figures)
    assert found["gateway"]["red_ms"] is not None, found["gateway"]
    assert (found["gateway"]["same"], found["gateway"]["signals"]) == (True, 2)
