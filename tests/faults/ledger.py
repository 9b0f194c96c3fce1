"""What really happened, written down outside the system: by the body of each job and by the clients.

One file, opened for appending only; a line is one write, so lines of many processes don't mix, and what was written
before a process was killed stays.
"""

import json
import os
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Line = dict[str, Any]


class Pen:
    """Appends to the ledger. Each line gets the wall clock (``at``) and the machine's monotonic clock (``mono``)."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)

    def note(self, what: str, **fields: Any) -> None:
        line = {"what": what, "at": time.time(), "mono": time.monotonic(), **fields}
        os.write(self._file, json.dumps(line).encode() + b"\n")

    def close(self) -> None:
        os.close(self._file)


class Ledger:
    """Reads what is new in the file, and keeps it by row of the table."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        self._rows: dict[str, list[Line]] = defaultdict(list)

    def lines(self, row: str, *kinds: str) -> list[Line]:
        """All lines of a row so far (of some kinds), in the order of writing."""
        self._catch_up()
        return [line for line in self._rows[row] if not kinds or line["what"] in kinds]

    def tally(self, row: str) -> "Tally":
        return Tally.of(self.lines(row))

    def _catch_up(self) -> None:
        with self._path.open("rb") as file:
            file.seek(self._read)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._read += len(whole)
        for raw in whole.splitlines():
            line = json.loads(raw)
            self._rows[line["row"]].append(line)


@dataclass(frozen=True, slots=True)
class Tally:
    """What the lines of a row add up to. Jobs are named by their ids."""

    accepted: set[str]
    starts: dict[str, list[Line]]
    ends: dict[str, list[Line]]
    answers: dict[str, list[Line]]

    @classmethod
    def of(cls, lines: Iterable[Line]) -> "Tally":
        by_kind: dict[str, dict[str, list[Line]]] = defaultdict(lambda: defaultdict(list))
        for line in lines:
            if job := line.get("job"):
                by_kind[line["what"]][job].append(line)
        return cls(set(by_kind["accepted"]), by_kind["start"], by_kind["end"], by_kind["ended"])

    @property
    def lost(self) -> set[str]:
        """Acknowledged, and no client ever saw how they ended."""
        return self.accepted - set(self.answers)

    @property
    def doubled(self) -> set[str]:
        """Two terminal answers that differ: two commits."""
        return {job for job, seen in self.answers.items() if len({line["digest"] for line in seen}) > 1}

    @property
    def unproven(self) -> set[str]:
        """COMPLETED by an attempt whose body never wrote that it reached its end."""
        proven = {(job, line["fence"]) for job, lines in self.ends.items() for line in lines}
        return {
            job
            for job, seen in self.answers.items()
            for line in seen
            if line["state"] == "COMPLETED" and (job, line["fence"]) not in proven
        }

    @property
    def executions(self) -> int:
        """How often a body began."""
        return sum(len(lines) for lines in self.starts.values())

    @property
    def extra(self) -> int:
        """Executions beyond one for each job that was executed."""
        return self.executions - len(self.starts)

    def in_state(self, state: str, code: str | None = None) -> set[str]:
        """Jobs whose clients saw this end."""
        return {
            job
            for job, seen in self.answers.items()
            if seen[-1]["state"] == state and code in {None, seen[-1]["code"]}
        }
