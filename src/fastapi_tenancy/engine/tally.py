"""The outcomes of a run while it is under way, safe to write from every worker."""

from __future__ import annotations

import threading
from dataclasses import replace

from fastapi_tenancy.model.event import Differed, Listener, TargetFinished
from fastapi_tenancy.model.outcome import Difference, Outcome, OutcomeKind
from fastapi_tenancy.model.target import Target, TargetKey

_Heads = tuple[str, ...]


class Tally:
    """Keeps one outcome for each target, in the order the targets were named."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._lock = threading.Lock()
        self._outcomes: dict[TargetKey, Outcome | _Heads] = {}
        """Of a target without an outcome so far: the heads last read there."""
        self._nameless: list[Outcome] = []
        self.moved: list[Target] = []
        """Targets that another runner moved meanwhile, to be looked at again."""
        self.differences: list[Difference] = []
        self._leads = threading.Event()
        self._postponed: list[Outcome] = []
        self._put_off: dict[TargetKey, Outcome] = {}
        self._put_off_before: set[TargetKey] = set()

    def part(self, label: str) -> Part:
        """The same for one of several servers, which sees its own targets only.

        Args:
            label: names the server in what differs there; empty where there is only one.
        """
        return Part(self, label)

    def expect(self, targets: list[Target]) -> None:
        """Name targets whose outcomes will come."""
        for target in targets:
            self._outcomes.setdefault(target.key, ())

    def saw(self, target: Target, heads: _Heads) -> None:
        """Note where a target stands that may never be started."""
        if self.outcome(target.key) is None:
            self._outcomes[target.key] = heads

    def seen(self, target: Target) -> _Heads:
        """The heads last read at a target, or those it was brought to."""
        found = self._outcomes.get(target.key, ())
        return found.to_heads if isinstance(found, Outcome) else found

    def end(self, outcome: Outcome) -> None:
        """Take the outcome of a target and tell the listener."""
        with self._lock:
            self._outcomes[outcome.target.key] = outcome
            self._listener(TargetFinished(outcome))

    @property
    def leads_somewhere(self) -> bool:
        """Whether what is asked for can be reached by any target."""
        return self._leads.is_set()

    def lead_somewhere(self) -> None:
        """Note that what is asked for can be reached."""
        self._leads.set()

    def postpone(self, outcome: Outcome) -> None:
        """Keep the outcome of a target back: it may be that of the whole run."""
        self._postponed.append(outcome)

    def take_postponed(self) -> list[Outcome]:
        """The outcomes kept back since the last call."""
        postponed = self._postponed[:]
        del self._postponed[: len(postponed)]
        return postponed

    def put_off(self, outcome: Outcome) -> None:
        """Keep the outcome of a target back that may be there when the others are done."""
        with self._lock:
            self._put_off[outcome.target.key] = outcome

    def take_put_off(self) -> set[TargetKey]:
        """The targets that were put off for the first time: they are looked at once more."""
        found = self._put_off.keys() - self._put_off_before
        self._put_off_before |= found
        return found

    def end_put_off(self) -> None:
        """End what was put off and has no outcome yet."""
        for key, outcome in self._put_off.items():
            if self.outcome(key) is None:
                self.end(outcome)

    def refuse(self, outcome: Outcome) -> None:
        """Take the outcome of a tenant that has no target of its own."""
        with self._lock:
            self._nameless.append(outcome)
            self._listener(TargetFinished(outcome))

    def correct(self, outcome: Outcome) -> None:
        """Replace an outcome by what was read back, without telling it again."""
        self._outcomes[outcome.target.key] = outcome

    def moved_away(self, target: Target, heads: _Heads) -> None:
        """Note a target that somebody else moved, to these heads."""
        self.saw(target, heads)
        with self._lock:
            self.moved.append(target)

    def take_moved(self) -> list[Target]:
        """The targets moved by others since the last call."""
        with self._lock:
            moved, self.moved = self.moved, []
        return moved

    def differ(self, difference: Difference) -> None:
        """Take a difference and tell the listener."""
        with self._lock:
            self.differences.append(difference)
            self._listener(Differed(difference))

    def unfinished(self, targets: dict[TargetKey, Target]) -> list[tuple[Target, _Heads]]:
        """Targets that no worker came to, with the heads last read there."""
        found = self._outcomes.items()
        return [(targets[k], heads) for k, heads in found if not isinstance(heads, Outcome)]

    def outcome(self, key: TargetKey) -> Outcome | None:
        """The outcome of a target so far."""
        found = self._outcomes.get(key)
        return found if isinstance(found, Outcome) else None

    def all(self) -> tuple[Outcome, ...]:
        """Every outcome, refusals last."""
        return (*(o for o in self._outcomes.values() if isinstance(o, Outcome)), *self._nameless)


class Part(Tally):
    """The outcomes of the targets of one server; they stand in the whole."""

    def __init__(self, whole: Tally, label: str) -> None:
        super().__init__(whole._listener)
        self._lock, self._outcomes = whole._lock, whole._outcomes
        self.differences, self._postponed = whole.differences, whole._postponed
        self._leads, self._put_off = whole._leads, whole._put_off
        self._label = label
        self._targets: dict[TargetKey, Target] = {}

    def expect(self, targets: list[Target]) -> None:
        """Name targets whose outcomes will come, and which are this server's."""
        super().expect(targets)
        self._targets |= {target.key: target for target in targets}

    def migrated(self) -> list[Outcome]:
        """Outcomes that claim success and still need their proof."""
        found = map(self.outcome, self._targets)
        return [
            o for o in found if o is not None and o.kind is OutcomeKind.MIGRATED and o.proof is None
        ]

    def differ(self, difference: Difference) -> None:
        """Take a difference, with the server where it was found."""
        if self._label:
            subject = f"{difference.subject} ({self._label})"
            difference = replace(difference, subject=subject)
        super().differ(difference)
