"""What the bell says about the time contains the truth, whatever the network and the crystal did."""

from hypothesis import given
from hypothesis import strategies as some

from bellnode import clock

START = 1_790_000_000_000


@given(
    some.integers(-clock.DRIFT_PPM, clock.DRIFT_PPM),
    some.lists(some.tuples(some.integers(0, 86_400_000), some.integers(0, 6000), some.integers(0, 6000)), max_size=20),
    some.integers(-3_600_000, 86_400_000),
)
def test_the_truth_lies_within_the_stated_uncertainty(ppm, receipts, ask_ms):
    """receipts: pause before the send, way up, way down, by our clock. The gateway's clock runs off by `ppm`."""

    def gateway_ms(at_ms: int) -> int:
        return START + at_ms + at_ms * ppm // 1_000_000

    read, now_ms, last = None, 0, None
    for pause_ms, up_ms, down_ms in receipts:
        sent_ms = now_ms + pause_ms
        now_ms = sent_ms + up_ms + down_ms
        read = clock.heard(read, gateway_ms(sent_ms + up_ms), sent_ms, now_ms)
        if read is not None:
            t_ms, err_ms = clock.estimate(read, now_ms)
            assert abs(t_ms - gateway_ms(now_ms)) <= err_ms + 1
            # Between two receipts it never gets better by itself.
            assert err_ms <= clock.estimate(read, now_ms + 60_000)[1]
            last = read
    if last is not None and now_ms + ask_ms >= 0:
        t_ms, err_ms = clock.estimate(read, now_ms + ask_ms)
        assert abs(t_ms - gateway_ms(now_ms + ask_ms)) <= err_ms + 1


@given(some.integers(0, 10**9), some.integers(0, 10**7), some.integers(0, 10**7))
def test_time_that_passes_here_passes_there(at_ms, first_ms, second_ms):
    read = clock.Clock(START, at_ms, 5)
    one, two = clock.estimate(read, at_ms + first_ms)[0], clock.estimate(read, at_ms + first_ms + second_ms)[0]
    assert two - one == second_ms
