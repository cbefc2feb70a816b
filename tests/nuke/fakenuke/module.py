"""The module `nuke` of a session, with only the names that a plug-in imports."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from expressions import evaluate, names

from . import (
    animation,
    arrays,
    enumerations,
    executing,
    formats,
    knobs,
    menus,
    nodes,
    script,
    tcl,
    texts,
    vectors,
    views,
)
from .environment import Environment
from .groups import Group, Root
from .interface import panel_class, progress_class
from .layers import layer_class
from .nodes import Node
from .session import Session
from .undo import undo_class

__all__ = ["build"]

REPLACE, REPLACE_VIEWS = 1, 2
_CONSTANTS = (
    (animation, ("HORIZONTAL", "BREAK", "BEFORE_CONST", "BEFORE_LINEAR", "AFTER_CONST", "AFTER_LINEAR")),
    (animation, ("USER_SET_SLOPE", "SMOOTH", "LINEAR", "CONSTANT", "CATMULL_ROM", "CUBIC")),
    (knobs, ("STARTLINE", "ENDLINE", "INVISIBLE", "DISABLED", "READ_ONLY", "DO_NOT_WRITE", "NO_ANIMATION", "NO_UNDO")),
    (knobs, ("ALWAYS_SAVE", "KNOB_CHANGED_RECURSIVE", "NO_MULTIVIEW", "EXPAND_TO_WIDTH", "SAVE_MENU")),
    (nodes, ("INPUTS", "HIDDEN_INPUTS", "EXPRESSIONS", "LINKINPUTS")),
    (script, ("WRITE_ALL", "WRITE_USER_KNOB_DEFS", "WRITE_NON_DEFAULT_ONLY", "TO_SCRIPT", "TO_VALUE")),
)
_KNOBS = (
    {knobs: ("Knob", "Tab_Knob", "Link_Knob", "Format_Knob"), enumerations: enumerations.__all__}
    | {module: module.__all__ for module in (arrays, texts, vectors)}
    | {views: ("MultiView_Knob", "ViewerWindow")}
)


def build(session: Session) -> ModuleType:
    """Return the module `nuke`."""
    major, minor = session.version_text.split(" ")[0].split(".")
    nuke = ModuleType("nuke", "A strict stand-in for Nuke's module.")
    contents: dict[str, Any] = {
        "GUI": session.gui,
        "INTERACTIVE": session.gui,
        "NUKE_VERSION_MAJOR": int(major),
        "NUKE_VERSION_MINOR": int(minor),
        "NUKE_VERSION_RELEASE": 3,
        "NUKE_VERSION_STRING": session.version_text.replace(" ", ""),
        "REPLACE": REPLACE,
        "REPLACE_VIEWS": REPLACE_VIEWS,
        "EXE_PATH": __file__,  # a file, as in Nuke, but one that cannot be started: a test that starts it sets its own
        "CancelledError": CancelledError,
        "env": Environment(session, int(major), int(minor)),
        "nodes": _Nodes(session),
        "Undo": undo_class(session.undo),
        "Layer": layer_class(session.layers),
        "Panel": panel_class(session.artist),
        "ProgressTask": progress_class(session.artist),
    }
    contents |= {name: getattr(module, name) for module, many in _CONSTANTS for name in many}
    contents |= {name: getattr(module, name) for module, many in _KNOBS.items() for name in many}
    for kind in (
        animation.AnimationCurve,
        animation.AnimationKey,
        nodes.Node,
        Group,
        Root,
        nodes.Viewer,
        menus.Menu,
        menus.MenuItem,
        formats.Format,
        formats.FrameRange,
        formats.FrameRanges,
    ):
        contents[kind.__name__] = kind
    for functions in (_graph(session), _context(session), _scripts(session), _plugins(session), _dialogs(session)):
        contents |= functions
    contents |= session.callbacks.functions()
    vars(nuke).update(contents)
    session.namespace["nuke"] = nuke
    return nuke


class CancelledError(Exception):
    """An error class of the stubs, beside RuntimeError; it is not known which of the two a render raises."""


class _Nodes:
    """`nuke.nodes`: a constructor for each class."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def __getattr__(self, name: str) -> Callable[..., Node]:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda **values: self._session.graph.construct(name, values)


def _graph(session: Session) -> dict[str, Callable[..., Any]]:
    graph = session.graph

    def allNodes(filter: str | None = None, group: Group | None = None, recurseGroups: bool = False) -> list[Node]:
        return graph.all(filter, group, recurseGroups)

    def createNode(typ: str, knobs: str = "", inpanel: bool = True) -> Node:
        return graph.create(typ, knobs, inpanel)

    def delete(n: Node) -> None:
        graph.delete(n)

    def dependencies(nodes: Node | Sequence[Node], what: int = 7) -> list[Node]:
        many = [nodes] if isinstance(nodes, Node) else nodes
        return list(dict.fromkeys(found for node in many for found in node.dependencies(what)))

    def dependentNodes(what: int = 7, nodes: Sequence[Node] = (), evaluateAll: bool = True) -> list[Node]:
        return list(dict.fromkeys(found for node in nodes for found in node.dependent(what, evaluateAll)))

    def exists(s: str) -> bool:
        node, _, knob = s.rpartition(".")
        found = graph.find(node) if node else None
        return graph.find(s) is not None or (found is not None and found.knob(knob) is not None)

    def addView(s: str) -> None:
        root = session.root
        root["views"].setValue(f"{root._text('views')}\n{s} #ffffff")

    def deleteView(s: str) -> None:
        lines = [line for line in session.root._text("views").splitlines() if line.split()[0] != s]
        session.root["views"].setValue("\n".join(lines))
        session.view = views.names(session)[0] if session.view == s else session.view

    def selectAll() -> None:
        for node in graph.group.nodes():
            node.setSelected(True)

    return {
        "addView": addView,
        "allNodes": allNodes,
        "createNode": createNode,
        "delete": delete,
        "deleteView": deleteView,
        "dependencies": dependencies,
        "dependentNodes": dependentNodes,
        "exists": exists,
        "root": lambda: session.root,
        "selectAll": selectAll,
        "selectedNode": lambda: graph.selected_one(),
        "selectedNodes": lambda filter=None: graph.selected(filter),
        "toNode": lambda s: graph.find(s),
    }


def _context(session: Session) -> dict[str, Callable[..., Any]]:
    this = session.callbacks.this

    def thisNode() -> Node:
        if not this:
            raise ValueError("no node in this context")
        return this[-1][0]

    def thisKnob() -> knobs.Knob | None:
        return this[-1][1] if this else None

    def frame(f: int | None = None) -> int:
        if f is not None:
            if not isinstance(f, int):
                raise TypeError("nuke.frame takes int")
            session.go_to(f)
        return int(session.frame)

    def filename(node: Node, i: int = 0) -> str | None:
        """Return the path for root's proxy setting, fully evaluated; %04d only with REPLACE (its docstring)."""
        if "file" not in node.knobs() or not node["file"].value():
            return None
        return nodes.file_of(node, session.frame if i == REPLACE else None)

    def expression(s: str) -> float:
        variables = {name: tcl.number(name, graph_node(), session.frame) for name in names(s)}
        return float(evaluate(s, variables, dtype="float64"))

    def tcl_(cmd: str, *args: str) -> str:
        return tcl.evaluate(" ".join([cmd, *map(tcl.quoted, args)]), graph_node(), session.frame)

    def graph_node() -> Node:
        return this[-1][0] if this else session.graph.group

    return {
        "channels": lambda node=None: session.layers.channels() if node is None else node.channels(),
        "execute": lambda *args, **kwargs: executing.execute(session, *args, **kwargs),
        "executing": lambda f=None: session.is_executing(),
        "expression": expression,
        "filename": filename,
        "frame": frame,
        "layers": lambda node=None: session.layers.names() if node is None else session.pictures.layers(node),
        "tcl": tcl_,
        "thisClass": lambda: thisNode().Class(),
        "thisGroup": lambda: session.graph.group,
        "thisKnob": thisKnob,
        "thisNode": thisNode,
        "thisParent": lambda: session.graph.group.parent(),
        "thisView": lambda: session.view,
        "views": lambda: views.names(session),
    }


def _scripts(session: Session) -> dict[str, Callable[..., Any]]:
    def modified(state: bool | None = None) -> bool:
        if state is not None:
            session.root.setModified(state)
        return session.root.modified()

    def scriptSave(filename: str | None = None) -> bool:
        if filename is None and not session.root.modified():
            return False
        session.scripts.save(Path(filename or session.script_name() or session.artist.typed("Save script as")))
        return True

    def scriptSaveAs(filename: str | None = None, overwrite: int = -1) -> None:
        path = Path(filename or session.artist.typed("Save script as"))
        if path.exists() and overwrite != 1 and (overwrite == 0 or not session.artist.ask(f"Overwrite {path}?")):
            raise RuntimeError(f"{path} exists already")
        session.scripts.save(path)

    def scriptSaveToTemp(filename: str) -> str:
        session.scripts.save_copy(Path(filename))
        return filename

    def scriptName() -> str:
        if not session.script_name():
            raise RuntimeError("the script has no name yet")
        return session.script_name()

    def nodePaste(s: str) -> Node | None:
        text = session.clipboard if s == "%clipboard%" else Path(s).read_text(encoding="utf-8")
        made = session.scripts.read_text(text)
        session.root.setModified(True)
        for node in session.graph.group.nodes():
            node.setSelected(node in made)
        for node in made:
            session.callbacks.call("OnCreate", node)
        return made[-1] if made else None

    def nodeCopy(s: str) -> None:
        text = session.scripts.copied(session.graph.selected())
        if s == "%clipboard%":
            session.clipboard = text
        else:
            Path(s).write_text(text, encoding="utf-8")

    return {
        "modified": modified,
        "nodeCopy": nodeCopy,
        "nodePaste": nodePaste,
        "redo": session.undo.redo,
        "scriptClear": lambda: session.clear(),
        "scriptName": scriptName,
        "scriptOpen": lambda filename=None: session.scripts.open(Path(filename or session.artist.typed("Open script"))),
        "scriptReadFile": lambda s: session.scripts.read_text(Path(s).read_text(encoding="utf-8")) and None,
        "scriptSave": scriptSave,
        "scriptSaveAs": scriptSaveAs,
        "scriptSaveToTemp": scriptSaveToTemp,
        "undo": session.undo.undo,
    }


def _plugins(session: Session) -> dict[str, Callable[..., Any]]:
    def add(args: str | Sequence[str], addToSysPath: bool = True) -> None:
        for path in [args] if isinstance(args, str) else args:
            session.add_plugin_path(path, to_sys_path=addToSysPath)

    def append(args: str | Sequence[str], addToSysPath: bool = True) -> None:
        for path in [args] if isinstance(args, str) else args:
            session.add_plugin_path(path, to_sys_path=addToSysPath, first=False)

    def executeInMainThread(call: Callable[..., Any], args: Any = (), kwargs: Any = None) -> None:
        session.artist.require_gui("executeInMainThread")
        session.main_thread.request(call, args, kwargs)

    def executeInMainThreadWithResult(call: Callable[..., Any], args: Any = (), kwargs: Any = None) -> Any:
        session.artist.require_gui("executeInMainThreadWithResult")
        return session.main_thread.wait_for(call, args, kwargs)

    def tprint(*args: Any, sep: str = " ", end: str = "\n", file: Any = None) -> None:
        (file or sys.stdout).write(sep.join(map(str, args)) + end)

    return {
        "executeInMainThread": executeInMainThread,
        "executeInMainThreadWithResult": executeInMainThreadWithResult,
        "pluginAddPath": add,
        "pluginAppendPath": append,
        "knobDefault": lambda classknob, value=None: session.knob_defaults.set_or_get(classknob, value),
        "pluginPath": lambda: list(session.plugin_paths),
        "tprint": tprint,
    }


def _dialogs(session: Session) -> dict[str, Callable[..., Any]]:
    artist = session.artist

    def menu(name: str) -> menus.Menu | None:
        artist.require_gui("nuke.menu")
        return session.menus.get(name)

    def getFilename(message: str, pattern: str = "", default: str = "", favorites: str = "", type: str = "",
                    multiple: bool = False) -> str | None:  # fmt: skip
        del pattern, default, favorites, type, multiple
        return artist.typed(message) or None

    return {
        "activeViewer": lambda: views.ViewerWindow(session) if session.gui else None,
        "ask": lambda prompt: artist.ask(prompt),
        "askWithCancel": lambda prompt: artist.ask_with_cancel(prompt),
        "getFilename": getFilename,
        "getInput": lambda prompt, default="": artist.typed(prompt) or default,
        "menu": menu,
        "message": lambda prompt: artist.message(prompt),
        "openPanels": lambda: sorted(artist.open_panels),
        "show": lambda n, forceFloat=False: n.showControlPanel(forceFloat),
        "warning": lambda message: sys.stderr.write(f"Warning: {message}\n") and None,
    }
