"""Drives a conversation by hand: answers its requests from a script, and notes what it asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tablecloud.rest.messages import (
    Conversation,
    Emit,
    Page,
    Pause,
    Progress,
    Request,
    Response,
    Send,
    Tell,
    TransportFailure,
)


@dataclass
class Told:
    """What a conversation did on its way."""

    value: Any = None
    error: Exception | None = None
    sent: list[Request] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)
    progress: list[Progress] = field(default_factory=list)


def answer(body: bytes = b"{}", status: int = 200, **headers: str) -> Response:
    return Response(status=status, headers={k.replace("_", "-"): v for k, v in headers.items()}, body=body)


def drive(
    conversation: Conversation[Any],
    answers: Iterable[Response | TransportFailure],
    *,
    on_pause: Callable[[float], None] = lambda seconds: None,
) -> Told:
    """Run a conversation to its end. The script must hold as many answers as it asks for."""
    told, script = Told(), iter(answers)
    try:
        effect = next(conversation)
        while True:
            if isinstance(effect, Send):
                told.sent.append(effect.request)
                outcome = next(script, None) or pytest.fail(f"it asked once more: {effect.request.shown}")
                if isinstance(outcome, TransportFailure):
                    effect = conversation.throw(outcome)
                else:
                    effect = conversation.send(outcome)
                continue
            if isinstance(effect, Pause):
                told.pauses.append(effect.seconds)
                on_pause(effect.seconds)
            elif isinstance(effect, Emit):
                told.pages.append(effect.page)
            elif isinstance(effect, Tell):
                told.progress.append(effect.progress)
            effect = conversation.send(None)
    except StopIteration as stop:
        told.value = stop.value
    except Exception as error:
        told.error = error
    return told
