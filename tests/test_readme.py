"""The README is true: its Python runs, its commands and files exist, and what it calls the plugin is its name."""

from __future__ import annotations

import ast
import inspect
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from npe2 import PluginManifest

import napari_connectome as nc
from napari_connectome.core.phantom import resting_group
from napari_connectome.io.confounds import choose_columns

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
REPOSITORY = "https://github.com/napari-connectome/napari-connectome/blob/main/"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCKS = re.findall(r"^```python\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def test_readme_shows_python() -> None:
    assert BLOCKS


@pytest.mark.parametrize("block", BLOCKS)
def test_names_in_the_python_of_the_readme_exist(block: str) -> None:
    """Also of what is learned for seconds, and is run every night."""
    for node in ast.walk(ast.parse(block)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "nc":
            assert hasattr(nc, node.attr), node.attr
        if isinstance(node, ast.Call) and (kind := getattr(nc, getattr(node.func, "attr", ""), None)):
            named = {keyword.arg for keyword in node.keywords if keyword.arg}
            assert named <= set(inspect.signature(kind).parameters), ast.unparse(node)


@pytest.mark.parametrize(
    "block", [pytest.param(block, marks=pytest.mark.nightly if "learn_networks" in block else ()) for block in BLOCKS]
)
def test_python_of_the_readme_runs(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found_again: Any) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "README.md", "exec"), made := {"__name__": "__main__"})
    if "networks" in made:  # of phantoms, whose networks are known
        r = found_again(made["networks"], [subject.networks for subject in resting_group(n_subjects=len(made["runs"]))])
        assert min(r.values()) >= 0.9, r
    for file in re.findall(r"save\(.*?\"(.*?)\"\)", block):
        assert (tmp_path / file).stat().st_size > 400, f"{file} was to be written"


@pytest.mark.nightly
def test_the_walk_through_the_six_phantoms_finds_their_networks(found_again: Any, group: list[Any]) -> None:
    """With the numbers that the page says, and all else as the window has it."""
    ((number, sparsity),) = re.findall(r"\*(\d+)\* networks and a sparsity of \*([\d.]+)\*", README)
    runs = [each.run.replace(confounds=choose_columns(each.run.confounds, "simple")) for each in group]
    networks = nc.learn_networks(runs, nc.Networks(n_components=int(number), alpha=float(sparsity)))
    r = found_again(networks, [each.networks for each in group])
    assert min(r.values()) >= 0.9, r
    assert not networks.provenance["notices"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets_exist(page: Path) -> None:
    targets = re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    named = re.findall(r"`make ([a-z0-9-]+)|^make ([a-z0-9-]+)", page.read_text(), flags=re.MULTILINE)
    assert {a or b for a, b in named} <= set(targets)


def test_make_understands_its_targets() -> None:
    if shutil.which("make") is None:
        pytest.skip("make is not installed here")
    targets = ("test", "test-all", "test-pyside6", "check", "bench", "demo")
    done = subprocess.run(["make", "--dry-run", *targets], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", page.read_text())
    files = [page.parent / link for link in links if "://" not in link]
    files += [ROOT / link.removeprefix(REPOSITORY) for link in links if link.startswith(REPOSITORY)]
    assert not [file for file in files if not file.exists()]


def test_links_of_the_readme_work_on_the_package_index() -> None:
    """There and on the napari hub, only absolute addresses lead anywhere."""
    assert not [link for link in re.findall(r"\]\(([^)]+)", README) if "://" not in link and not link.startswith("#")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_names_in_the_pages_exist(page: Path) -> None:
    """What is written as `module.name` of the package, or as a path, is there."""
    for path in re.findall(r"`((?:core|analyses|io|layers|widgets|tests|docs)/[\w/]+\.(?:py|md))`", page.read_text()):
        assert (ROOT / path).exists() or (ROOT / "napari_connectome" / path).exists(), path
    for module, name in re.findall(r"`(core\.\w+|analyses\.\w+)\.(\w+)`", page.read_text()):
        source = (ROOT / "napari_connectome" / f"{module.replace('.', '/')}.py").read_text()
        assert re.search(rf"^(def|class) {name}\b", source, flags=re.MULTILINE), f"{module}.{name}"


def test_readme_calls_things_by_their_names() -> None:
    manifest = PluginManifest.from_file(ROOT / "napari_connectome" / "napari.yaml")
    assert f'plugin="{manifest.name}"' in README
    assert f"Plugins > {manifest.display_name}" in README
    widgets = {widget.display_name for widget in manifest.contributions.widgets or ()}
    shown = set(re.findall(r"^- \*\*(.+?)\*\*:", README, flags=re.MULTILINE))
    assert shown == widgets
    for title in re.findall(r"command \*(.+?)\*", README):
        assert title in {command.title for command in manifest.contributions.commands or ()}


def test_example_in_adding_an_analysis_works(phantom: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "docs" / "adding-an-analysis.md").read_text()
    (block,) = re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    path = tmp_path / "variability_of_the_docs.py"
    path.write_text(block)
    monkeypatch.syspath_prepend(tmp_path)
    import variability_of_the_docs as module

    run, mask = phantom.run.replace(confounds=None), phantom.mask
    volume = module.variability(run, mask)
    assert volume.data.shape == run.grid.shape
    assert (volume.data[~mask.data] == 0).all()
    assert volume.data[mask.data].min() > 0
