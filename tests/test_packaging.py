"""What is shipped is what was meant: sdist, wheel, manifest, metadata, and imports that stay light."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import textwrap
import tomllib
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path
from typing import Any

import pytest

import napari_connectome

ROOT = Path(__file__).resolve().parents[1]
MANIFEST = ROOT / "napari_connectome" / "napari.yaml"
SHIPPED = ("napari_connectome", "pyproject.toml", "README.md", "LICENSE", "napari.yaml", "MANIFEST.in")
SOURCES = ("CHANGELOG.md", "CONTRIBUTING.md", "Makefile", "benchmarks", "docs", "examples", "tests", "tools")
"""What the sdist holds beside what is installed, so that it can be tested and changed."""
LIGHT = ("core", "analyses", "io", "layers")
PALETTE_ONLY = {"napari-connectome.make_default_reader"}


def run(*command: str | Path, cwd: Path | None = None, **environment: str) -> str:
    """Run a command and return what it prints; fail with all of it when the command fails."""
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=os.environ | environment, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def python(code: str, **environment: str) -> str:
    """Run code in a fresh interpreter."""
    return run(sys.executable, "-c", code, **environment)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The sdist, and the wheel made from that sdist; without the network, and without leaving anything in the source tree."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in (*SHIPPED, *SOURCES):
        here = ROOT / name
        if here.is_dir():
            shutil.copytree(here, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(here, source / name, follow_symlinks=False)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, source)
    (sdist,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="module")
def metadata(built: tuple[Path, Path]) -> Message:
    with zipfile.ZipFile(built[1]) as wheel:
        (name,) = [n for n in wheel.namelist() if n.endswith(".dist-info/METADATA")]
        return Parser().parsestr(wheel.read(name).decode())


def test_wheel_holds_the_package_and_nothing_else(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[1]) as wheel:
        names = set(wheel.namelist())
        entry_points = next(wheel.read(n).decode() for n in names if n.endswith("entry_points.txt"))
    files = {str(p.relative_to(ROOT)) for p in (ROOT / "napari_connectome").rglob("*.py")}
    assert files | {"napari_connectome/napari.yaml", "napari_connectome/py.typed"} <= names
    assert {name.split("/")[0] for name in names} == {
        "napari_connectome",
        f"napari_connectome-{napari_connectome.__version__}.dist-info",
    }
    assert re.search(r"\[napari\.manifest\]\s+napari-connectome = napari_connectome:napari\.yaml", entry_points)


def test_sdist_carries_manifest_licence_and_readme(built: tuple[Path, Path]) -> None:
    with tarfile.open(built[0]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {"LICENSE", "README.md", "pyproject.toml", "napari_connectome/napari.yaml", "napari_connectome/py.typed"} <= names
    assert {name for name in SOURCES if (ROOT / name).is_file()} <= names
    for folder in (ROOT / name for name in SOURCES if (ROOT / name).is_dir()):
        assert {str(path.relative_to(ROOT)) for path in folder.rglob("*.py")} <= names
    assert not [name for name in names if name.endswith(".pyc")]


def test_metadata_is_what_the_hub_needs(metadata: Message) -> None:
    assert metadata["Name"] == "napari-connectome"
    assert metadata["Version"] == napari_connectome.__version__
    assert len(metadata["Summary"]) > 30
    assert metadata["License-Expression"] == "BSD-3-Clause"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert "# napari-connectome" in str(metadata.get_payload())
    assert "Framework :: napari" in metadata.get_all("Classifier", [])
    labels = {url.split(",")[0] for url in metadata.get_all("Project-URL", [])}
    assert {"Homepage", "Source", "Bug Tracker", "Documentation"} <= labels


def test_base_dependencies_bring_no_qt_binding_and_no_bundle(metadata: Message) -> None:
    requirements = metadata.get_all("Requires-Dist", [])
    base = [r for r in requirements if "extra ==" not in r]
    names = {re.split(r"[^\w.-]", r)[0].lower() for r in base}
    assert {"napari", "npe2", "nibabel", "numpy", "scipy", "scikit-learn", "pandas"} <= names
    assert not names & {"pyqt5", "pyqt6", "pyside2", "pyside6", "nilearn", "matplotlib", "dask", "distributed"}
    assert not [r for r in base if re.match(r"napari\s*\[", r)], "napari's extras belong in our extras"
    assert {"all", "pyqt6", "pyside6", "datasets"} <= set(metadata.get_all("Provides-Extra", []))


def test_top_level_manifest_is_the_packaged_one() -> None:
    top = ROOT / "napari.yaml"
    if not top.is_symlink() and top.stat().st_size < 100:
        pytest.skip("this checkout has no symbolic links: the top-level manifest is the text of the link")
    assert top.read_bytes() == MANIFEST.read_bytes()


def test_npe2_accepts_the_manifest_and_every_target_exists() -> None:
    from npe2 import PluginManifest

    manifest = PluginManifest.from_file(MANIFEST)
    manifest.validate_imports()
    assert manifest.name == "napari-connectome"
    assert manifest.display_name == "Connectome"


def test_every_command_is_contributed_somewhere() -> None:
    """A command that nothing refers to is found only in the command palette: forgotten, unless it is listed above."""
    from npe2 import PluginManifest

    contributions = PluginManifest.from_file(MANIFEST).contributions
    offered = {
        c.command for c in (*(contributions.readers or ()), *(contributions.writers or ()), *(contributions.widgets or ()))
    }
    offered |= {c.command for c in contributions.sample_data or () if hasattr(c, "command")}
    offered |= {item.command for menu in (contributions.menus or {}).values() for item in menu if hasattr(item, "command")}
    commands = {c.id for c in contributions.commands or ()}
    assert offered == commands - PALETTE_ONLY, "commands and what refers to them differ"


def test_installed_wheel_is_discovered_by_npe2_and_imports_nothing_heavy(built: tuple[Path, Path], tmp_path: Path) -> None:
    """A plugin manager that never saw the source tree finds the plugin in the wheel, without importing it."""
    run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", tmp_path, built[1])
    code = """
        import sys
        from importlib.metadata import distribution
        from npe2 import PluginManager
        manager = PluginManager()
        manager.discover()
        manifest = manager.get_manifest("napari-connectome")
        print(distribution("napari-connectome").locate_file(""))
        print(manifest.display_name, manifest.package_version)
        print("napari_connectome" in sys.modules)
        import napari_connectome
        print(napari_connectome.__file__)
    """
    # -P and a directory elsewhere: neither the source tree nor its egg-info may be what is found.
    said = run(sys.executable, "-P", "-c", textwrap.dedent(code), cwd=tmp_path, PYTHONPATH=str(tmp_path)).splitlines()
    assert Path(said[0]) == tmp_path
    assert said[1:3] == [f"Connectome {napari_connectome.__version__}", "False"]
    assert Path(said[3]).is_relative_to(tmp_path)


@pytest.mark.nightly
def test_npe2_validates_the_installed_wheel(built: tuple[Path, Path], tmp_path: Path) -> None:
    run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", tmp_path, built[1])
    code = """
        from npe2.cli import main
        main()
    """
    said = run(
        sys.executable,
        "-P",
        "-c",
        textwrap.dedent(code),
        "validate",
        "--imports",
        "napari-connectome",
        cwd=tmp_path,
        PYTHONPATH=str(tmp_path),
    )
    assert "valid" in said


def test_import_is_light_and_every_public_name_resolves() -> None:
    code = """
        import sys
        import napari_connectome as nc
        heavy = {"napari", "qtpy", "PyQt6", "PySide6", "sklearn", "scipy", "pandas", "numpy", "nibabel", "magicgui", "nilearn"}
        assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()
        for name in nc.__all__:
            getattr(nc, name)
        assert set(nc.__all__) <= set(dir(nc))
        heavy = {"napari", "qtpy", "PyQt6", "PySide6", "sklearn", "magicgui", "nilearn"}
        assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()
    """
    python(textwrap.dedent(code))


def test_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'seedmap'"):
        _ = napari_connectome.seedmap


def test_modules_below_the_widgets_import_without_qt() -> None:
    """Scripts and clusters have no display and no Qt binding; below `layers`, not even napari is needed."""
    names = [_module(path) for part in LIGHT for path in sorted((ROOT / "napari_connectome" / part).glob("*.py"))]
    code = f"""
        import sys
        from importlib import import_module
        bindings = {{"qtpy", "PyQt5", "PyQt6", "PySide2", "PySide6", "superqt", "pyqtgraph", "nilearn"}}
        for name in {names!r}:
            import_module(name)
            found = bindings & sys.modules.keys()
            assert not found, f"{{name}} imports {{found}}"
            assert "napari" not in sys.modules or ".layers." in name + ".", f"{{name}} imports napari"
    """
    python(textwrap.dedent(code))


def test_version_is_written_once_in_pyproject_and_once_in_the_package() -> None:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == napari_connectome.__version__
    assert f"## {project['version']}" in (ROOT / "CHANGELOG.md").read_text()


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
