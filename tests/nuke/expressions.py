"""The part of Nuke's expression language that the Expression nodes and knob expressions of this project need.

It covers syntax that Nuke documents or that public gizmos have used for years: numbers, + - * / %, comparisons, && ||
!, cond ? a : b, $gui, and the functions below. Anything else raises an error, so that no test passes with an expression
that Nuke may not know.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["ExpressionError", "evaluate", "names"]

Value = NDArray[Any]

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>\$gui|[A-Za-z_]\w*(?:\.\w+)*)"
    r"|(?P<operator>&&|\|\||[<>=!]=|[-+*/%<>!?:(),]))"
)

_BINARY: dict[str, tuple[int, Callable[[Value, Value], Any]]] = {  # precedence, as in C
    "||": (1, np.logical_or),
    "&&": (2, np.logical_and),
    "==": (3, np.equal),
    "!=": (3, np.not_equal),
    "<": (4, np.less),
    "<=": (4, np.less_equal),
    ">": (4, np.greater),
    ">=": (4, np.greater_equal),
    "+": (5, np.add),
    "-": (5, np.subtract),
    "*": (6, np.multiply),
    "/": (6, np.divide),
    "%": (6, np.fmod),
}
_UNARY: dict[str, Callable[[Value], Any]] = {"-": np.negative, "+": np.positive, "!": np.logical_not}
_UNARY_BINDS = 7


def _lerp(a: Value, b: Value, x: Value) -> Any:
    return a + (b - a) * x


def _smoothstep(a: Value, b: Value, x: Value) -> Any:
    t = np.clip((x - a) / (b - a), 0, 1)
    return t * t * (3 - 2 * t)


# Name -> its number of arguments (None: two or more), and its function.
_FUNCTIONS: dict[str, tuple[tuple[int, ...] | None, Callable[..., Any]]] = {
    "abs": ((1,), np.abs),
    "ceil": ((1,), np.ceil),
    "clamp": ((1, 3), lambda x, low=0, high=1: np.minimum(np.maximum(x, low), high)),
    "cos": ((1,), np.cos),
    "exp": ((1,), np.exp),
    "floor": ((1,), np.floor),
    "int": ((1,), np.trunc),
    "lerp": ((3,), _lerp),
    "log": ((1,), np.log),
    "mantissa": ((1,), lambda x: np.frexp(x)[0]),
    "max": (None, lambda *values: np.stack(np.broadcast_arrays(*values)).max(axis=0)),
    "min": (None, lambda *values: np.stack(np.broadcast_arrays(*values)).min(axis=0)),
    "mix": ((3,), _lerp),
    "pow": ((2,), np.power),
    "rint": ((1,), np.rint),
    "sin": ((1,), np.sin),
    "smoothstep": ((3,), _smoothstep),
    "sqrt": ((1,), np.sqrt),
    "step": ((2,), lambda a, x: x >= a),
}


class ExpressionError(ValueError):
    """An expression that Nuke would show in red; the message contains its text."""


def evaluate(text: str, variables: Mapping[str, Any], *, dtype: DTypeLike = np.float32) -> Value:
    """Return the value of an expression, with the shape that its arrays broadcast to; () without arrays.

    variables: name with its dots ("r", "rc_ab.u", "parent.luma.x") -> array or number. Every step is rounded to dtype;
    comparisons give 0 and 1. Both branches of ? : are computed. Raises ExpressionError.
    """
    return _Evaluation(text, lambda name: variables[name], np.dtype(dtype)).result()


def names(text: str) -> set[str]:
    """Return the channels and knobs that an expression reads. Raises ExpressionError."""
    found: set[str] = set()

    def value(name: str) -> float:
        found.add(name)
        return 1.0

    _Evaluation(text, value, np.dtype(np.float32)).result()
    return found


class _Evaluation:
    """A recursive-descent parser with precedence (Pratt) that evaluates while it parses."""

    def __init__(self, text: str, lookup: Callable[[str], Any], dtype: np.dtype[Any]) -> None:
        self._text, self._lookup, self._dtype = text, lookup, dtype
        self._tokens = self._split()

    def result(self) -> Value:
        with np.errstate(all="ignore"):
            value = self._ternary()
        if self._tokens:
            raise self._error(f"{self._tokens[0][1]!r} is not expected")
        return value

    def _split(self) -> list[tuple[str, str]]:
        tokens, text = [], self._text.rstrip()
        position = 0
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None or match.lastgroup is None:
                raise self._error(f"{text[position:].strip()[0]!r} is not part of the language")
            tokens.append((match.lastgroup, match[match.lastgroup]))
            position = match.end()
        return tokens

    def _ternary(self) -> Value:
        condition = self._binary(weakest=0)
        if not self._take("?"):
            return condition
        yes = self._ternary()
        self._expect(":")
        no = self._ternary()
        return np.where(condition != 0, yes, no)

    def _binary(self, *, weakest: int) -> Value:
        left = self._unary()
        while self._tokens and self._tokens[0][1] in _BINARY:
            binds, operation = _BINARY[self._tokens[0][1]]
            if binds <= weakest:
                break
            self._tokens.pop(0)
            left = self._rounded(operation(left, self._binary(weakest=binds)))
        return left

    def _unary(self) -> Value:
        kind, token = self._tokens.pop(0) if self._tokens else ("", "")
        if token in _UNARY:
            return self._rounded(_UNARY[token](self._binary(weakest=_UNARY_BINDS)))
        if token == "(":
            value = self._ternary()
            self._expect(")")
            return value
        if kind == "number":
            return self._rounded(float(token))
        if kind == "name":
            return self._call(token) if self._take("(") else self._variable(token)
        raise self._error(f"{token!r} is not a value" if token else "it ends too early")

    def _variable(self, name: str) -> Value:
        if name == "pi":
            return self._rounded(np.pi)
        try:
            return self._rounded(self._lookup(name))
        except KeyError:
            raise self._error(f"there is no {name!r}") from None

    def _call(self, name: str) -> Value:
        arguments = [self._ternary()]
        while self._take(","):
            arguments.append(self._ternary())
        self._expect(")")
        if name not in _FUNCTIONS:
            raise self._error(f"there is no function {name!r}")
        counts, function = _FUNCTIONS[name]
        if len(arguments) < 2 if counts is None else len(arguments) not in counts:
            raise self._error(f"{name} does not take {len(arguments)} arguments")
        return self._rounded(function(*arguments))

    def _take(self, token: str) -> bool:
        found = bool(self._tokens) and self._tokens[0][1] == token
        if found:
            self._tokens.pop(0)
        return found

    def _expect(self, token: str) -> None:
        if not self._take(token):
            raise self._error(f"{token!r} is missing")

    def _rounded(self, value: Any) -> Value:
        return np.asarray(value, self._dtype)

    def _error(self, problem: str) -> ExpressionError:
        return ExpressionError(f"{problem} in the expression {self._text!r}")
