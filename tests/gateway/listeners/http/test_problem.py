"""Errors as problems: every answer of the gateway has a word, a status and a title."""

import json

import pytest

from gateway import answers
from gateway.listeners.http.problem import OF_ANSWERS, SORTS, Problem, of_answer, of_status


def test_every_sort_is_a_kind_of_error():
    assert all(400 <= status < 600 and title for status, title in SORTS.values())
    assert set(OF_ANSWERS.values()) <= SORTS.keys()


def test_every_refusal_of_a_rule_has_its_own_word():
    vendor = {
        value
        for name, value in vars(answers).items()
        if name.isupper() and isinstance(value, int) and value >= 0x0401
    }
    words = [OF_ANSWERS[status] for status in vendor]
    assert len(set(words)) == len(vendor)


@pytest.mark.parametrize(
    ("status", "http", "retry"),
    [(answers.THROTTLED, 429, "1"), (answers.QUEUE_FULL, 503, "10"), (answers.SYSTEM_ERROR, 503, "10"),
     (answers.REFERENCE_REUSED, 409, None), (answers.OPTED_OUT, 422, None), (answers.BAD_SOURCE, 403, None), (0x0B, 422, None)],
)  # fmt: skip
def test_answers_of_intake(status, http, retry):
    problem = of_answer(status, "because")
    assert (problem.status, problem.headers().get("Retry-After")) == (http, retry)
    assert problem.view()["code"] == f"0x{status:04x}"


def test_a_problem_as_it_leaves():
    problem = Problem("throttled", "wait «a little»", 0.2, more=[1])
    assert json.loads(problem.body()) == {
        "type": "urn:chappe:throttled", "title": "Too fast", "status": 429, "detail": "wait «a little»", "more": [1],
    }  # fmt: skip
    assert problem.headers() == {"Content-Type": "application/problem+json", "Retry-After": "1"}
    assert "WWW-Authenticate" in Problem("unauthorized", "").headers()


@pytest.mark.parametrize(("status", "sort"), [(404, "not-found"), (405, "method-not-allowed"), (413, "too-large"),
                                              (418, "bad-request"), (500, "internal"), (599, "internal")])  # fmt: skip
def test_what_the_server_itself_refuses(status, sort):
    assert of_status(status, "").sort == sort
