"""From the node's Render on farm through the core's program and openjd to the pictures of the Write nodes below it.

Only `nuke` is the tests' strict fake, here and on the farm's host.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import qt_app
from comp import PLUGIN, Comp, make_comp
from deadline_keys import read_info

from stcolor_core.images import plates

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="the core's Python and Nuke are shell scripts here"),
]
RENDER = PLUGIN.parent / "tests" / "nuke" / "render_program.py"


@pytest.fixture(autouse=True)
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The core's Python, with this checkout, and Nuke, with the plug-in."""
    for name, arguments in (("python", ""), ("Nuke15.1", f'"{RENDER}" ')):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments}"$@"\n', encoding="utf-8")
        program.chmod(0o755)
    monkeypatch.setenv("STCOLOR_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("STCOLOR_PYTHON", str(tmp_path / "python"))
    monkeypatch.setenv("NUKE_PATH", str(PLUGIN))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("OCIO", raising=False)
    return tmp_path


@pytest.fixture
def comp(nuke: Any, tmp_path: Path) -> Comp:
    """A script of the small shot, with a Write below the node."""
    made = make_comp(nuke, tmp_path / "show")
    (made.folder / "final").mkdir()
    file = (made.folder / "final/shot.####.exr").as_posix()
    nuke.nodes.Write(file=file, file_type="exr", inputs=[made.node], name="Final")
    return made


def openjd(*arguments: str) -> str:
    """Run `openjd`, which must succeed, and return its output."""
    done = subprocess.run([sys.executable, "-m", "openjd", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run(bundle: Path, script: Path, *options: str) -> str:
    """Run the whole job, as one host does."""
    whole = ("--step", "Nuke", "--run-dependencies", "-p", f"NukeScript={script}")
    return openjd("run", str(bundle / "template.yaml"), *whole, *options)


def saturation(folder: Path) -> list[float]:
    """Return the mean chroma of each frame in a folder, in order."""
    pictures = [plates.rgb(plates.read(path)) for path in sorted(folder.glob("shot.*.exr"))]
    return [float(picture.std(axis=-1).mean()) for picture in pictures]


def test_the_farm_colours_and_renders_the_shot_of_the_node(nuke: Any, comp: Comp, programs: Path) -> None:
    nuke.root().setModified(True)
    from refcolorize.jobs import submit

    sent = submit.submit(comp.node, max_span=1, chunk=2, gpus=0, nuke=str(programs / "Nuke15.1"))
    bundle = comp.results / "v001" / "openjd"
    assert (sent.submitted.path, sent.submitted.tasks, sent.submitted.submitted) == (str(bundle), 4, False)
    report = run(bundle, comp.folder / "comp.nk")
    assert "All 6 frames are there" in report
    assert comp.frames("v001") == list(range(1001, 1007))
    assert len(saturation(comp.folder / "final")) == 6
    assert min(saturation(comp.folder / "final")) > 0.02, "the Write has the colour, in every frame"
    assert not comp.leftovers()

    import fakenuke

    shown = fakenuke.rendering.image(comp.node, 1003)
    rgb = np.stack([shown[f"rgba.{name}"] for name in ("red", "green", "blue")], axis=-1)
    written = plates.rgb(plates.read(comp.folder / "final/shot.1003.exr"))
    np.testing.assert_array_equal(rgb.astype(np.float16), written.astype(np.float16))


def test_a_host_with_other_paths_finds_all_files_of_the_show(comp: Comp, programs: Path) -> None:
    from refcolorize.jobs import submit

    submit.submit(comp.node, gpus=0, nuke=str(programs / "Nuke15.1"))
    comp.folder.rename(programs / "host")
    rule = {"source_path_format": "POSIX", "source_path": str(comp.folder), "destination_path": str(programs / "host")}
    rules = json.dumps({"version": "pathmapping-1.0", "path_mapping_rules": [rule]})
    bundle = programs / "host" / comp.results.relative_to(comp.folder) / "v001" / "openjd"
    run(bundle, programs / "host" / "comp.nk", "--path-mapping-rules", rules)
    assert min(saturation(programs / "host" / "final")) > 0.02
    assert len(saturation(programs / "host" / "final")) == 6
    assert not comp.folder.exists()


def test_deadline_gets_the_queue_options_and_a_job_for_the_write(comp: Comp) -> None:
    from refcolorize.jobs import submit

    submit.submit(comp.node, engine="deadline", pool="film", group="gpu", priority=70, handles=2, submit=False)
    folder = comp.results / "v001" / "deadline"
    color = read_info((folder / "2_colour.job_info").read_text(encoding="utf-8"))
    assert (color["Pool"], color["Group"], color["Priority"]) == ("film", "gpu", "70")
    assert color["BatchName"] == "comp RefColorize1 v001"
    plugin = read_info((folder / "4_nuke.plugin_info").read_text(encoding="utf-8"))
    assert (plugin["SceneFile"], plugin["WriteNode"]) == (str(comp.folder / "comp.nk"), "Final")
    render = read_info((folder / "4_nuke.job_info").read_text(encoding="utf-8"))
    assert (render["IsFrameDependent"], render["FrameDependencyOffsetStart"]) == ("true", "-2")


@pytest.mark.gui
def test_with_a_gui_a_refusal_by_the_core_is_shown_in_one_line(
    comp: Comp, nuke_session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    from refcolorize.jobs import submit

    sent = submit.submit(comp.node, engine="deadline-cloud")
    pump: Callable[..., Any] = nuke_session.main_thread.pump
    pump(until=lambda: sent.ended)
    assert str(sent.error).startswith("Deadline Cloud: deadline is not on PATH, so nothing was submitted.")
    assert comp.node["status"].value() == str(sent.error)


@pytest.mark.gui
@pytest.mark.parametrize("width", [440, 300])
def test_the_dialog_shows_the_path_of_the_job(comp: Comp, tmp_path: Path, width: int) -> None:
    qt_app.application()
    comp.node["farm"].execute()
    from refcolorize.panel import farm_dialog

    (dialog,) = farm_dialog._open.values()
    dialog.resize(width, 10)
    dialog.submit_button.click()
    qt_app.wait_until(dialog.result_box.isVisible)
    assert dialog.result_box.title.text() == "OpenJD bundle: 2 tasks written, not submitted"
    assert "2 tasks for the frames 1001-1006" in dialog.result_box.message.text()
    assert (Path(dialog.result_box.path.text()) / "template.yaml").is_file()
    assert dialog.width() == width
    assert dialog.grab().save(str(tmp_path / f"found_{width}.png"))
    dialog.close()


def test_a_broken_plate_makes_no_job(comp: Comp) -> None:
    from refcolorize.errors import RefColorizeError
    from refcolorize.jobs import submit

    (comp.folder / "plate.1003.exr").write_bytes(b"no picture")
    with pytest.raises(RefColorizeError, match=r"^OpenJD bundle: .*1003"):
        submit.submit(comp.node)
    assert not (comp.results / "v001" / "openjd").exists()
