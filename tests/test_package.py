"""The distribution is held to what it declares: links, markers, data files, adapters of a frozen build, names.

`.ci/package` builds it, installs it and freezes it for real; `.ci/lowest` installs every floor.
"""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from adapters.registry import BUILT_IN, GROUP
from console.__pyinstaller import ADAPTERS, PACKAGES, adapter_distributions, adapter_modules, hook_folders

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
LINK = re.compile(r"\]\(([^)]*)\)")


def _index_page() -> str:
    """The README as an index shows it."""
    hook = PYPROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]
    text = "".join((ROOT / fragment["path"]).read_text(encoding="utf-8") for fragment in hook["fragments"])
    for substitution in hook["substitutions"]:
        text = re.sub(substitution["pattern"], substitution["replacement"], text)
    return text


def _modules() -> list[Path]:
    return sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))


def test_every_link_of_the_index_page_is_absolute() -> None:
    links = LINK.findall(_index_page())
    assert links
    assert [link for link in links if not link.startswith("https://")] == []


def test_links_of_the_index_page_lead_to_files_of_this_tree() -> None:
    home = PROJECT["urls"]["Homepage"]
    raw = home.replace("https://github.com/", "https://raw.githubusercontent.com/") + "/main/"
    links = [*LINK.findall(_index_page()), *PROJECT["urls"].values()]
    for prefix in (f"{home}/blob/main/", f"{home}/tree/main/", raw):
        files = [link.removeprefix(prefix).split("#")[0] for link in links if link.startswith(prefix)]
        assert files
        assert [name for name in files if not (ROOT / name).exists()] == []


def test_pictures_of_the_index_page_are_files_and_no_web_pages() -> None:
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]*)\)", _index_page())
    assert pictures
    assert all(picture.startswith("https://raw.githubusercontent.com/") for picture in pictures)


def test_the_project_names_its_pages() -> None:
    assert {"Homepage", "Changelog", "Issues", "Documentation"} <= set(PROJECT["urls"])


def test_the_classifiers_begin_with_the_python_that_is_required() -> None:
    prefix = "Programming Language :: Python :: "
    versions = [name.removeprefix(prefix) for name in PROJECT["classifiers"] if name.startswith(prefix)]
    assert f">={versions[0]}" == PROJECT["requires-python"]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_typed_package_carries_its_marker(package: str) -> None:
    assert "Typing :: Typed" in PROJECT["classifiers"]
    assert (ROOT / package / "py.typed").is_file()


def test_every_requirement_has_a_floor() -> None:
    requirements = [*PROJECT["dependencies"], *PYPROJECT["build-system"]["requires"]]
    requirements += [line for extra in PROJECT["optional-dependencies"].values() for line in extra]
    assert [line for line in requirements if not re.match(r"[\w.-]+(\[\w+\])?>=\d", line)] == []


def test_python_dash_m_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "console", "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: warroom ")


def test_a_frozen_build_collects_the_packages_of_the_wheel() -> None:
    assert sorted(PACKAGES) == sorted(PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
    assert {name.split(".")[0] for name in BUILT_IN.values()} <= set(PACKAGES)
    assert ADAPTERS == GROUP


def test_the_entry_point_leads_a_freezer_to_the_hook() -> None:
    module, _, function = PROJECT["entry-points"]["pyinstaller40"]["hook-dirs"].partition(":")
    assert getattr(importlib.import_module(module), function)() == hook_folders()
    assert (Path(hook_folders()[0]) / "hook-console.py").is_file()


def test_a_frozen_build_collects_the_adapters_of_other_distributions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "their_adapter-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-adapter\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\ntheirs = their_adapter.backend\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "their_adapter.backend" in adapter_modules()
    assert "their-adapter" in adapter_distributions()


def test_no_package_exports_a_name_over_a_module_of_its_own() -> None:
    hidden = []
    for file in _modules():
        if file.name != "__init__.py":
            continue
        modules = {entry.stem for entry in file.parent.iterdir() if entry.suffix == ".py" or entry.is_dir()}
        package = ".".join(file.parent.relative_to(ROOT).parts)
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            for name, origin in _bindings(node):
                if name in modules and origin != package:
                    hidden.append(f"{package}: {name}")
    assert hidden == []


def _bindings(node: ast.stmt) -> list[tuple[str, str]]:
    """The names that a statement of a package's `__init__` binds, each with the module it comes from."""
    if isinstance(node, ast.ImportFrom):
        return [(alias.asname or alias.name, node.module or "") for alias in node.names]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [(node.name, "")]
    return []


def test_the_check_of_lowest_versions_runs_tests_that_exist() -> None:
    named = re.findall(r'"(test_\w+\.py)"', (ROOT / ".ci" / "lowest").read_text(encoding="utf-8"))
    assert named
    assert [name for name in named if not (ROOT / "tests" / name).is_file()] == []
