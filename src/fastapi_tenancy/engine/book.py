"""What is to be done at each position a target may be found at; worked out once."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace

from fastapi_tenancy.engine.brief import Brief
from fastapi_tenancy.engine.plan import make_plan
from fastapi_tenancy.engine.project import Project
from fastapi_tenancy.engine.prove import REASON, SMALLEST
from fastapi_tenancy.model.plan import Cohort, Plan
from fastapi_tenancy.model.script import Stage, all_live
from fastapi_tenancy.model.target import Position, Target, TargetKey


@dataclass(slots=True)
class Page:
    """Everything about the targets of one position.

    ``before`` and ``after`` are the structure fingerprints of those that are proven by them.
    While it is ``undecided`` whether the stages may be replayed, targets are ``waiting`` for an
    equal, by what has to be equal; ``deciding`` is held by whoever brings one. So many as are
    ``wanted`` are fingerprinted, and some are ``reading`` at this moment.
    """

    plan: Plan
    stages: tuple[Stage, ...] = ()
    undecided: bool = False
    deciding: threading.Lock = field(default_factory=threading.Lock)
    waiting: dict[object, Target] = field(default_factory=dict)
    looked: int = 0
    tried: bool = False
    """Two of them were equal, whatever came of it."""
    wanted: int = 0
    reading: int = 0
    looking: threading.Condition = field(default_factory=threading.Condition)
    before: dict[TargetKey, str] = field(default_factory=dict)
    after: dict[TargetKey, str] = field(default_factory=dict)

    @property
    def cohort(self) -> Cohort | None:
        """The way its targets go; None where they need none or have none."""
        return self.plan.cohorts[0] if self.plan.cohorts else None

    @property
    def live(self) -> tuple[Stage, ...]:
        """Its stages where nothing is replayed."""
        return tuple(all_live(stage, REASON) for stage in self.stages)

    @property
    def those(self) -> str:
        """Its targets, for people."""
        heads = self.cohort.span.before if self.cohort else ()
        return f"tenants at {', '.join(heads) or 'base'}"

    def plan_of(self, target: Target) -> Plan:
        """The plan of one target that stands here."""
        return replace(
            self.plan,
            cohorts=tuple(replace(c, targets=(target,)) for c in self.plan.cohorts),
            there=tuple(replace(c, targets=(target,)) for c in self.plan.there),
            refusals=tuple(replace(r, target=target) for r in self.plan.refusals),
        )


class Book:
    """The pages of one run, one for each position that was met."""

    def __init__(self, brief: Brief, project: Project, size: int) -> None:
        """Args:
        size: how many targets there are.
        """
        self._brief = brief
        self._size = size
        self._project = project
        self._opening = threading.Lock()
        self._pages: dict[Position, Page] = {}

    def page(self, target: Target, position: Position) -> Page:
        """The page of a position; ``target`` stands there."""
        self._brief.tally.saw(target, position.heads)
        with self._opening:
            if position not in self._pages:
                plan = make_plan(self._brief.request(target), [(target, position)])
                page = self._pages[position] = Page(plan)
                if page.cohort is not None:
                    self._write(page, page.cohort, target)
            return self._pages[position]

    def pages(self) -> list[Page]:
        """Those written so far."""
        return list(self._pages.values())

    def _write(self, page: Page, cohort: Cohort, target: Target) -> None:
        page.stages = self._brief.stages(self._project, cohort.span, target)
        page.undecided = self._brief.needs_proof(page.stages)
        if page.undecided and self._size < SMALLEST:
            page.stages, page.undecided = page.live, False
