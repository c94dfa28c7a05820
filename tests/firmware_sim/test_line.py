"""The timing of a wire, told what time it is: nothing here waits."""

from collections.abc import Sequence

import numpy as np
import pytest

from firmware_sim.faults import Fault, FaultKind, FaultPlan, Faults
from firmware_sim.instrument import Reply, SimulatedInstrument, Wiring
from firmware_sim.line import Line

BAUD = 10_000
"""A byte takes a millisecond."""


class Echo(SimulatedInstrument):
    """Gives back what it gets, 5 ms later."""

    wiring = Wiring(serial=True, baud=BAUD)

    def receive(self, data: bytes) -> list[Reply]:
        return [Reply(data, 0.005)]

    def power_cycle(self) -> None:
        """It keeps nothing."""


def line(*orders: Fault, baud: int | None = None, plan: FaultPlan | None = None) -> Line:
    faults = Faults(plan)
    for order in orders:
        faults.inject(order)
    return Line(Echo(), faults, baud)


def sent(line: Line, until_s: float) -> list[tuple[float, bytes]]:
    """What is sent until then, and when: the clock jumps from event to event."""
    now_s, out = 0.0, []
    while now_s <= until_s:
        out += [(round(now_s, 6), piece.data) for piece in line.due(now_s)]
        following_s = line.next_s()
        if following_s is None:
            break
        now_s = following_s
    return out


def test_a_serial_line_is_paced_both_ways() -> None:
    wire = line(baud=BAUD)
    wire.arrive(0.0, b"12345678")
    assert sent(wire, 1.0) == [(0.021, b"12345678")], "8 ms in, 5 ms of work, 8 ms out"


def test_an_instrument_takes_one_message_at_a_time() -> None:
    wire = line()
    wire.arrive(0.0, b"a")
    wire.arrive(0.0, b"b")
    assert sent(wire, 1.0) == [(0.005, b"a"), (0.010, b"b")]


@pytest.mark.parametrize(
    ("kind", "replies"),
    [
        (FaultKind.LATE, [(0.505, b"abcd"), (0.505, b"next")]),
        (FaultKind.DROPPED, [(0.010, b"next")]),
        (FaultKind.TRUNCATED, [(0.005, b"ab"), (0.010, b"next")]),
        (FaultKind.DOUBLED, [(0.005, b"abcd"), (0.005, b"abcd"), (0.010, b"next")]),
        (FaultKind.GARBLED, [(0.005, b"arcd"), (0.010, b"next")]),
    ],
)
def test_a_fault_strikes_one_reply(kind: FaultKind, replies: Sequence[tuple[float, bytes]]) -> None:
    wire = line(Fault(kind, 0.5))
    wire.arrive(0.0, b"abcd")
    wire.arrive(0.0, b"next")
    assert sent(wire, 1.0) == replies, "replies stay in order"


def test_a_stalled_instrument_goes_on_where_it_was() -> None:
    wire = line()
    wire.arrive(0.0, b"a")
    assert wire.due(0.0) == []
    wire.stall(2.0)
    wire.arrive(1.0, b"b")
    assert wire.due(1.0) == []
    sent = [(round(out.at_s, 6), out.data) for out in wire.due(3.0)]
    assert sent == [(2.0, b"a"), (2.005, b"b")]


def test_whoever_looks_late_delays_nothing() -> None:
    wire = line(baud=BAUD)
    wire.arrive(0.0, b"abcd")
    on_time = line(baud=BAUD)
    on_time.arrive(0.0, b"abcd")
    assert on_time.due(on_time.next_s() or 0.0) == []
    assert wire.due(5.0) == on_time.due(5.0)


def test_when_the_client_is_gone_so_is_what_was_on_its_way() -> None:
    wire = line(Fault(FaultKind.LATE, 10.0))
    wire.arrive(0.0, b"a")
    wire.due(0.1)
    wire.clear()
    wire.arrive(0.2, b"b")
    wire.due(0.2)
    assert [out.data for out in wire.due(0.3)] == [b"b"], "and it does not delay the next"


def test_a_client_that_sends_too_much_has_to_wait() -> None:
    wire = line(baud=BAUD)
    wire.arrive(0.0, bytes(1 << 16))
    assert wire.full


def test_the_same_seed_brings_the_same_faults() -> None:
    def struck(seed: int) -> list[FaultKind | None]:
        faults = Faults(FaultPlan(seed=seed, share=0.3))
        return [fault.kind if fault else None for fault in (faults.strike() for _ in range(300))]

    assert struck(1) == struck(1)
    assert struck(1) != struck(2)
    assert np.mean([kind is not None for kind in struck(1)]) == pytest.approx(0.3, abs=0.08)
    assert len(set(struck(1))) == 6, "every kind, and none"


def test_a_plan_may_cut_the_power_too() -> None:
    faults = Faults(FaultPlan(share=1.0, kinds=(FaultKind.POWER_CYCLE,), seconds=3.0))
    assert faults.strike() is None, "the reply is not the one that suffers"
    assert faults.at_once() == Fault(FaultKind.POWER_CYCLE, 3.0)
