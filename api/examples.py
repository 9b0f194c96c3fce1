"""Jobs as somebody would hand them in: examples of the OpenAPI document."""

from typing import Any

_JPEG = "/9j/4AAQSkZJRgABAQEAYABgAAD/2wBD…"

SPECS: dict[str, dict[str, Any]] = {
    "gesture": {
        "summary": "The letter that a hand in a photo shows",
        "value": {"kind": "inference", "model": "asl", "inputs": [{"data": _JPEG}]},
    },
    "detection": {
        "summary": "People in a photo of the library and one of the request, with drawings",
        "value": {
            "kind": "inference",
            "model": "person-ssdlite",
            "inputs": [{"media": "entrance"}, {"data": _JPEG}],
            "options": {"min_confidence": 0.6, "top_k": 10, "annotate": True},
        },
    },
    "text": {
        "summary": "The lines of text in a photo",
        "value": {"kind": "inference", "model": "text_detector", "inputs": [{"data": _JPEG}]},
    },
    "classification": {
        "summary": "What each image of a set shows, the five likeliest classes",
        "value": {
            "kind": "inference",
            "model": "mobilenet-v2",
            "inputs": [{"media": "walk"}],
            "options": {"top_k": 5},
            "device": "CPU",
        },
    },
    "install": {
        "summary": "Install models",
        "value": {"kind": "model_download", "models": ["person-ssdlite", "text_detector"]},
    },
}
