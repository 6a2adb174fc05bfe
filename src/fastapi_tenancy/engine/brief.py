"""What every part of one run is given: the scripts, the request, and whom to tell."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field, replace

from fastapi_tenancy.engine.lease import Leases
from fastapi_tenancy.engine.options import RunOptions
from fastapi_tenancy.engine.plan import Request, make_plan
from fastapi_tenancy.engine.project import Project, load_project
from fastapi_tenancy.engine.projects import Projects, kind_of
from fastapi_tenancy.engine.pulse import Pulse
from fastapi_tenancy.engine.stop import Stop
from fastapi_tenancy.engine.tally import Part
from fastapi_tenancy.engine.unmade import told_apart
from fastapi_tenancy.errors import NotHonouredError
from fastapi_tenancy.history.passed import passed
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.model.event import Listener, Reading, Warned
from fastapi_tenancy.model.outcome import Outcome, OutcomeKind, Proof
from fastapi_tenancy.model.plan import Cohort, Command, Engine, Plan, Refusal, Span
from fastapi_tenancy.model.script import Stage
from fastapi_tenancy.model.target import Position, Target

READING_TOLD_EVERY = 1000


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan, and the stages of each of its cohorts; nothing has been changed.

    ``projects`` holds what each cohort was planned with.
    """

    plan: Plan
    stages: tuple[tuple[Stage, ...], ...] = ()
    projects: tuple[Project, ...] = ()


@dataclass(frozen=True, slots=True)
class Brief:
    """The run as its parts see it."""

    history: History
    isolation: IsolationProvider
    options: RunOptions
    tally: Part
    listener: Listener
    stop: Stop
    projects: Projects = field(default_factory=Projects)
    """The same for every server of a run."""
    label: str = ""
    """Names the server where there are several."""
    pulse: Pulse = field(default_factory=lambda: Pulse(2))
    """That of the server."""

    def project(
        self, targets: list[Target], sample: Callable[[], list[Target]] | None = None
    ) -> Project:
        """The Alembic project as env.py sets it up for these targets.

        Args:
            sample: gives those of them that env.py is run for, where not the first are.

        Raises:
            ScriptError: env.py failed.
            ConfigurationError: its options cannot be honoured for a fleet.
            NotHonouredError: env.py does what only env.py itself can do.
        """
        project = self.projects.of(
            kind_of(targets[0]),
            lambda: load_project(
                self.history,
                tuple((sample() if sample else targets)[:2]),
                self.options.x_arguments,
            ),
        )
        if project.beyond and self.options.engine is not Engine.ENV:
            raise NotHonouredError(project.beyond)
        if project.environment.elsewhere and self.options.engine is not Engine.ENV:
            self.listener(Warned(_elsewhere(project.environment.elsewhere)))
        return project

    def leases(self) -> Leases:
        """The leases of the part of the run that asks for them; it closes them."""
        return Leases(self.stop.requested, self.warn)

    def plan(self, targets: list[Target], positions: Iterable[Position]) -> Plan:
        """Group targets by what is to be done with them."""

        def found() -> Iterable[tuple[Target, Position]]:
            for number, pair in enumerate(zip(targets, positions, strict=True), start=1):
                if number % READING_TOLD_EVERY == 0:
                    self.listener(Reading(number, len(targets)))
                target, position = pair
                self.tally.saw(target, position.heads)
                yield pair

        return make_plan(self.request(targets[0]), found())

    def request(self, target: Target) -> Request:
        """What is asked of every target like this one."""
        history, options = self.history, self.options
        return Request(
            options.command,
            options.revision,
            self._span,
            history.known,
            lambda heads: passed(history.directory, heads),
            create=options.create,
            place="schema" if target.schema else "file" if target.is_file else "database",
        )

    def _span(self, heads: tuple[str, ...]) -> Span:
        with self.projects.planning:
            return self.history.span(self.options.command, self.options.revision, heads)

    def stages(self, project: Project, span: Span, sample: Target) -> tuple[Stage, ...]:
        """The span cut into stages, each of its moves on its road."""
        if self.options.command is Command.STAMP:
            return project.stamp_stages(span)
        with self.projects.planning:
            return project.stages(project.steps(span, sample, self.options.engine), span, sample)

    def needs_proof(self, stages: tuple[Stage, ...]) -> bool:
        """True when a replay has to be proven on a pair of targets first."""
        return (
            self.options.engine is Engine.AUTO
            and self.options.command is not Command.STAMP
            and any(s.proven_by_pair for s in stages)
        )

    def prepared(self, project: Project, plan: Plan) -> Prepared:
        """A plan with its stages."""
        stages = tuple(self.stages(project, c.span, c.targets[0]) for c in plan.cohorts)
        return Prepared(plan, stages, (project,) * len(stages))

    def settle(self, plan: Plan) -> None:
        """End the targets that need no work or cannot be worked on.

        Those without a road wait until it is known whether anybody has one, and those that are
        being created until the others are done.
        """
        if plan.cohorts or plan.there:
            self.tally.lead_somewhere()
        for cohort in plan.there:
            self.settle_there(cohort)
        for refusal in map(told_apart, plan.refusals):
            if refusal.skipped:
                kind = OutcomeKind.SKIPPED
                self.tally.put_off(Outcome(refusal.target, kind, error=refusal.error))
                continue
            end = self.tally.postpone if refusal.no_road else self.tally.end
            end(failed(refusal.target, refusal.position, refusal.error))

    def settle_there(self, cohort: Cohort) -> None:
        """End the targets that stand where they should."""
        heads = cohort.position.heads
        proof = Proof(heads)
        for target in cohort.targets:
            known = self.tally.outcome(target.key)
            self.tally.end(known or Outcome(target, OutcomeKind.THERE, heads, heads, proof=proof))

    def warn(self, message: str) -> None:
        """Tell people what they should know of this server."""
        self.listener(Warned(f"{self.label}: {message}" if self.label else message))

    def settle_brought(self, target: Target, heads: tuple[str, ...]) -> None:
        """End a target that another runner has just brought where it should be."""
        self.tally.end(Outcome(target, OutcomeKind.THERE, heads, heads, proof=Proof(heads)))


def _elsewhere(names: tuple[str, ...]) -> str:
    return (
        f"env.py goes to schemas or databases by itself, and {' and '.join(names)} was not among"
        " them: the options it passes for another one are used"
    )


def failed(target: Target, position: Position, error: str) -> Outcome:
    """The outcome of a target that nothing was done with."""
    return Outcome(target, OutcomeKind.FAILED, position.heads, position.heads, error=error)


def joined_up(command: Command, revision: str, parts: Iterable[Prepared]) -> Prepared:
    """One plan of the plans of several sites; what goes the same way is one cohort."""
    joined: dict[Hashable, tuple[Cohort, tuple[Stage, ...], Project]] = {}
    there: list[Cohort] = []
    refusals: list[Refusal] = []
    for part in parts:
        for cohort, stages, project in zip(
            part.plan.cohorts, part.stages, part.projects, strict=True
        ):
            way = tuple(c.step for stage in stages for c in stage.steps)
            key = (cohort.span, cohort.position, way, id(project))
            known = joined[key][0].targets if key in joined else ()
            merged = replace(cohort, targets=(*known, *cohort.targets))
            joined[key] = (merged, stages, project)
        there += part.plan.there
        refusals += part.plan.refusals
    found = tuple(joined.values())
    plan = Plan(command, revision, tuple(c for c, _, _ in found), tuple(there), tuple(refusals))
    return Prepared(plan, tuple(s for _, s, _ in found), tuple(p for _, _, p in found))
