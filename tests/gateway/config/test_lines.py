import tomllib

import pytest

from gateway.config.lines import line_of, lines

TEXT = '''\
# a comment with [no.table] and key = 1
top = 1

[a]
b.c = "# not a comment"   # but this is
"quoted key" = 2
'lit"eral' = 3
list = [
  1,  # one
  [2, 3],
  { x = 4, y.z = 5 },
]
text = """
[not.a.table]
key = "x" \\""" still
"""
lit = \'\'\'
[nor.this]\'\'\'
[ a . "d.e" ]
f = { g = [ { h = 1 } ], i = 2024-01-01 }
[[t]]
n = 1
[t.u]
v = 1
[[t]]
n = 2
[[t.w]]
z = 1
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 2),
        (("a",), 4),
        (("a", "b"), 5),
        (("a", "b", "c"), 5),
        (("a", "quoted key"), 6),
        (("a", 'lit"eral'), 7),
        (("a", "list", 0), 9),
        (("a", "list", 1, 1), 10),
        (("a", "list", 2, "y", "z"), 11),
        (("a", "text"), 13),
        (("a", "lit"), 17),
        (("a", "d.e"), 19),
        (("a", "d.e", "f", "g", 0, "h"), 20),
        (("a", "d.e", "f", "i"), 20),
        (("t",), 21),
        (("t", 0, "n"), 22),
        (("t", 0, "u", "v"), 24),
        (("t", 1, "n"), 26),
        (("t", 1, "w", 0, "z"), 28),
    ],
)
def test_line(path, line):
    assert lines(TEXT)[path] == line


def paths(value, path=()):
    if path:
        yield path
    for key, inner in (
        value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ())
    ):
        yield from paths(inner, (*path, key))


def test_every_path_that_tomllib_sees_has_a_line_and_no_other():
    assert set(lines(TEXT)) == set(paths(tomllib.loads(TEXT)))


def test_a_missing_key_is_at_the_table_above_it():
    places = lines(TEXT)
    assert line_of(places, ("a", "d.e", "nothing")) == 19
    assert line_of(places, ("nowhere", "x")) == 0


def test_windows_line_ends():
    assert lines("[a]\r\nb = 1\r\nc = 'x'\r\n") == {("a",): 1, ("a", "b"): 2, ("a", "c"): 3}
