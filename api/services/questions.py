"""Questions that come again and again with other numbers: what is the same in them is checked once."""

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter

from api.services.plain import spec_of_hand
from api.services.prepare import Fingerprint, Prepared, Preparer
from shared.errors import InvalidSpec
from shared.inputs import (
    FRAME_COLUMNS,
    HAND_POINTS,
    LANDMARK_COLUMNS,
    MAX_SEQUENCE_FRAMES,
    WORD_FRAMES,
    Frame,
    Hand,
    InferenceInput,
    LandmarksInput,
    Point,
    SequenceInput,
)
from shared.packing import AnyTask, all_moderate, frame_floats, hand_floats
from shared.specs import AnySpec, InferenceFields, InferenceSpec

_KEPT = 256
_LONGEST_TEXT = 2_000
_beside_inputs = attrgetter(*(name for name in InferenceFields.model_fields if name != "labels"))
_FLOAT_BYTES = 4
HAND_BYTES = LANDMARK_COLUMNS * _FLOAT_BYTES
FRAME_BYTES = FRAME_COLUMNS * _FLOAT_BYTES


@dataclass(frozen=True, slots=True)
class Numbers:
    """A hand, or the ``frames`` of a movement that are kept, as they are packed."""

    blob: bytes
    frames: int = 0

    @classmethod
    def of_hand(cls, hand: Hand) -> "Numbers":
        """Of points that were checked."""
        return cls(hand_floats(hand))

    @classmethod
    def of_sequence(cls, sequence: list[Frame]) -> "Numbers":
        """Of frames that were checked."""
        kept = sequence[:WORD_FRAMES]
        return cls(frame_floats(kept), len(kept))

    @classmethod
    def of_bytes(cls, raw: bytes, pointer: str = "") -> "Numbers":
        """Little-endian float32: 63 of a hand, or 258 of each frame. Raises InvalidSpec at ``pointer``."""
        if len(raw) == HAND_BYTES:
            numbers = cls(raw)
        elif raw and not len(raw) % FRAME_BYTES and len(raw) <= FRAME_BYTES * MAX_SEQUENCE_FRAMES:
            frames = min(len(raw) // FRAME_BYTES, WORD_FRAMES)
            numbers = cls(raw[: frames * FRAME_BYTES], frames)
        else:
            says = (
                f"{len(raw)} bytes; send {HAND_BYTES} of a hand ({LANDMARK_COLUMNS} little-endian float32), or "
                f"{FRAME_BYTES} of each frame of a movement, {MAX_SEQUENCE_FRAMES:,} frames at most"
            )
            raise InvalidSpec((pointer, says))
        if not all_moderate(raw):
            raise InvalidSpec((pointer, "every number must be finite and within ±1,000,000"))
        return numbers

    @property
    def form(self) -> LandmarksInput | SequenceInput:
        """An input of the same form, without the numbers."""
        if self.frames:
            return SequenceInput.model_construct(sequence=[Frame.model_construct()] * self.frames)
        return LandmarksInput.model_construct(landmarks=[_ORIGIN] * HAND_POINTS)


_ORIGIN = Point(x=0.0, y=0.0, z=0.0)


def _numbers(spec: AnySpec) -> Numbers | None:
    """Those of a spec that brings one hand or movement and nothing else."""
    match spec:
        case InferenceSpec(inputs=[LandmarksInput(landmarks=hand)]):
            return Numbers.of_hand(hand)
        case InferenceSpec(inputs=[SequenceInput(sequence=sequence)]):
            return Numbers.of_sequence(sequence)
        case _:
            return None


@dataclass(frozen=True, slots=True)
class _Known:
    """A task that breaks no rule, and the beginning of its fingerprint."""

    task: AnyTask
    fingerprint: Fingerprint

    def prepared(self, blob: bytes) -> Prepared:
        """With these numbers."""
        fingerprint = self.fingerprint.copy()
        fingerprint.add(blob)
        return Prepared(self.task, [blob], fingerprint.hexdigest())


class Questions:
    """Prepares questions of one hand or movement. Rules are looked at anew when models became known."""

    def __init__(self, preparer: Preparer) -> None:
        self._preparer = preparer
        self._known: dict[tuple[int, str, int, object], _Known] = {}
        self._by_text: dict[tuple[int, str], _Known] = {}

    def prepared(
        self, model: str, numbers: Numbers, choices: object, spec_of: Callable[[InferenceInput], InferenceSpec]
    ) -> Prepared:
        """As ``Preparer.from_spec``, and raises as that does.

        ``choices``: everything else that the question says; hashable. ``spec_of``: the whole question.
        """
        return self._like(model, numbers, choices, spec_of).prepared(numbers.blob)

    def _like(
        self, model: str, numbers: Numbers, choices: object, spec_of: Callable[[InferenceInput], InferenceSpec]
    ) -> _Known:
        key = (self._preparer.rules.entries.changes, model, numbers.frames, choices)
        known = self._known.get(key)
        if known is None:
            task = self._preparer.from_spec(spec_of(numbers.form), {}).task
            known = self._known[key] = _Known(task, Fingerprint(task))
            if len(self._known) > _KEPT:
                self._known.clear()
        return known

    def of_document(self, document: bytes, spec_of: Callable[[bytes], AnySpec]) -> Prepared | AnySpec:
        """As ``of_spec``; of any other document what ``spec_of`` makes of it, which may raise."""
        plain = spec_of_hand(document)
        key = None if plain is None else (self._preparer.rules.entries.changes, plain[0])
        known = self._by_text.get(key) if key is not None else None
        if plain is not None and known is not None:
            return known.prepared(plain[1])
        spec = spec_of(document)
        prepared = self.of_spec(spec)
        if prepared is None:
            return spec
        if key is not None and len(key[1]) <= _LONGEST_TEXT:
            if len(self._by_text) >= _KEPT:
                self._by_text.clear()
            self._by_text[key] = _Known(prepared.task, Fingerprint(prepared.task))
        return prepared

    def of_spec(self, spec: AnySpec) -> Prepared | None:
        """As ``Preparer.from_spec``, and raises as that does; None for a spec that isn't such a question."""
        numbers = _numbers(spec)
        if numbers is None or not isinstance(spec, InferenceSpec):
            return None
        choices = (_beside_inputs(spec), tuple(spec.labels.items()))
        return self.prepared(spec.model, numbers, choices, lambda form: spec.model_copy(update={"inputs": [form]}))
