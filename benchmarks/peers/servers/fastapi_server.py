"""Bare FastAPI, the network in the process that answers: ``uvicorn fastapi_server:app``."""

from typing import Annotated

from fastapi import FastAPI
from network import Network
from pydantic import BaseModel, Field

app = FastAPI()
_network = Network()


class Point(BaseModel):
    """One landmark."""

    x: float
    y: float
    z: float


class Hand(BaseModel):
    """The question."""

    landmarks: Annotated[list[Point], Field(min_length=21, max_length=21)]


class Answer(BaseModel):
    """The letter."""

    prediction: str
    confidence: float


@app.post("/predict")
async def predict(hand: Hand) -> Answer:
    """Computed at once: it takes less time than handing it to a thread."""
    values = [value for point in hand.landmarks for value in (point.x, point.y, point.z)]
    return Answer(**_network.answers([values])[0])
