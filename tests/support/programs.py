"""A layout whose jobs run a program given as text under `program`; the rest is as the real layout has it."""

from __future__ import annotations

import sys
from dataclasses import replace

from tablecloud.jobs.attempts import Layout
from tablecloud.jobs.layout import Requirement, build_attempt
from tablecloud.jobs.model import AttemptSpec, Job
from tablecloud.jobs.settings import ServiceSettings


def program_layout(settings: ServiceSettings) -> Layout:
    def build(job: Job, attempt: int, token: str) -> AttemptSpec:
        plain = replace(job, document={"trainingInput": {"pythonModule": "none"}})
        spec = build_attempt(plain, attempt, token, settings)
        [primary] = spec.replicas
        program = replace(primary, argv=(sys.executable, "-u", "-c", job.document["program"]))
        return replace(spec, replicas=(program,))

    return Layout(build=build, requirements=lambda job: Requirement(cpus=1.0, memory_bytes=0))
