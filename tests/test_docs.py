"""What the guides show works: plugins load and contribute, suites are valid, links lead
somewhere.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from clbench.host import Host
from clbench.options import Option
from clbench.suite import describe_protocol

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
FILE = re.compile(r"<!-- file: (?P<name>\S+) -->\n```\w+\n(?P<text>.*?)```", re.DOTALL)
SCRIPT = re.compile(FILE.pattern.replace("file:", "script:"), re.DOTALL)
LINK = re.compile(r"\[[^]]+\]\((?!https?:)([^)#]+)[^)]*\)")


def files_of(page: Path) -> dict[str, str]:
    return {found["name"]: found["text"] for found in FILE.finditer(page.read_text())}


def written(page: Path, folder: Path) -> list[Path]:
    for name, text in files_of(page).items():
        (folder / name).write_text(text)
    return [folder / name for name in files_of(page)]


with_files = pytest.mark.parametrize(
    "page", [page for page in PAGES if files_of(page)], ids=lambda page: page.name
)


@with_files
def test_its_plugins_load_and_contribute(page: Path, tmp_path: Path) -> None:
    plugins = [path for path in written(page, tmp_path) if path.suffix == ".py"]
    host = Host.load(plugins, entry_points=False)
    assert host.warnings == []
    assert [info.error for info in host.plugins if info.error] == []
    assert all(info.contributes or info.hooks for info in host.plugins)


@with_files
def test_its_suites_are_valid(page: Path, project) -> None:
    for path in written(page, project.folder):
        if path.suffix == ".yaml":
            answer = project.clbench("validate", path)
            assert (answer.code, answer.stderr) == (0, "")


def test_its_script_runs(tmp_path: Path) -> None:
    (found,) = SCRIPT.finditer((ROOT / "docs" / "python.md").read_text())
    script = tmp_path / found["name"]
    script.write_text(found["text"])
    command = [sys.executable, script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "average_accuracy" in done.stdout
    assert (tmp_path / "results" / "pull" / "pull.h5").exists()
    assert (tmp_path / "accuracy.svg").exists()


@pytest.mark.slow
def test_the_guides_plugins_train(project) -> None:
    plugins = written(ROOT / "docs" / "plugins.md", project.folder)
    project.write(
        "all.yaml",
        f"""
        name: all
        scenarios: [one_class_a_task: {{dataset: {{stripes: {{samples: 40}}}}}}]
        protocol: {{model: {{tiny: {{width: 16}}}}}}
        seeds: 2
        strategies: [naive, anchor, nearest_mean, recentred, tune_on_memory]
        metrics: [average_accuracy, final_spread]
        plugins: [{", ".join(path.name for path in plugins)}]
        """,
    )
    answer = project.clbench("run", "all.yaml", "--quiet")
    assert (answer.code, answer.stderr) == (0, "")
    assert "all: 10 done, 0 failed" in answer.stdout


@pytest.mark.parametrize("key", describe_protocol(), ids=lambda key: key.name)
def test_the_suite_guide_shows_every_key_of_the_protocol(key: Option) -> None:
    default = json.dumps(key.default).replace('"', "")
    assert (
        f"- **`{key.name}`** ({key.type}; default `{default}`): {key.doc}\n"
        in (ROOT / "docs" / "suites.md").read_text()
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_its_links_lead_somewhere(page: Path) -> None:
    missing = [
        target for target in LINK.findall(page.read_text()) if not (page.parent / target).exists()
    ]
    assert missing == []


def test_the_architecture_names_files_that_are_there() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    files = set(re.findall(r"`((?:\w+/)*\w+\.py)`", text))
    here = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("*/**/*.py")}
    # A path is given from the package's folder, or from a room that the line before names.
    ends = tuple(f"/{path}" for path in here)
    missing = []
    for file in files:
        if not any(path.endswith(f"/{file}") for path in ends):
            missing.append(file)
    assert files
    assert missing == []
