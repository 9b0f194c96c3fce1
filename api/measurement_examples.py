"""Measurements as somebody would hand them in: examples of the OpenAPI document."""

from typing import Any

_PEOPLE = {"source": "variant", "pipeline_id": "person-detection", "variant_id": "cpu"}
_TRACKING = {"source": "variant", "pipeline_id": "person-tracking", "variant_id": "cpu"}

SPECS: dict[str, dict[str, Any]] = {
    "performance": {
        "summary": "How fast two pipelines run side by side",
        "value": {
            "kind": "performance",
            "specs": [{"pipeline": _PEOPLE, "streams": 4}, {"pipeline": _TRACKING, "inputs": ["bikes"]}],
            "duration_s": 10.0,
            "repeats": 5,
        },
    },
    "density": {
        "summary": "How many streams keep 15 frames a second, seven of ten of them the first pipeline's",
        "value": {
            "kind": "density",
            "fps_floor": 15.0,
            "specs": [{"pipeline": _PEOPLE, "stream_rate": 70}, {"pipeline": _TRACKING, "stream_rate": 30}],
            "max_streams": 32,
            "budget_s": 900.0,
        },
    },
    "optimize": {
        "summary": "The fastest form of a pipeline that finds the same objects",
        "value": {
            "kind": "optimize",
            "pipeline": _PEOPLE,
            "search": {"duration_s": 300.0, "space": {"batch_size": [1, 4], "inference_interval": [1, 2]}},
            "tolerance": 0.95,
        },
    },
    "validate": {
        "summary": "Whether a text runs for ten seconds and finds people",
        "value": {
            "kind": "validate",
            "pipeline": {
                "source": "description",
                "pipeline_description": "filesrc location=people-detection ! decodebin3 ! videoconvert ! "
                "gvadetect model=person-ssdlite ! gvametaconvert ! gvametapublish ! fakesink",
            },
            "max_runtime_s": 10.0,
            "expect": {"frames": 50, "labels": {"person": 10}},
        },
    },
    "validate a model": {
        "summary": "Whether the INT8 variant of a model finds what the model itself finds",
        "value": {
            "kind": "validate",
            "model": {"name": "person-ssdlite", "precision": "INT8", "media": ["bikes"]},
        },
    },
    "suite": {
        "summary": "A suite that ships: several tests, one score",
        "value": {"kind": "suite", "suite": "retail"},
    },
    "own suite": {
        "summary": "A suite of one's own: 100 points are 30 frames a second and 8 streams",
        "value": {
            "kind": "suite",
            "name": "Our gate",
            "tests": [
                {
                    "kind": "performance",
                    "name": "people",
                    "weight": 2,
                    "reference": 30.0,
                    "specs": [{"pipeline": _PEOPLE}],
                },
                {
                    "kind": "density",
                    "name": "cameras",
                    "reference": 8.0,
                    "fps_floor": 10.0,
                    "specs": [{"pipeline": _TRACKING, "stream_rate": 100}],
                },
            ],
        },
    },
}
