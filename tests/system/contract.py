# SPDX-License-Identifier: Apache-2.0
"""Holds what a daemon answers against the OpenAPI document of its configuration:
an operation, a status, a header or a body that is not described fails the test;
so does a request that was accepted and is not as it should be.

    watch(port, documents)      documents(): those that may count, newest first
    check(port, method, path, body, answer)
"""
import json
import re

from schema import Schemas, Wrong

# What every answer of HTTP has, whoever gives it.
TRANSPORT = {"date", "content-length", "content-type", "connection", "server",
             "transfer-encoding"}
# Before it is known what was asked for.
STRAY = {400, 401, 403, 404, 408, 413, 415, 431, 503}
watched = {}


class Operation:
    def __init__(self, contract, operation):
        self.contract = contract
        self.responses = {status: contract.resolved(each)
                          for status, each in operation["responses"].items()}
        self.bodies, self.headers = {}, {}
        body = operation.get("requestBody")
        self.required = body is not None and body.get("required", False)
        self.request = None if body is None else contract.schemas.compile(
            body["content"]["application/json"]["schema"])

    def check_request(self, body):
        if self.request is None:
            return
        if body is None or body == b"":
            if self.required:
                raise Wrong("accepted without the body that is required")
            return
        self.request(json.loads(body), "request")

    def check_headers(self, status, headers):
        if status not in self.headers:
            described = self.responses[status].get("headers", {})
            self.headers[status] = {
                name.lower(): self.contract.resolved(each)
                for name, each in described.items()}
        known = self.headers[status]
        given = {name.lower() for name, _ in headers}
        for name in given - TRANSPORT - set(known):
            raise Wrong("%s: the header %s is not described" % (status, name))
        for name, each in known.items():
            if each.get("required") and name not in given:
                raise Wrong("%s: the header %s is missing" % (status, name))

    def check_body(self, status, answer, bare):
        if status not in self.bodies:
            self.bodies[status] = {
                kind: self.contract.schemas.compile(each.get("schema", {}), True)
                for kind, each in self.responses[status].get("content", {}).items()}
        if bare:
            return
        known = self.bodies[status]
        kind = (answer.header("Content-Type") or "").split(";")[0].strip().lower()
        if not known and answer.body == b"":
            return
        if kind not in known:
            raise Wrong("%s: the content type %r is not described" % (status, kind))
        if kind == "application/json":
            known[kind](json.loads(answer.body), "answer")

    def check(self, method, body, answer):
        status = str(answer.status)
        if status not in self.responses:
            if "default" in self.responses:
                return
            raise Wrong("the status %s is not described" % status)
        self.check_headers(status, answer.headers)
        self.check_body(status, answer, method == "HEAD")
        if answer.status < 300:
            self.check_request(body)


class Contract:
    def __init__(self, document):
        self.document = document
        self.schemas = Schemas(document)
        self.error = self.schemas.compile({"$ref": "#/components/schemas/Error"}, True)
        self.paths = sorted(((self.pattern(path), path, item)
                             for path, item in document["paths"].items()),
                            key=lambda each: each[1].count("{"))
        self.operations = {}

    @staticmethod
    def pattern(path):
        parts = re.split(r"\{[^}]*\}", path)
        return re.compile("[^/]+".join(map(re.escape, parts)) + r"\Z")

    def resolved(self, tree):
        return self.schemas.at(tree["$ref"]) if "$ref" in tree else tree

    def stray(self, allowed, answer, bare):
        if answer.status not in allowed:
            raise Wrong("the path or method is not described")
        if not bare:
            self.error(json.loads(answer.body), "answer")

    def check(self, method, path, body, answer):
        path = path.split("?")[0].split("#")[0]
        found = next((each for each in self.paths if each[0].match(path)), None)
        bare = method == "HEAD"
        if found is None:
            return self.stray(STRAY, answer, bare)
        name = "get" if bare else method.lower()
        if name not in found[2]:
            return self.stray({405, 401, 403, 413, 431}, answer, bare)
        if answer.status == 404 and "%" in path:
            # an escape that no path may have: it matches nothing
            return self.stray({404}, answer, bare)
        key = name, found[1]
        if key not in self.operations:
            self.operations[key] = Operation(self, found[2][name])
        return self.operations[key].check(method, body, answer)


def watch(port, documents):
    watched[port] = documents


def check(port, method, path, body, answer):
    documents = watched.get(port)
    if documents is None:
        return
    wrong = None
    for contract in documents():
        try:
            return contract.check(method, path, body, answer)
        except Wrong as fault:
            wrong = wrong or fault
    if wrong is not None:
        raise AssertionError("%s %s: not as gantry spec says: %s: %s %s" % (
            method, path, wrong, answer, dict(answer.headers))) from wrong
