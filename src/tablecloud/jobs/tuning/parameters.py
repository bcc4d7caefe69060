"""Parameters as the API's documents describe them, read and checked. Pure.

Jobs and studies describe the same things in two shapes; both come here in canonical form and leave as
`space.Parameter`. Contract: ml-jobs-service 1.15, 2.8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from tablecloud.errors import JobError
from tablecloud.jobs.tuning.space import Child, Kind, Parameter, Scale, Value, allows

MOST_DISCRETE = 1000
"""Values of a DISCRETE parameter."""
_DEEPEST = 20
"""Levels of children."""
_LARGEST = 1 << 53
"""Beyond it a double no longer tells neighbouring integers apart."""

_SCALES = {"UNIT_LOG_SCALE": Scale.LOG, "UNIT_REVERSE_LOG_SCALE": Scale.REVERSE_LOG}
_UNSCALED = ("", "NONE", "SCALE_TYPE_UNSPECIFIED")
_PARENTS = {
    "parentDiscreteValues": Kind.DISCRETE,
    "parentIntValues": Kind.INTEGER,
    "parentCategoricalValues": Kind.CATEGORICAL,
}

JsonObject = Mapping[str, Any]


class BadParameter(JobError):
    """A description that breaks a rule; `field` is its path in snake case, such as `params[0].max_value`."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


def job_parameters(documents: Sequence[JsonObject]) -> tuple[Parameter, ...]:
    """Return the parameters of a HyperparameterSpec's `params`.

    Raises:
        BadParameter: one breaks a rule.
    """
    found = tuple(_job_parameter(one, f"params[{index}]") for index, one in enumerate(documents))
    if not found:
        raise BadParameter("params", "At least one parameter is required.")
    _check_unique(found, "params", "parameter_name")
    return found


def study_parameters(documents: Sequence[JsonObject]) -> tuple[Parameter, ...]:
    """Return the parameters of a StudyConfig, with their children.

    Raises:
        BadParameter: one breaks a rule.
    """
    found = tuple(_study_parameter(one, f"parameters[{index}]", 0) for index, one in enumerate(documents))
    if not found:
        raise BadParameter("parameters", "At least one parameter is required.")
    _check_unique(found, "parameters", "parameter")
    return found


def _job_parameter(document: JsonObject, path: str) -> Parameter:
    name, kind = _name_and_kind(document, "parameterName", path)
    bounded = kind in (Kind.DOUBLE, Kind.INTEGER)
    for field, proto in (("minValue", "min_value"), ("maxValue", "max_value")):
        if bounded and field not in document:
            raise BadParameter(f"{path}.{proto}", f"It is required for a parameter of type {kind.value}.")
        # A zero may be a client's way to say nothing.
        if not bounded and document.get(field):
            raise BadParameter(f"{path}.{proto}", f"It must not be set for a {kind.value} parameter.")
    lists = {Kind.CATEGORICAL: "categoricalValues", Kind.DISCRETE: "discreteValues"}
    for other, field in lists.items():
        if kind is not other and document.get(field):
            proto = "categorical_values" if other is Kind.CATEGORICAL else "discrete_values"
            raise BadParameter(f"{path}.{proto}", f"It must not be set for a {kind.value} parameter.")
    if not bounded:
        proto = "categorical_values" if kind is Kind.CATEGORICAL else "discrete_values"
        return _listed(document, name, kind, document.get(lists[kind], ()), path, f"{path}.{proto}")
    low, high = document["minValue"], document["maxValue"]
    return _ranged(document, name, kind, low, high, path, path)


def _study_parameter(document: JsonObject, path: str, depth: int) -> Parameter:
    name, kind = _name_and_kind(document, "parameter", path)
    stem = kind.value.lower()
    spec = document.get(f"{stem}ValueSpec")
    if spec is None:
        raise BadParameter(f"{path}.{stem}_value_spec", f"It is required for a {kind.value} parameter.")
    others = [one for one in Kind if one is not kind and document.get(f"{one.value.lower()}ValueSpec")]
    if others:
        wrong = f"{path}.{others[0].value.lower()}_value_spec"
        raise BadParameter(wrong, f"It must not be set for a {kind.value} parameter.")
    inside = f"{path}.{stem}_value_spec"
    if kind in (Kind.CATEGORICAL, Kind.DISCRETE):
        plain = _listed(document, name, kind, spec.get("values", ()), path, f"{inside}.values")
    else:
        if not spec:
            raise BadParameter(inside, "min_value and max_value are required.")
        low, high = spec.get("minValue", 0), spec.get("maxValue", 0)
        plain = _ranged(document, name, kind, low, high, path, inside)
    children = document.get("childParameterSpecs", ())
    return _with_children(plain, children, path, depth) if children else plain


def _name_and_kind(document: JsonObject, field: str, path: str) -> tuple[str, Kind]:
    name = document.get(field, "")
    proto = "parameter_name" if field == "parameterName" else "parameter"
    if not name or not name.isprintable() or "=" in name or len(name) > 256:
        raise BadParameter(
            f"{path}.{proto}", "A parameter needs a name of up to 256 printable characters without '='."
        )
    kind = document.get("type", "")
    if kind not in Kind.__members__:
        raise BadParameter(f"{path}.type", f"The parameter {name} needs a type: {', '.join(Kind)}.")
    return name, Kind(kind)


def _ranged(
    document: JsonObject, name: str, kind: Kind, low: object, high: object, path: str, inside: str
) -> Parameter:
    """Return a DOUBLE or INTEGER parameter; `inside` is the path of the message that holds the bounds."""
    least, most = _number(low, kind, f"{inside}.min_value"), _number(high, kind, f"{inside}.max_value")
    if least > most:
        raise BadParameter(f"{inside}.min_value", f"It is greater than max_value: {least} and {most}.")
    scale = _scale(document)
    if scale is not Scale.LINEAR and least <= 0:
        raise BadParameter(f"{path}.scale_type", "A logarithmic scale needs bounds greater than 0.")
    return Parameter(name=name, kind=kind, low=least, high=most, scale=scale)


def _listed(
    document: JsonObject, name: str, kind: Kind, values: Sequence[Any], path: str, inside: str
) -> Parameter:
    if not values:
        raise BadParameter(inside, f"At least one value is required for a {kind.value} parameter.")
    if kind is Kind.CATEGORICAL:
        if len(set(values)) < len(values):
            raise BadParameter(inside, "A category is given twice.")
        if document.get("scaleType", "") not in _UNSCALED:
            raise BadParameter(f"{path}.scale_type", "Categories have no scale.")
        return Parameter(name=name, kind=kind, values=tuple(values))
    if len(values) > MOST_DISCRETE:
        raise BadParameter(inside, f"At most {MOST_DISCRETE} values are allowed; there are {len(values)}.")
    numbers = [_number(value, kind, inside) for value in values]
    if any(left >= right for left, right in pairwise(numbers)):
        raise BadParameter(inside, "The values must be strictly increasing.")
    if _scale(document) is not Scale.LINEAR and numbers[0] <= 0:
        raise BadParameter(f"{path}.scale_type", "A logarithmic scale needs values greater than 0.")
    return Parameter(name=name, kind=kind, values=tuple(numbers))


def _number(value: object, kind: Kind, path: str) -> float:
    """Return a bound: whole for INTEGER. Non-finite doubles come as text from the JSON reader."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if number - number != 0:
        raise BadParameter(path, "A finite number is required.")
    if kind is Kind.INTEGER:
        if not number.is_integer():
            raise BadParameter(path, f"An INTEGER parameter needs whole numbers; {number} is none.")
        if abs(number) > _LARGEST:
            raise BadParameter(path, "The bounds of an INTEGER parameter must be within 2^53 of 0.")
        return int(number)
    return number


def _scale(document: JsonObject) -> Scale:
    return _SCALES.get(document.get("scaleType", ""), Scale.LINEAR)


def _with_children(parent: Parameter, documents: Sequence[JsonObject], path: str, depth: int) -> Parameter:
    if depth >= _DEEPEST:
        raise BadParameter(path, f"Parameters may be nested {_DEEPEST} levels deep.")
    children = []
    for index, document in enumerate(documents):
        inside = f"{path}.child_parameter_specs[{index}]"
        matching = _matching(parent, document, inside)
        children.append(Child(parameter=_study_parameter(document, inside, depth + 1), matching=matching))
    for left in range(len(children)):
        for right in range(left + 1, len(children)):
            _check_apart(children[left], children[right], f"{path}.child_parameter_specs[{right}]")
    return Parameter(
        name=parent.name,
        kind=parent.kind,
        low=parent.low,
        high=parent.high,
        values=parent.values,
        scale=parent.scale,
        children=tuple(children),
    )


def _matching(parent: Parameter, document: JsonObject, path: str) -> frozenset[Value]:
    """Return the parent's values under which a child exists."""
    given = [(field, kind) for field, kind in _PARENTS.items() if document.get(field)]
    if [kind for _, kind in given] != [parent.kind]:
        raise BadParameter(path, f"It must say which values of its {parent.kind.value} parent it matches.")
    values = document[given[0][0]].get("values", ())
    # int64 comes as text, and a list's doubles may come as integers.
    convert = {Kind.INTEGER: int, Kind.DISCRETE: float, Kind.CATEGORICAL: str}[parent.kind]
    matching = frozenset(convert(value) for value in values)
    if not matching or not all(allows(parent, value) for value in matching):
        raise BadParameter(path, f"It must match at least one value, and only values, of {parent.name}.")
    return matching


def _check_apart(left: Child, right: Child, path: str) -> None:
    twice = _names(left.parameter) & _names(right.parameter)
    if twice and left.matching & right.matching:
        raise BadParameter(path, f"Two children have the name {min(twice)} and match a common value.")


def _check_unique(parameters: Sequence[Parameter], path: str, field: str) -> None:
    """Refuse two parameters of one name that could exist at once."""
    seen: set[str] = set()
    for index, parameter in enumerate(parameters):
        names = _names(parameter)
        if twice := seen & names:
            raise BadParameter(f"{path}[{index}].{field}", f"The name {min(twice)} is used twice.")
        seen |= names


def _names(parameter: Parameter) -> set[str]:
    """Return the names of a parameter and everything below it.

    Raises:
        BadParameter: a name is used by the parameter and again below it.
    """
    below: set[str] = set()
    for child in parameter.children:
        below |= _names(child.parameter)
    if parameter.name in below:
        raise BadParameter("parameters", f"The name {parameter.name} is used twice.")
    return below | {parameter.name}
