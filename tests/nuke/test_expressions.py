"""The evaluator of Nuke's expressions: its values against numpy, and the syntax that it must refuse."""

import numpy as np
import pytest
from expressions import ExpressionError, evaluate, names


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("8 / 4 / 2", 1),
        ("8 - 4 - 2", 2),
        ("-2 * -3", 6),
        ("1 - -1", 2),
        ("7 * 1 % 4", 3),
        ("1e-1 + .5 + 2.", 2.6),
        ("1 / 2", 0.5),
        ("1 < 2 == 1", 1),
        ("!0 && !(1 >= 2) || 0", 1),
        ("1 || 0 && 0", 1),
        ("!1 + 1", 1),
        ("0 ? 1 : 0 ? 2 : 3", 3),
        ("1 ? 0 ? 4 : 5 : 6", 5),
        ("2 > 1 ? 10 : 20", 10),
        ("clamp(-3) + clamp(7, 2, 5)", 5),
        ("pow(2, 10) + sqrt(16) + abs(-1)", 1029),
        ("max(1, 5, 3) - min(4, 2)", 3),
        ("int(-1.5) + floor(-1.5) + ceil(1.2) + rint(2.6)", 2),
        ("step(2, 2) + step(2, 1.9)", 1),
        ("smoothstep(0, 2, 1) + lerp(10, 20, 0.5) + mix(0, 4, 0.25)", 16.5),
        ("mantissa(6)", 0.75),
        ("cos(pi) + sin(0) + log(exp(3))", 2),
    ],
)
def test_an_expression_has_the_value_that_it_has_in_nuke(text, value):
    assert evaluate(text, {}, dtype=np.float64) == pytest.approx(value)


def test_arrays_go_in_and_an_array_comes_out():
    picture = np.array([[-1, 0.5], [2, 3]], np.float32)
    result = evaluate(
        "r > 1 ? r * parent.gain.x : rc_ab.u", {"r": picture, "parent.gain.x": 2, "rc_ab.u": picture * 10}
    )
    np.testing.assert_array_equal(result, np.array([[-10, 5], [4, 6]], np.float32))
    assert result.dtype == np.float32


def test_every_step_is_rounded_to_float32():
    assert evaluate("16777216 + 1", {}) == 16777216
    assert evaluate("16777216 + 1", {}, dtype=np.float64) == 16777217


def test_an_error_in_the_unused_branch_is_harmless():
    result = evaluate("r > 0 ? pow(r, 0.5) : r", {"r": np.array([-4, 4], np.float32)})
    np.testing.assert_array_equal(result, [-4, 2])


def test_minus_zero_survives_a_conditional():
    assert np.signbit(evaluate("r == 0 ? r : 1", {"r": np.float32(-0.0)}))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("r + nothing.here", "no 'nothing.here'"),
        ("cbrt(r)", "no function 'cbrt'"),
        ("pow(r)", "pow does not take 1"),
        ("min(r)", "min does not take 1"),
        ("1 +", "ends too early"),
        ("", "ends too early"),
        ("(1", "'\\)' is missing"),
        ("1 ? 2", "':' is missing"),
        ("1 2", "'2' is not expected"),
        ("2 ^ 3", "'\\^' is not part"),
        ("2 ** 3", "'\\*' is not a value"),
        ("a = 1", "'=' is not part"),
        ("* 3", "'\\*' is not a value"),
        ("[python 1]", "'\\[' is not part"),
    ],
)
def test_syntax_that_nuke_may_not_know_is_refused(text, problem):
    with pytest.raises(ExpressionError, match=problem):
        evaluate(text, {"r": 1.0, "a": 1.0})


def test_the_names_that_an_expression_reads_are_listed():
    assert names("r == 0 ? parent.mix : rc_ab.u * pow(g, pi)") == {"r", "g", "parent.mix", "rc_ab.u"}
