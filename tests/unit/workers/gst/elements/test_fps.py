"""The counter's sums."""

from workers.gst.elements.fps import Counter


def test_streams_are_counted_together_and_apart() -> None:
    said: list[str] = []
    counter = Counter(said.append, interval=1, starting=2, average=False)
    for number in range(42):
        counter.frame("b" if number % 4 == 3 else "a", 1, 100 + number / 20)
    assert said[0].startswith("FpsCounter(last 1.00sec): total=21.00 fps, number-streams=2, per-stream=10.50 fps")
    assert "detections=21" in said[0]


def test_the_whole_is_told_once() -> None:
    said: list[str] = []
    counter = Counter(said.append, interval=float("inf"), starting=0, average=True)
    for number in range(41):
        counter.frame("a", 0, number / 20 + 5)
    counter.end("a", 7)
    counter.end("a", 8)
    assert said == [
        "FpsCounter(overall 2.00sec): total=20.50 fps, number-streams=1, per-stream=20.50 fps, detections=0"
    ]


def test_too_short_is_said() -> None:
    said: list[str] = []
    counter = Counter(said.append, interval=1, starting=0, average=True)
    counter.frame("a", 0, 5)
    counter.end("a", 5.05)
    assert "too short" in said[0]
