"""Every rule by which the place of a notebook is found, each over a few files in memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from clients.daemon.environments.declared import Dependencies, from_pixi
from clients.daemon.environments.errors import BadDeclaration
from clients.daemon.environments.resolution import Asked, Resolution, resolve

HOME = Path("/home/ada")
HERE = HOME / "work" / "study"
INSTALLED = {"python3": "python", "deno": "typescript", "torch": "python", "ir": "R"}
PYPROJECT = '[project]\nname = "study"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["pandas>2"]\n'
PIXI = '[workspace]\nchannels = ["conda-forge"]\n[dependencies]\npython = "3.12.*"\npandas = ">=2"\n'
ENVIRONMENT_YML = "channels: [conda-forge]\ndependencies: [python=3.12, pandas, {pip: [tiny]}]\n"
HEADER = '# /// script\n# requires-python = ">=3.11"\n# dependencies = [\n#   "Pandas",\n# ]\n# ///\nimport pandas'


class InMemory:
    """A view of files that are not there. `kernels` are the environments that can run one."""

    def __init__(self, files: Mapping[str, str], kernels: tuple[str, ...] = ()) -> None:
        self._files = {Path(name): content.encode() for name, content in files.items()}
        self._kernels = {Path(name) for name in kernels}

    def read(self, path: Path) -> bytes | None:
        return self._files.get(path)

    def exists(self, path: Path) -> bool:
        return path in self._files

    def kernel_python(self, environment: Path) -> Path | None:
        return environment / "bin" / "python" if environment in self._kernels else None


def where(
    files: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    *sources: str,
    kernels: tuple[str, ...] = (),
    pool: Any = None,
) -> Resolution:
    cells = {f"c{number}": source for number, source in enumerate(sources)}
    asked = Asked(metadata=metadata or {}, sources=cells, folder=HERE, kernelspecs=INSTALLED, home=HOME, pool=pool)
    return resolve(asked, InMemory(files or {}, kernels))


def at(name: str, content: str = "", folder: Path = HERE) -> dict[str, str]:
    return {str(folder / name): content}


def test_a_notebook_that_declares_nothing_runs_on_the_installed_python3() -> None:
    found = where()
    assert (found.source, found.kernelspec, found.dependencies) == ("kernelspec", "python3", None)


def test_where_there_is_a_pool_it_gets_a_prewarmed_environment() -> None:
    assert where(pool="uv").source == "uv:prewarmed"
    assert where(pool="conda").source == "conda:prewarmed"


def test_deno_stays_deno_beside_a_project_and_inline_dependencies() -> None:
    metadata = {"kernelspec": {"name": "deno"}, "quire": {"uv": {"dependencies": ["pandas"]}}}
    found = where(at("pyproject.toml", PYPROJECT), metadata)
    assert (found.source, found.kernelspec) == ("deno", "deno")


def test_deno_needs_no_kernelspec() -> None:
    asked = Asked(metadata={"kernelspec": {"name": "deno"}}, folder=HERE, kernelspecs={"python3": "python"})
    assert resolve(asked, InMemory({})).source == "deno"


def test_another_language_runs_on_its_kernelspec() -> None:
    found = where(at("pyproject.toml", PYPROJECT), {"kernelspec": {"name": "ir"}})
    assert (found.source, found.kernelspec) == ("kernelspec", "ir")


def test_a_kernelspec_that_was_chosen_wins_over_what_is_declared() -> None:
    metadata = {"kernelspec": {"name": "torch"}, "quire": {"uv": {"dependencies": ["pandas"]}}}
    assert where(at("pyproject.toml", PYPROJECT), metadata).kernelspec == "torch"


def test_a_kernelspec_that_is_not_here_gives_way_to_what_is_declared() -> None:
    metadata = {"kernelspec": {"name": "gone"}, "quire": {"uv": {"dependencies": ["pandas"]}}}
    assert where({}, metadata).source == "uv:inline"
    assert where({}, {"kernelspec": {"name": "gone"}}).kernelspec == "gone"  # and its start says what is missing


def test_a_notebook_may_ask_for_the_installed_kernel() -> None:
    found = where(at("pyproject.toml", PYPROJECT), {"quire": {"environment": "installed"}})
    assert (found.source, found.kernelspec) == ("kernelspec", "python3")


@pytest.mark.parametrize("place", [("quire",), ("runt",), ()])
def test_inline_dependencies_win_over_header_and_project(place: tuple[str, ...]) -> None:
    metadata: dict[str, Any] = {"uv": {"dependencies": ["Pandas >=2"], "requires-python": ">=3.11"}}
    for key in reversed(place):
        metadata = {key: metadata}
    found = where(at("pyproject.toml", PYPROJECT), metadata, HEADER)
    assert (found.source, found.declared_at) == ("uv:inline", (*place, "uv"))
    assert found.dependencies == Dependencies(manager="uv", packages=("pandas>=2",), python=">=3.11")


def test_inline_dependencies_of_conda() -> None:
    found = where({}, {"quire": {"conda": {"dependencies": ["gdal =3.8"], "channels": ["conda-forge"]}}})
    assert found.source == "conda:inline"
    assert found.dependencies == Dependencies(manager="conda", packages=("gdal =3.8",), channels=("conda-forge",))


def test_a_header_in_a_code_cell_wins_over_the_project() -> None:
    found = where(at("pyproject.toml", PYPROJECT), {}, "print(1)", HEADER)
    assert found.source == "uv:pep723"
    assert found.reason == "Declared in the PEP 723 header of code cell 2."
    assert found.dependencies == Dependencies(manager="uv", packages=("pandas",), python=">=3.11")


@pytest.mark.parametrize(
    ("names", "source"),
    [
        (("environment.yml",), "conda:env_yml"),
        (("environment.yml", "pixi.toml"), "conda:pixi"),
        (("environment.yml", "pixi.toml", "pyproject.toml"), "uv:pyproject"),
    ],
)
def test_of_one_folder_pyproject_wins_over_pixi_over_environment_yml(names: tuple[str, ...], source: str) -> None:
    contents = {"environment.yml": ENVIRONMENT_YML, "pixi.toml": PIXI, "pyproject.toml": PYPROJECT}
    found = where({str(HERE / name): contents[name] for name in names})
    assert (found.source, found.path) == (source, HERE / names[-1])


def test_the_closest_folder_wins() -> None:
    found = where(at("pyproject.toml", PYPROJECT, HERE.parent) | at("environment.yml", ENVIRONMENT_YML))
    assert found.source == "conda:env_yml"


def test_a_repository_ends_the_walk() -> None:
    above = at("pyproject.toml", PYPROJECT, HERE.parent)
    assert where(above).source == "uv:pyproject"
    assert where(above | at(".git")).source == "kernelspec"
    assert where(above | at(".git", folder=HERE.parent)).source == "uv:pyproject"


def test_the_home_folder_is_no_project() -> None:
    assert where(at("pyproject.toml", PYPROJECT, HOME)).source == "kernelspec"


def test_a_pyproject_that_only_configures_tools_is_no_project() -> None:
    tools = at("pyproject.toml", "[tool.ruff]\nline-length = 100\n")
    assert where(tools).source == "kernelspec"
    assert where(tools | at("environment.yml", ENVIRONMENT_YML)).source == "conda:env_yml"


def test_a_project_runs_in_its_own_environment_if_that_can_run_a_kernel() -> None:
    files = at("pyproject.toml", PYPROJECT)
    found = where(files, kernels=(str(HERE / ".venv"),))
    assert (found.python, found.dependencies) == (HERE / ".venv" / "bin" / "python", None)
    assert where(files).dependencies is not None


def test_what_conda_files_declare_is_read() -> None:
    pixi, yml = where(at("pixi.toml", PIXI)).dependencies, where(at("environment.yml", ENVIRONMENT_YML)).dependencies
    assert pixi is not None
    assert (pixi.packages, pixi.python) == (("pandas >=2",), "3.12.*")
    assert yml is not None
    assert (yml.packages, yml.python, yml.pip) == (("pandas",), "=3.12", ("tiny",))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("pyproject.toml", "[project\n", "is no TOML"),
        ("pyproject.toml", '[project]\ndependencies = ["??"]', "is no requirement"),
        ("pixi.toml", '[dependencies]\npandas = {git = "https://x"}', "neither a version"),
        ("environment.yml", "dependencies: [", "is no YAML"),
        ("environment.yml", "- pandas", "is no mapping"),
    ],
)
def test_a_broken_project_file_is_said_to_be_broken_not_passed_over(name: str, content: str, said: str) -> None:
    with pytest.raises(BadDeclaration, match=said) as raised:
        where(at(name, content))
    assert str(HERE / name) in str(raised.value)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"dependencies": "pandas"}, "not a list of strings"),
        ({"dependencies": ["a b c"]}, "is no requirement"),
        ({"dependencies": [], "requires-python": "three"}, "no version specifier"),
    ],
)
def test_broken_inline_dependencies_are_said_to_be_broken(told: Any, said: str) -> None:
    with pytest.raises(BadDeclaration, match=said):
        where({}, {"quire": {"uv": told}})


def test_an_option_that_is_not_known_is_refused() -> None:
    header = '# /// script\n# dependencies = ["a"]\n# [tool.uv]\n# workspace = {members = ["b"]}\n# ///\n'
    with pytest.raises(BadDeclaration, match="'workspace' of uv is not known"):
        where({}, {}, header)


def test_where_a_header_takes_packages_from_is_shown_and_counts() -> None:
    header = (
        '# /// script\n# dependencies = ["a"]\n# [tool.uv]\n# sources = {a = {git = "https://x/a", tag = "1"}}\n# ///\n'
    )
    found = where({}, {}, header).dependencies
    assert found is not None
    assert found.options == (("sources", ('"a" = {"git" = "https://x/a", "tag" = "1"}',)),)
    assert found.from_anywhere
    assert found.digest != where({}, {}, header.replace('"1"', '"2"')).dependencies.digest  # type: ignore[union-attr]


def test_pixi_tables_of_this_platform_count_and_those_of_others_do_not() -> None:
    text = PIXI + (
        '[target.unix.dependencies]\nmake = "*"\n[target.linux-64.dependencies]\npandas = ">=3"\n'
        '[target.win.dependencies]\nnotepad = "*"\n[target.osx-arm64.pypi-dependencies]\ntiny = "==1"\n'
    )
    linux = from_pixi(text, "pixi.toml", HERE, "linux-64")
    mac = from_pixi(text, "pixi.toml", HERE, "osx-arm64")
    assert (linux.packages, linux.pip) == (("make", "pandas >=3"), ())
    assert (mac.packages, mac.pip) == (("make", "pandas >=2"), ("tiny==1",))


def test_what_pixi_says_of_a_package_beside_its_version_is_kept_or_refused() -> None:
    text = (
        '[dependencies]\ngdal = {version = "3.*", channel = "x", build = "py*"}\n'
        '[pypi-dependencies]\na = {version = ">1", extras = ["b"]}\n'
    )
    found = from_pixi(text, "pixi.toml", HERE)
    assert (found.packages, found.pip) == (("x::gdal 3.* py*",), ("a[b]>1",))
    with pytest.raises(BadDeclaration, match="gdal is neither a version nor"):
        from_pixi('[dependencies]\ngdal = {version = "3.*", md5 = "x"}\n', "pixi.toml", HERE)


def test_a_pyproject_of_pixi_runs_as_pixi_does_with_the_project_itself() -> None:
    text = PYPROJECT + (
        '[tool.pixi.workspace]\nchannels = ["c"]\n[tool.pixi.dependencies]\npython = "3.12.*"\ngdal = "*"\n'
        '[tool.pixi.pypi-dependencies]\nstudy = {path = ".", editable = true}\n'
    )
    found = where(at("pyproject.toml", text))
    assert (found.source, found.path) == ("conda:pixi", HERE / "pyproject.toml")
    assert found.dependencies == Dependencies(
        manager="conda",
        packages=("gdal",),
        pip=("pandas>2", f"study @ {HERE.as_uri()}"),
        python="3.12.*",
        channels=("c",),
    )


def test_what_means_the_same_has_one_digest_and_what_does_not_has_another() -> None:
    def digest(**told: Any) -> str:
        found = where({}, {"quire": {"uv": told}}).dependencies
        assert found is not None
        return found.digest

    base = digest(dependencies=["Pandas>=2", "py_tiny"])
    assert digest(dependencies=["py-tiny", "pandas >= 2"]) == base
    assert digest(dependencies=["py-tiny", "pandas>=3"]) != base
    assert digest(**{"dependencies": ["Pandas>=2", "py_tiny"], "index-url": "https://elsewhere"}) != base
    assert digest(**{"dependencies": ["Pandas>=2", "py_tiny"], "requires-python": ">=3.12"}) != base
