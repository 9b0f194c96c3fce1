"""The search for density against the rule of the tool that it follows, on simulated devices whose truth is known.

The rule, as that tool publishes it: double until the mean rate over all streams is below the floor, then halve the
interval between the last number that held (half of the failing one) and the failing one; one run each, no bound,
and numbers that are known are run again.
"""

import math
from collections.abc import Callable

from shared.measure.density import DensitySearch, Rules
from tests.support.simulated_device import SimulatedDevice, devices

COUNT = 200
MOST = 64
_LIMIT = 4 * MOST
"""The followed rule knows no bound; where it would go on past this it counts as wrong."""


def ours(device: SimulatedDevice, floor: float) -> tuple[int, int, int]:
    """The answer, and what it allows up to."""
    search = DensitySearch(Rules(floor, MOST))
    while (streams := search.next()) is not None:
        search.add(device.measure(streams))
    found = search.found()
    return found.streams, found.at_most, len(search.steps())


def followed(device: SimulatedDevice, floor: float) -> tuple[int, int, int]:
    """The same by the followed rule: the answer is claimed to be exact."""
    streams, lower, higher, best = 1, 1, -1, 0
    steps = 0
    while True:
        steps += 1
        mean = device.measure(streams).total_fps / streams
        if higher < 0:
            if mean >= floor and streams < _LIMIT:
                best, streams = streams, streams * 2
                continue
            higher, lower = streams, max(1, streams // 2)
        elif mean >= floor:
            best, lower = streams, streams + 1
        else:
            higher = streams - 1
        if lower > higher:
            return best, best, steps
        streams = (lower + higher) // 2


def table(rule: Callable[[SimulatedDevice, float], tuple[int, int, int]]) -> list[str]:
    """Figures of a rule over all devices."""
    steps = runs = twice = exact = within = broken = long = 0
    for device, floor in devices(COUNT, MOST):
        truth = device.truth(floor, MOST)
        low, high, distinct = rule(device, floor)
        steps += distinct
        runs += len(device.asked)
        twice += len(device.asked) > len(set(device.asked)) if rule is followed else 0
        exact += low == truth
        within += low <= truth <= high
        # More streams than keep the floor: what an engineer would regret.
        broken += low > truth
        long += len(set(device.asked)) > math.ceil(math.log2(max(truth, 1))) + 3
    return [
        f"{steps / COUNT:.2f}",
        f"{runs / COUNT:.2f}",
        f"{twice}",
        f"{exact / COUNT:.0%}",
        f"{within / COUNT:.0%}",
        f"{broken / COUNT:.0%}",
        f"{long}",
    ]


def main() -> None:
    names = [
        "steps, mean",
        "runs, mean",
        "searches that measured a known number anew",
        "answer is the truth",
        "truth is within what the answer says",
        "answer promises too many streams",
        f"searches of more than log2 + 3 steps, of {COUNT}",
    ]
    print(f"{COUNT} simulated devices, at most {MOST} streams; drift 2 %, jitter 1 %\n")
    print(f"{'':56}{'ours':>10}{'followed':>10}")
    for name, mine, theirs in zip(names, table(ours), table(followed), strict=True):
        print(f"{name:56}{mine:>10}{theirs:>10}")


if __name__ == "__main__":
    main()
