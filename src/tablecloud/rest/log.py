"""Shows exchanges for `--http.log.enabled`: request line, masked headers, status, size, time. No bodies."""

from __future__ import annotations

from collections.abc import Iterable

from tablecloud.rest.messages import Request, Response, TransportFailure, masked

# Header values that say something and give nothing away.
_SHOWN = frozenset({"accept", "content-type", "content-length", "date", "retry-after", "content-encoding"})


def describe_exchange(request: Request, outcome: Response | TransportFailure) -> str:
    """Return a few lines on one exchange, without secrets and without bodies."""
    lines = [f"> {request.shown}  [{request.full_method}, try {request.attempt}]"]
    lines += [f">   {line}" for line in _headers(request.headers)]
    if isinstance(outcome, TransportFailure):
        lines.append(f"< no answer after {outcome.seconds:.3f} s: {masked(str(outcome), request.secrets)}")
    else:
        lines.append(f"< {outcome.status}, {len(outcome.body)} bytes, {outcome.seconds:.3f} s")
        lines += [f"<   {line}" for line in _headers(outcome.headers.items())]
    return "\n".join(lines)


def _headers(headers: Iterable[tuple[str, str]]) -> list[str]:
    return [f"{name}: {value if name.lower() in _SHOWN else '***'}" for name, value in headers]
