"""Adding and removing packages in a header, a pixi.toml, an environment.yml: what people wrote beside stays."""

from __future__ import annotations

import pytest
import yaml

from clients.daemon.environments.edits import in_environment_yml, in_header, in_pixi
from clients.daemon.environments.errors import EnvironmentFailed
from notebook_doc.script_header import header_of

HEADER = """\
# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "Pandas>=2",  # frames
#   "numpy",
# ]
#
# [tool.uv]
# no-index = true
# ///"""
YML = """\
# for the study
channels: [conda-forge]
dependencies:
  - python=3.12   # as on the cluster
  - pandas  # frames
  - pip:
    - tiny   # ours
    - odd[x]
"""
PIXI = """\
[workspace]
channels = ["conda-forge"]

[dependencies]
# as on the cluster
python = "3.12.*"
pandas = { version = ">=2", channel = "conda-forge" }

[pypi-dependencies]
tiny = "*"

[tasks]
run = "python x.py"
"""


def test_a_header_keeps_what_people_wrote_beside_its_list() -> None:
    source = f"# a note\n{HEADER}\nimport pandas\n"
    assert header_of(source) == HEADER
    assert in_header(HEADER, ["scipy>=1", "numpy>2"], []) == HEADER.replace(
        '#   "numpy",\n', '#   "numpy>2",\n#   "scipy>=1",\n'
    )
    assert in_header(HEADER, [], ["numpy"]) == HEADER.replace('#   "numpy",\n', "")
    assert '"Pandas>=2",  # frames' in in_header(HEADER, ["scipy"], ["numpy"])


def test_a_header_without_a_list_gets_one_before_its_tables() -> None:
    header = "# /// script\n# [tool.uv]\n# no-index = true\n# ///"
    assert in_header(header, ["a"], []) == header.replace("# [tool", '# dependencies = ["a"]\n# [tool')
    assert in_header("# /// script\n# dependencies = []\n# ///", ["a", "b"], []).count('["a", "b"]') == 1


def test_an_environment_yml_keeps_its_comments_and_its_order() -> None:
    assert in_environment_yml(YML, ["scipy>=1", "tiny==2"], ["pandas", "odd"]) == (
        YML.replace("  - pandas  # frames\n", "  - scipy>=1\n")
        .replace("tiny ", "tiny==2 ")
        .replace("    - odd[x]\n", "")
    )


@pytest.mark.parametrize(
    ("before", "add", "remove", "after"),
    [
        ("dependencies: [python=3.12, pandas, {pip: [tiny]}]", ["a>1"], ["pandas"], ["python=3.12", "a>1"]),
        ("dependencies: [a, b]", [], ["b"], ["a"]),
        ("dependencies: [a, b]", [], ["a"], ["b"]),
        ("dependencies: []", ["a[x,y]", "b"], [], ["a[x,y]", "b"]),
        ("dependencies:\n- a", ["b"], [], ["a", "b"]),
        ("dependencies:\n- pip:\n  - tiny\n", ["a"], [], ["a"]),
        ("dependencies:\r\n- a\r\n- b\r\n", ["c"], ["a"], ["b", "c"]),
    ],
)
def test_every_way_to_write_the_list_is_changed_in_its_own_way(
    before: str, add: list[str], remove: list[str], after: list[str]
) -> None:
    changed = in_environment_yml(before, add, remove)
    assert [one for one in yaml.safe_load(changed)["dependencies"] if isinstance(one, str)] == after
    assert ("[" in before) == ("[" in changed)
    assert before.count("\r") == changed.count("\r")


def test_a_pixi_toml_keeps_tables_comments_and_what_is_said_of_a_package() -> None:
    changed = in_pixi(PIXI, ["numpy>=2", "pandas 3.*", "tiny==2"], [])
    expected = PIXI.replace('">=2"', '"3.*"').replace('tiny = "*"', 'tiny = "==2"')
    assert changed == expected.replace('channel = "conda-forge" }\n', 'channel = "conda-forge" }\nnumpy = ">=2"\n')
    assert in_pixi(changed, [], ["numpy"]) == expected
    assert 'numpy = "*"' in in_pixi('[workspace]\nchannels = ["a"]\n', ["numpy"], [])


def test_the_pixi_table_of_a_pyproject_is_changed_and_the_rest_of_it_is_not() -> None:
    before = (
        '[project]\nname = "p"  # ours\n\n[tool.pixi.workspace]\nchannels = ["a"]\n\n'
        '[tool.pixi.dependencies]\na = "*"\n\n[tool.x]\ny = 1\n'
    )
    assert in_pixi(before, ["b>1"], [], ("tool", "pixi")) == before.replace('a = "*"\n', 'a = "*"\nb = ">1"\n')


def test_what_pixi_writes_another_way_is_left_to_people() -> None:
    with pytest.raises(EnvironmentFailed, match="more than a name and a version"):
        in_pixi(PIXI, ["conda-forge::gdal"], [])
    with pytest.raises(EnvironmentFailed, match="not declared in the lists"):
        in_pixi(PIXI, [], ["gdal"])
    with pytest.raises(EnvironmentFailed, match="no list of dependencies"):
        in_environment_yml("name: x", ["a"], [])
