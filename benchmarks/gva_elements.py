"""What our gva elements cost: one that only looks, by frame; detection, beside OpenVINO fed by the same decode.

``benchmark_app`` can't be fed by a decoder: its own figure is of inference alone, on one picture of noise that is
never filled in anew. What its latency mode does is done with decoded frames in the row "synchronous, latency".
"""

import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.stats import machine, print_figures
from tests.support.gst import pipeline_model, video

ROUNDS = 5
FRAMES = 1000
CHAIN = 5
ALONE = "benchmark_app -hint latency, without decoding and scaling"
ALONE_S = 2
SYNCHRONOUS = "synchronous, latency"
THROUGHPUT = re.compile(r"Throughput:\s+([\d.]+) FPS")
PRECISIONS = {"f32": {"INFERENCE_PRECISION_HINT": "f32"}, "default": {}}


def main() -> None:
    """In a process of its own, which has GStreamer in it."""
    model, proc = pipeline_model("person-ssdlite")
    command = [sys.executable, "-m", __spec__.name if __spec__ else __name__, str(model), str(proc)]
    done = subprocess.run([*command, str(video("bigbuckbunny"))], stdout=subprocess.PIPE, text=True, check=True)
    print_figures(f"gva elements, 1280x720, {machine()}", [tuple(row) for row in json.loads(done.stdout)])


class Bench:
    """Everything in one process, one after the other."""

    def __init__(self, model: Path, proc: Path, medium: Path) -> None:
        from workers.gst import elements, gi_path

        self.gst = gi_path.load()
        self.gst.init([])
        elements.register(self.gst)
        self.model, self.proc = model, proc
        self.decode = f"filesrc location={medium} ! decodebin ! videoconvert ! video/x-raw,format=BGR"

    def rows(self) -> Iterator[tuple[str, str, str]]:
        """What, figure, target."""
        for name in ("gvafpscounter starting-frame=1000000", "gvametaconvert", "gvatrack"):
            cost = self.passthrough(name)
            yield f"{name.split()[0]}, one frame without objects", f"{cost:.0f} us", "<= 60 us"
        for name, config in PRECISIONS.items():
            yield from self.detection(name, config)

    def passthrough(self, element: str) -> float:
        """Microseconds by frame and element, against GStreamer's own identity."""
        source = (
            f"fakesrc num-buffers={FRAMES} sizetype=fixed sizemax=2764800 filltype=nothing"
            " ! video/x-raw,format=BGR,width=1280,height=720,framerate=30/1"
        )
        costs: list[float] = []
        for _ in range(ROUNDS):
            took = [self.play(f"{source} ! {f'{one} ! ' * CHAIN} fakesink") for one in ("identity", element)]
            costs.append((took[1] - took[0]) / FRAMES / CHAIN * 1e6)
        return statistics.median(costs)

    def detection(self, name: str, config: dict[str, str]) -> Iterator[tuple[str, str, str]]:
        """Frames a second of each form, and the ratios that are promised."""
        forms: dict[str, Callable[[], float]] = {
            "gvadetect": lambda: self.element(config),
            "AsyncInferQueue, throughput": lambda: self.queue(config | {"PERFORMANCE_HINT": "THROUGHPUT"}),
            "AsyncInferQueue, latency": lambda: self.queue(config | {"PERFORMANCE_HINT": "LATENCY"}),
            SYNCHRONOUS: lambda: self.synchronous(config | {"PERFORMANCE_HINT": "LATENCY"}),
            ALONE: lambda: self.benchmark_app(config.get("INFERENCE_PRECISION_HINT")),
        }
        speeds: dict[str, list[float]] = {form: [] for form in forms}
        for _ in range(ROUNDS):
            for form, measure in forms.items():
                speeds[form].append(measure())
        medians = {form: statistics.median(each) for form, each in speeds.items()}
        best = max(forms.keys() - {"gvadetect", ALONE}, key=medians.__getitem__)
        for form, median in medians.items():
            yield f"{form}, {name}", f"{median:.1f} fps", ""
        yield f"gvadetect of {best}, {name}", f"{_part(speeds, best):.2f}", ">= 0.8"
        yield f"gvadetect of {SYNCHRONOUS}, {name}", f"{_part(speeds, SYNCHRONOUS):.2f}", ">= 1.0"

    def play(self, text: str) -> float:
        """Seconds from the first frame on to the end."""
        gst = self.gst
        pipeline = gst.parse_launch(text)
        pipeline.set_state(gst.State.PAUSED)
        pipeline.get_state(gst.CLOCK_TIME_NONE)
        begun = time.perf_counter()
        pipeline.set_state(gst.State.PLAYING)
        message = pipeline.get_bus().timed_pop_filtered(
            gst.CLOCK_TIME_NONE, gst.MessageType.EOS | gst.MessageType.ERROR
        )
        took = time.perf_counter() - begun
        pipeline.set_state(gst.State.NULL)
        if message.type == gst.MessageType.ERROR:
            raise RuntimeError(message.parse_error()[0].message)
        return took

    def element(self, config: dict[str, str]) -> float:
        """Our element."""
        given = ",".join(f"{key}={value}" for key, value in config.items())
        detect = f'gvadetect model={self.model} model-proc={self.proc} ie-config="{given}"'
        return 132 / self.play(f"{self.decode} ! queue max-size-buffers=2 ! {detect} ! fakesink")

    def compiled(self, config: dict[str, str]) -> Any:
        """The same model, taking RGB."""
        import openvino as ov

        core: Any = ov.Core()
        model = core.read_model(self.model)
        model.reshape([1, 300, 300, 3])
        return core.compile_model(model, "CPU", config)

    def queue(self, config: dict[str, str]) -> float:
        """OpenVINO's own way to many requests."""
        import openvino as ov

        requests: Any = ov.AsyncInferQueue(self.compiled(config))
        found: list[int] = []
        requests.set_callback(
            lambda request, _: found.append(int((request.get_output_tensor(2).data > 0.5).sum()))
        )
        return self.pulled(lambda image: requests.start_async({0: image}), requests.wait_all)

    def synchronous(self, config: dict[str, str]) -> float:
        """One frame after the other."""
        request = self.compiled(config).create_infer_request()
        return self.pulled(lambda image: request.infer({0: image}), lambda: None)

    def benchmark_app(self, precision: str | None) -> float:
        """OpenVINO's own measure of the same model in the same shape."""
        tool = str(Path(sys.executable).with_name("benchmark_app"))
        asked = ["-hint", "latency", "-shape", "[1,300,300,3]", "-t", str(ALONE_S)]
        if precision:
            asked += ["-infer_precision", precision]
        command = [tool, "-m", str(self.model), *asked]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = THROUGHPUT.search(done.stdout)
        if found is None:
            raise RuntimeError(done.stdout)
        return float(found[1])

    def pulled(self, infer: Callable[[Any], object], finish: Callable[[], None]) -> float:
        """Frames a second of what is decoded and given to ``infer``."""
        import cv2

        from workers.gst.elements import native

        gst = self.gst
        pipeline = gst.parse_launch(f"{self.decode} ! appsink name=sink sync=false max-buffers=2")
        sink = pipeline.get_by_name("sink")
        pipeline.set_state(gst.State.PAUSED)
        pipeline.get_state(gst.CLOCK_TIME_NONE)
        begun, count = time.perf_counter(), 0
        pipeline.set_state(gst.State.PLAYING)
        while (sample := sink.emit("pull-sample")) is not None:
            buffer = sample.get_buffer()
            with native.Mapped(hash(buffer)) as data:
                image = data.reshape(720, 1280, 3)
                small = cv2.cvtColor(cv2.resize(image, (300, 300)), cv2.COLOR_BGR2RGB)[None]
            infer(small)
            count += 1
        finish()
        took = time.perf_counter() - begun
        pipeline.set_state(gst.State.NULL)
        return count / took


def _part(speeds: Mapping[str, Sequence[float]], peer: str) -> float:
    """Ours of a peer's, round by round: what else the machine does changes more slowly."""
    return statistics.median(ours / its for ours, its in zip(speeds["gvadetect"], speeds[peer], strict=True))


if __name__ == "__main__":
    print(json.dumps(list(Bench(*(Path(one) for one in sys.argv[1:4])).rows())))
