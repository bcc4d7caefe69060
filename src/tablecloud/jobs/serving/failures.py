"""How a model fails: five kinds, and the texts that number them. Contract: ml-jobs-service 3.4."""

from __future__ import annotations

LOAD, INPUTS, RUN, OUTPUTS, USER_CODE = range(5)
"""Kinds of failure, as their texts number them."""

_TITLES = {
    LOAD: "Failed to load model",
    INPUTS: "Invalid inputs",
    RUN: "Failed to run the provided model",
    OUTPUTS: "There was a problem processing the outputs",
    USER_CODE: "Error in the custom prediction code",
}


class ModelFailure(Exception):
    """The model, or what it was asked, is at fault; the text ends in `(Error code: N)`.

    Parameters:
        code: LOAD, INPUTS, RUN, OUTPUTS or USER_CODE.
        detail: what happened.
    """

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(f"{_TITLES[code]}: {detail} (Error code: {code})")
        self.code = code
