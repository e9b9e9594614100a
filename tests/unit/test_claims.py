"""Claims: a verdict follows from the numbers, and what is recorded can be read."""

import json

import numpy as np
import pytest

from csgld_book import claims
from csgld_book.claims import Statement, judge

POSITIVE = Statement("positive", "it is positive", "somebody", "a number", at_least=0.0)
SMALL = Statement("small", "it is small", "somebody", "a number", at_most=0.5)
WIDE = {"broken": [-0.1, -0.2, -0.3], "undecided": [-1.0, 0.5, 1.0], "respected": [0.1, 0.2, 0.3]}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CSGLD_FIGURES", str(tmp_path))
    return tmp_path


def verdict(statement, values, seeds=3):
    return judge(statement, values, budget=1, seeds=range(seeds)).verdict


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (WIDE["respected"], "holds"),
        (WIDE["broken"], "does not hold here"),
        (WIDE["undecided"], "undecided here"),
    ],
)
def test_verdicts_follow_from_the_numbers(values, expected):
    claim = judge(POSITIVE, values, budget=1, seeds=[1, 2, 3])
    assert claim.verdict == expected
    assert claim.value == pytest.approx(np.mean(values))
    assert claim.standard_error == pytest.approx(np.std(values, ddof=1) / np.sqrt(3))


def test_two_standard_errors_decide():
    values = np.array([-1.0, 1.0, -1.0, 1.0])
    error = values.std(ddof=1) / 2
    assert verdict(POSITIVE, values + 2.01 * error, 4) == "holds"
    assert verdict(POSITIVE, values + 1.99 * error, 4) == "undecided here"
    assert verdict(POSITIVE, values - 2.01 * error, 4) == "does not hold here"


def test_upper_bounds():
    assert verdict(SMALL, [0.01, 0.02, 0.03]) == "holds"
    assert verdict(SMALL, [0.91, 0.92, 0.93]) == "does not hold here"


def test_one_run_refutes_a_claim_about_every_run():
    nine = Statement("nine", "all are met", "somebody", "modes met", at_least=9, every=True)
    assert verdict(nine, [9.0] * 20, 20) == "holds"
    assert verdict(nine, [9.0] * 19 + [8.0], 20) == "does not hold here"


@pytest.mark.parametrize(
    ("stated", "condition", "expected"),
    [
        ("respected", "broken", "holds"),
        ("respected", "respected", "holds"),
        ("broken", "respected", "holds with a condition"),
        ("undecided", "respected", "holds with a condition"),
        ("broken", "undecided", "does not hold here"),
        ("undecided", "broken", "undecided here"),
    ],
)
def test_a_condition_counts_only_where_the_claim_fails_without_it(stated, condition, expected):
    tests = {"as stated": WIDE[stated], "on Sundays": WIDE[condition]}
    claim = judge(POSITIVE, tests, budget=1, seeds=range(3))
    assert claim.verdict == expected
    assert claim.value == pytest.approx(np.mean(WIDE[stated]))
    assert ("as stated: " in claim.why) == (expected != "holds")
    assert ("on Sundays: " in claim.why) == (expected != "holds")


def test_quadrature_has_no_seeds_and_no_error():
    claim = judge(POSITIVE, 0.25, budget=0, seeds=())
    assert (claim.verdict, claim.seeds, claim.standard_error) == ("holds", [], 0.0)
    assert verdict(SMALL, 0.51, 0) == "does not hold here"


@pytest.mark.parametrize(
    ("values", "seeds", "named"),
    [
        ([1.0, np.nan], [1, 2], "values"),
        ([1.0], [1, 2], "values"),
        ([1.0], [1], "seeds"),
        ([1.0, 2.0], [], "values"),
        ({}, [1, 2], "values"),
    ],
)
def test_bad_evidence(values, seeds, named):
    with pytest.raises(ValueError, match=f"^{named} must be"):
        judge(POSITIVE, values, budget=1, seeds=seeds)


@pytest.mark.parametrize("bounds", [{}, {"at_least": 0, "at_most": 1}, {"at_most": np.nan}])
def test_a_statement_has_one_bound(bounds):
    with pytest.raises(ValueError, match="at_most"):
        Statement("id", "in words", "somebody", "a number", **bounds)


def test_claims_are_replaced_by_id_ordered_and_rendered(folder):
    assert claims.table() == "no claims recorded yet"
    second = judge(SMALL, [0.1, 0.2], budget=1000, seeds=[1, 2])
    claims.record([second])
    for value in (1.0, 5.0):
        values = [value, value + 0.1]
        judged = judge(POSITIVE, values, budget=1000, seeds=[1, 2])
        claims.record([judged], order=["positive", "small"])
    first, then = claims.load()
    assert (first.id, then) == ("positive", second)
    assert first.value == pytest.approx(5.05)
    for claim in (first, then):
        assert claim.claim in (folder / "CLAIMS.md").read_text()
        assert claim.claim in claims.table()
    assert claims.table().endswith("\n2 holds")
    assert list(json.loads((folder / "claims.json").read_text())) == ["claims", "versions"]


def test_a_first_condition_that_begins_with_with_is_a_condition():
    claim = judge(POSITIVE, {"with limits": WIDE["respected"]}, budget=1, seeds=range(3))
    assert claim.verdict == "holds with a condition"
    assert "with limits: " in claim.why


def test_a_mean_may_be_bounded_on_either_side():
    near = Statement("near", "it is near 0", "me", "a number", at_most=0.1, either_side=True)
    assert verdict(near, [-0.01, 0.01, 0.0]) == "holds"
    assert verdict(near, [-5.0, -4.9, -5.1]) == "does not hold here"
    assert verdict(near, [5.0, 4.9, 5.1]) == "does not hold here"


def test_no_difference_at_all_is_undecided():
    assert verdict(POSITIVE, [0.0, 0.0, 0.0]) == "undecided here"
