"""The journal's ring when the power goes at any operation, or half-way through one. Both runtimes.

They take their time, so they have a file of their own: the others find most faults sooner.
"""

from test_ring import Flash, PowerCut, again, event, opened


def cuts():
    """(flash, where) for each operation in turn: cut before it, then half-way through. The last one is not cut."""
    for part in (0, 1, 2, 3):
        at = 0
        while True:
            flash = Flash(4)
            flash.cut_at = at
            flash.cut_seed = part and at * 4 + part
            yield flash, (part, at)
            if not flash.off:
                break
            at += 1 if at < 40 else 7


def test_a_cut_at_every_operation_loses_nothing_that_was_saved():
    seen = 0
    for flash, where in cuts():
        safe = target = live = []
        try:
            made, _ = opened(flash)
            made.save([event(1, "test")])
            for seq in range(2, 130, 8):
                # Eight at once, so that the ring goes round in few operations.
                live = [event(1, "test")] + [event(seq + more, info={"x": "y" * 60}) for more in range(8)]
                safe, target = target, live
                made.save(live)
                safe = live
                made.mirror()
        except PowerCut:
            pass
        if not flash.off:
            continue
        found, faulty = again(flash)
        assert not faulty, where
        for record in safe:
            assert record in found or record not in target, where
        for record in found:
            assert record in safe or record in target or record["seq"] == 1, where
        seen += 1
    assert seen > 150


def test_a_cut_while_an_event_turns_leaves_the_old_or_the_new_one():
    seen = 0
    for flash, where in cuts():
        pressed, turned = [], []
        safe = None
        try:
            made, _ = opened(flash)
            for seq in range(1, 90):
                pressed = [event(seq, "panic", info={"x": "y" * 60})]
                turned = [event(seq, "holdup", info={"x": "y" * 60})]
                safe = None
                made.save(pressed)
                safe = (pressed, turned)
                made.save(turned)
                safe = (turned,)
                made.mirror()
        except PowerCut:
            pass
        if not flash.off:
            continue
        found, faulty = again(flash)
        assert not faulty, where
        if safe is not None:
            assert found in safe, (where, found)
        seen += 1
    assert seen > 150
