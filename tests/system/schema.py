# SPDX-License-Identifier: Apache-2.0
"""JSON Schema 2020-12 as functions, as much of it as our documents use: what
else stands in a schema is an error, so that nothing is passed over.

    check = Schemas(document).compile({"$ref": "#/components/schemas/Error"})
    check(value)        raises Wrong, which says where and what

Fast enough for every answer of a test: a schema becomes functions once.
"""
import re
from datetime import datetime

SAID_ONLY = {"description", "default", "title", "examples", "deprecated", "format"}
TYPES = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
    "integer": lambda v: not isinstance(v, bool) and
    (isinstance(v, int) or isinstance(v, float) and v.is_integer()),
    "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
}


class Wrong(AssertionError):
    pass


def same(a, b):
    """As JSON compares: true is no 1."""
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def is_time(text):
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).tzinfo is not None
    except ValueError:
        return False


class Schemas:
    """closed: an object may have no member that its schema does not name; it is
    what an answer is held against, while requests may hold more."""

    def __init__(self, document):
        self.document = document
        self.made = {}

    def at(self, ref):
        assert ref.startswith("#/"), ref
        found = self.document
        for part in ref[2:].split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        return found

    def compile(self, schema, closed=False):
        checks = []
        known = set(schema) - SAID_ONLY
        for word in sorted(known):
            make = getattr(self, "_" + word.replace("$", ""), None)
            assert make is not None, "schema.py does not know %r" % word
            checks.append(make(schema, closed))
        if schema.get("format") == "date-time":
            checks.append(self._time)
        if closed and "properties" in schema and "$ref" not in schema and \
                "additionalProperties" not in schema:
            checks.append(self._closed(schema))
        if len(checks) == 1:
            return checks[0]

        def check(value, place=""):
            for each in checks:
                each(value, place)
        return check

    def _ref(self, schema, closed):
        key = schema["$ref"], closed

        def check(value, place=""):
            if key not in self.made:
                self.made[key] = self.compile(self.at(key[0]), closed)
            self.made[key](value, place)
        return check

    def _type(self, schema, closed):
        names = schema["type"]
        names = names if isinstance(names, list) else [names]
        tests = [TYPES[name] for name in names]

        def check(value, place=""):
            if not any(test(value) for test in tests):
                raise Wrong("%s: %r is no %s" % (place, value, " or ".join(names)))
        return check

    def _enum(self, schema, closed):
        def check(value, place=""):
            if not any(same(value, each) for each in schema["enum"]):
                raise Wrong("%s: %r is none of %s" % (place, value, schema["enum"]))
        return check

    def _const(self, schema, closed):
        def check(value, place=""):
            if not same(value, schema["const"]):
                raise Wrong("%s: %r is not %r" % (place, value, schema["const"]))
        return check

    def _properties(self, schema, closed):
        # beside a $ref they only narrow what that says
        closed = closed and "$ref" not in schema
        made = {name: self.compile(each, closed)
                for name, each in schema["properties"].items()}

        def check(value, place=""):
            if isinstance(value, dict):
                for name, each in made.items():
                    if name in value:
                        each(value[name], "%s.%s" % (place, name))
        return check

    def _closed(self, schema):
        names = set(schema["properties"])

        def check(value, place=""):
            if isinstance(value, dict) and not names.issuperset(value):
                raise Wrong("%s: members that nobody described: %s"
                            % (place, sorted(set(value) - names)))
        return check

    def _additionalProperties(self, schema, closed):
        rest = schema["additionalProperties"]
        names = set(schema.get("properties", ()))
        if rest is True:
            return lambda value, place="": None
        if rest is False:
            return self._closed({"properties": names})
        each = self.compile(rest, closed)

        def check(value, place=""):
            if isinstance(value, dict):
                for name in set(value) - names:
                    each(value[name], "%s.%s" % (place, name))
        return check

    def _required(self, schema, closed):
        def check(value, place=""):
            for name in schema["required"]:
                if isinstance(value, dict) and name not in value:
                    raise Wrong("%s: has no %s" % (place, name))
        return check

    def _items(self, schema, closed):
        each = self.compile(schema["items"], closed)

        def check(value, place=""):
            if isinstance(value, list):
                for n, item in enumerate(value):
                    each(item, "%s[%d]" % (place, n))
        return check

    def _bound(word, kind, holds):
        def make(self, schema, closed):
            bound = schema[word]

            def check(value, place=""):
                if isinstance(value, kind) and not isinstance(value, bool) and \
                        not holds(value, bound):
                    raise Wrong("%s: %.100r: %s is %s" % (place, value, word, bound))
            return check
        return make

    _minimum = _bound("minimum", (int, float), lambda v, b: v >= b)
    _maximum = _bound("maximum", (int, float), lambda v, b: v <= b)
    _minLength = _bound("minLength", str, lambda v, b: len(v) >= b)
    _maxLength = _bound("maxLength", str, lambda v, b: len(v) <= b)
    _minItems = _bound("minItems", list, lambda v, b: len(v) >= b)
    _maxItems = _bound("maxItems", list, lambda v, b: len(v) <= b)
    _pattern = _bound("pattern", str, lambda v, b: re.search(b, v))

    @staticmethod
    def _time(value, place=""):
        if isinstance(value, str) and not is_time(value):
            raise Wrong("%s: %r is no time" % (place, value))

    def _some(word, holds):
        def make(self, schema, closed):
            each = [self.compile(one, closed) for one in schema[word]]

            def check(value, place=""):
                faults = [f for f in (fault(one, value, place) for one in each) if f]
                if not holds(len(each) - len(faults), len(each)):
                    raise Wrong("%s: %s" % (word, "; ".join(map(str, faults))))
            return check
        return make

    _allOf = _some("allOf", lambda fit, n: fit == n)
    _anyOf = _some("anyOf", lambda fit, n: fit > 0)
    _oneOf = _some("oneOf", lambda fit, n: fit == 1)

    def _not(self, schema, closed):
        inner = self.compile(schema["not"], closed)

        def check(value, place=""):
            if fault(inner, value, place) is None:
                raise Wrong("%s: %r is what it must not be" % (place, value))
        return check


def fault(check, value, place=""):
    try:
        check(value, place)
    except Wrong as wrong:
        return wrong
    return None
