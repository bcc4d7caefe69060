"""Any history of models and versions leaves a store that makes sense, and means the same after a restart."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tablecloud.jobs.models.records import Failure, Model, Refusal, Version, VersionState
from tablecloud.jobs.models.store import ModelStore
from tablecloud.jobs.store import Store

models = st.sampled_from(["m", "n"])
versions = st.sampled_from(["a", "b", "c"])
P = "demo"


class ModelHistories(RuleBasedStateMachine):
    """Calls that are refused change nothing; the others are compared with a dictionary."""

    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.times = itertools.count(1.0, 0.25)
        self.uids = itertools.count()
        self.known: dict[str, dict[str, VersionState]] = {}
        self.reopen()

    def reopen(self) -> None:
        self.jobs = Store(Path(self.folder.name) / "jobs.sqlite")
        self.store = ModelStore(self.jobs)

    def teardown(self) -> None:
        self.jobs.close()
        self.folder.cleanup()

    @rule()
    def restart(self) -> None:
        self.jobs.close()
        self.reopen()

    @rule(name=models)
    def create_model(self, name: str) -> None:
        model = Model(project=P, name=name, document={}, create_time=next(self.times))
        if self.allowed(lambda: self.store.create_model(model), name not in self.known):
            self.known[name] = {}

    @rule(name=models)
    def delete_model(self, name: str) -> None:
        empty = name in self.known and not self.known[name]
        if self.allowed(lambda: self.store.delete_model(P, name, now=next(self.times)), empty):
            del self.known[name]

    @rule(model=models, name=versions)
    def create_version(self, model: str, name: str) -> None:
        version = Version(
            uid=str(next(self.uids)),
            project=P,
            model=model,
            name=name,
            state=VersionState.CREATING,
            document={},
            create_time=next(self.times),
        )
        free = model in self.known and name not in self.known[model]
        if self.allowed(lambda: self.store.create_version(version), free):
            self.known[model][name] = VersionState.CREATING

    @rule(good=st.booleans(), twice=st.booleans())
    def end_the_oldest_creation(self, good: bool, twice: bool) -> None:
        for operation in self.store.pending()[:1]:
            failure = None if good else Failure(code=3, message="bad")
            ended = self.store.end_creation(operation, failure=failure, now=next(self.times))
            assert ended.done
            if twice:
                assert self.store.end_creation(operation, now=next(self.times)) is None
                assert self.store.operation(P, operation.id) == ended
            self.known[operation.model][operation.version] = (
                VersionState.READY if good else VersionState.FAILED
            )

    @rule(model=models, name=versions)
    def delete_version(self, model: str, name: str) -> None:
        state = self.known.get(model, {}).get(name)
        default = model in self.known and self.store.model(P, model).default_version == name
        fine = state not in (None, VersionState.CREATING) and not (default and len(self.known[model]) > 1)
        if self.allowed(lambda: self.store.delete_version(P, model, name, now=next(self.times)), fine):
            del self.known[model][name]

    @rule(model=models, name=versions)
    def set_default(self, model: str, name: str) -> None:
        ready = self.known.get(model, {}).get(name) is VersionState.READY
        if self.allowed(lambda: self.store.set_default(P, model, name), ready):
            assert self.store.model(P, model).default_version == name

    @invariant()
    def the_store_is_the_dictionary(self) -> None:
        if not hasattr(self, "known"):
            return
        found = {m.name: m for m in self.store.models(P, after="", limit=10)}
        assert found.keys() == self.known.keys()
        for name, model in found.items():
            states = {v.name: v.state for v in self.store.versions(P, name, after="", limit=10)}
            assert states == self.known[name]
            if model.default_version is None:
                assert VersionState.READY not in states.values()
            else:
                assert states[model.default_version] is VersionState.READY

    @invariant()
    def each_creation_under_way_has_its_operation(self) -> None:
        if not hasattr(self, "known"):
            return
        creating = {
            (model, name)
            for model, states in self.known.items()
            for name, state in states.items()
            if state is VersionState.CREATING
        }
        assert sorted((o.model, o.version) for o in self.store.pending()) == sorted(creating)

    def allowed(self, call, expected: bool) -> bool:
        try:
            call()
        except Refusal:
            assert not expected
            return False
        assert expected
        return True


ModelHistories.TestCase.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)
TestModelHistories = ModelHistories.TestCase
