"""The description is valid, names what is served, and a fuzzer that believes it finds the gateway as described."""

import subprocess
import sys

import jsonschema
import pytest
from running_http import OPERATOR, SHOP, Site

from gateway.listeners.http.openapi import document
from gateway.listeners.http.problem import SORTS
from gateway.listeners.http.server import OPERATIONS


@pytest.fixture
def site(tmp_path):
    with Site(
        tmp_path,
        more='[rules]\norder = ["sender"]\n[alertmanager]\naccount = "shop"\ngroups = { default = ["+33600000001"] }',
    ) as running:
        yield running


def test_it_is_served_to_anybody(site):
    answer = site.http("GET", "/openapi.json")
    assert answer.json["openapi"] == "3.1.0"
    assert answer.json == document(OPERATIONS)


def test_every_operation_is_in_it_and_nothing_else():
    described = {
        (method.upper(), path)
        for path, methods in document(OPERATIONS)["paths"].items()
        for method in methods
    }
    assert described == {(operation.method, operation.path) for operation in OPERATIONS}


def test_what_it_says_of_bodies_is_json_schema():
    whole = document(OPERATIONS)
    for methods in whole["paths"].values():
        for operation in methods.values():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                jsonschema.Draft202012Validator.check_schema(content["schema"])
            for response in operation["responses"].values():
                for content in response["content"].values():
                    jsonschema.Draft202012Validator.check_schema(content["schema"])
    ids = [operation["operationId"] for methods in whole["paths"].values() for operation in methods.values()]
    assert len(ids) == len(set(ids))


def test_who_may_call_is_said():
    paths = document(OPERATIONS)["paths"]
    assert paths["/healthz"]["get"].get("security") is None
    assert paths["/v1/messages"]["post"]["security"] == [{"token": []}]
    assert paths["/metrics"]["get"]["security"] == [{"token": []}, {}]
    assert set(paths["/v1/messages"]["post"]["responses"]) >= {
        "202",
        "207",
        "400",
        "401",
        "409",
        "413",
        "422",
        "429",
        "503",
    }
    assert {status for status, _ in SORTS.values()} >= {401, 403, 404, 409, 413, 422, 429}


@pytest.mark.slow
@pytest.mark.parametrize("token", [SHOP, OPERATOR], ids=["application", "operator"])
def test_a_fuzzer_finds_what_is_described(site, token, monkeypatch):
    monkeypatch.setattr("gateway.listeners.http.access.OPERATOR_RATE", 10_000)
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"http://127.0.0.1:{site.http_port}/openapi.json"),
        *("--header", f"Authorization: Bearer {token}", "--max-examples", "8", "--generation-deterministic"),
        *(
            "--checks",
            "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance",
        ),
        *("--checks", "response_schema_conformance,negative_data_rejection,ignored_auth"),
        *("--workers", "1", "--request-timeout", "5", "--no-color", "--phases", "coverage,fuzzing,stateful"),
    ]
    done = subprocess.run(command, capture_output=True, check=False, text=True, timeout=100)
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    assert site.http("GET", "/healthz").status == 200
    assert site.app.store.sick == ""
