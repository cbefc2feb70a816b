"""The panel: references on a time line, the queue, versions, and the core, for one RefColorize node.

It looks at Nuke by a timer and at the core by a thread, both only while it is visible, so nothing is left behind when
it is closed, and a script without a node, or a machine without a core, is something it shows.

Here and in the other widgets signals lead to signals and methods only, which Qt does not keep alive. A function made on
the spot would hold its widget: then a child that Qt deletes may be the last to hold its parent, whose end deletes the
child a second time, and Nuke is gone.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import cast

import nuke

from ..core import server
from ..errors import Busy, RefColorizeError
from ..host.main_thread import is_rendering, when_idle
from ..host.qt import QtCore, QtGui, QtWidgets
from ..jobs.progress import confidence_curve
from ..node import nodes
from ..node.thumbnails import render
from .node_view import read_node, selected, toggle_key, version_lines
from .panel_face import PanelFace
from .view import Node, Snapshot, core_status, queue_rows, suggestions, warning_text
from .watch import CoreLink, News, Page, Picture

__all__ = ["Panel"]

_LOOK_MILLISECONDS = 300
_SEARCH_SECONDS = 3.0
_LISTEN_MILLISECONDS = 50


class Panel(PanelFace):
    """Dockable in Nuke; constructed without arguments by `registerWidgetAsPanel`."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._node: Node | None = None
        self._search_at = 0.0  # when a script without a node is searched for one again
        self._selected = ""
        self._snapshot = Snapshot()
        self._refusal = ""
        self._versions_at: tuple[object, ...] = ()
        self._pictures: dict[str, dict[int, QtGui.QImage]] = {}
        self._link = CoreLink()
        self._looking, self._listening = QtCore.QTimer(self), QtCore.QTimer(self)
        self._looking.setInterval(_LOOK_MILLISECONDS)
        self._listening.setInterval(_LISTEN_MILLISECONDS)
        self._connect()
        self._show_node(None)

    def __del__(self) -> None:
        """Python may collect garbage in any thread, and whoever opened the panel may have left it among some.

        The wrapper then lives on until the main thread has deleted what Qt knows; the rest may end anywhere.
        """
        if threading.current_thread() is not threading.main_thread():
            nuke.executeInMainThread(_delete, (self,))

    # ---- what it is told

    def _connect(self) -> None:
        self.destroyed.connect(self._link.rest)  # where Nuke deletes a panel without hiding it
        self._looking.timeout.connect(self._look)
        self._listening.timeout.connect(self._listen)
        self.nodes.opened.connect(self._list_nodes)
        self.nodes.activated.connect(self._choose_from_list)
        self.create_node.clicked.connect(self._create)
        self.colorize.clicked.connect(self._colorize)
        self.references.frame_chosen.connect(self._go_to)
        self.references.key_added.connect(self._add_key)
        self.references.key_removed.connect(self._remove_key)
        self.references.key_toggled.connect(self._toggle_key)
        self.references.pictures_wanted.connect(self._render_pictures)
        self.references.weakest_wanted.connect(self._go_to_weakest)
        self.versions.used.connect(self._use_version)
        self.versions.commented.connect(self._comment_version)
        self.versions.clean_up_wanted.connect(self._clean_up)
        self.queue.cancelled.connect(self._cancel_job)
        self.core.started.connect(self._start_core)
        self.core.stopped.connect(self._stop_core)
        self.core.log_wanted.connect(self._show_log)
        self.core.page_wanted.connect(self._open_page)

    def showEvent(self, event: QtGui.QShowEvent) -> None:  # noqa: N802
        super().showEvent(event)
        self._selected = ""
        self._look()
        self._looking.start()
        self._listening.start()

    def hideEvent(self, event: QtGui.QHideEvent) -> None:  # noqa: N802
        self._looking.stop()
        self._listening.stop()
        self._link.rest()
        super().hideEvent(event)

    # ---- the node

    def _look(self) -> None:
        """Show the node as it is now: one newly selected, else the one shown before, else any there is."""
        if is_rendering():
            return  # the timer looks again
        chosen = selected()
        name = chosen.fullName() if chosen is not None else ""
        if name == self._selected:
            chosen = None
        self._selected = name
        node = chosen or self._present() or self._any_node()
        self._show_node(read_node(node) if node is not None else None)

    def _present(self) -> nuke.Node | None:
        """The node that is shown, where the script still has it."""
        node = nuke.toNode(self._node.name) if self._node is not None else None
        return node if node is not None and nodes.is_refcolorize(node) else None

    def _any_node(self) -> nuke.Node | None:
        """The script's first node. All groups are searched, so a script without one is not searched at every look."""
        if time.monotonic() < self._search_at:
            return None
        found = next(iter(nodes.all_nodes()), None)
        self._search_at = 0.0 if found is not None else time.monotonic() + _SEARCH_SECONDS
        return found

    def _show_node(self, node: Node | None) -> None:
        before, self._node = self._node, node
        self._for_node.setVisible(node is not None)
        self._for_none.setVisible(node is None)
        self._versions.setVisible(node is not None)
        name = node.name if node else ""
        if name != (before.name if before else ""):
            self._list_nodes()
            self.references.show_pictures(self._pictures.get(name, {}))
        if self.isVisible():
            self._link.follow(node.job if node else "")
        if node is not None:
            self.references.show_node(node)
            self.status.setText(node.status)
            self.status.setToolTip(node.status)
        self._show_job()

    def _list_nodes(self) -> None:
        names = [node.fullName() for node in nodes.all_nodes()]
        self.nodes.clear()
        self.nodes.addItems(names)
        self.nodes.setCurrentIndex(names.index(self._node.name) if self._node and self._node.name in names else -1)

    def _choose_from_list(self, place: int) -> None:
        node = nuke.toNode(self.nodes.itemText(place))
        if node is not None:
            self._show_node(read_node(node))

    def _change(self, name: str, action: Callable[[nuke.Node], object]) -> None:
        """Something the artist does to the node, as one step of undo of that name, once Nuke renders nothing."""
        when_idle(_of(self, lambda panel: panel._change_now(name, action)))

    def _change_now(self, name: str, action: Callable[[nuke.Node], object]) -> None:
        node = self._present()
        self._refusal = ""
        if node is not None:
            try:
                with nuke.Undo():
                    nuke.Undo.name(name)
                    action(node)
            except RefColorizeError as error:
                self._refuse(str(error))
        self._look()

    def _go_to(self, frame: int) -> None:
        nuke.frame(frame)
        self._look()

    def _add_key(self, frame: int) -> None:
        def add(node: nuke.Node) -> None:
            nuke.frame(frame)
            nodes.add_key(node, frame)

        self._change(f"Add keyframe {frame}", add)

    def _remove_key(self, frame: int) -> None:
        self._change(f"Remove keyframe {frame}", lambda node: nodes.remove_key(node, frame))

    def _toggle_key(self, frame: int) -> None:
        self._change(f"Switch keyframe {frame}", lambda node: toggle_key(node, frame))

    def _use_version(self, number: int) -> None:
        self._change(f"Use v{number:03d}", lambda node: nodes.use_version(node, number))

    def _comment_version(self, number: int, comment: str) -> None:
        self._versions_at = ()
        self._change("Comment", lambda node: nodes.comment_version(node, number, comment))

    def _clean_up(self) -> None:
        from ..node import cleaning

        self._versions_at = ()
        self._do(cleaning.clean_up)

    def _go_to_weakest(self) -> None:
        from ..node import shown_version

        self._do(shown_version.go_to_weakest)

    def _do(self, action: Callable[[nuke.Node], object]) -> None:
        """Something that the artist asks of the node and that is no step of undo."""
        node = self._present()
        self._refusal = ""
        if node is not None:
            try:
                action(node)
            except RefColorizeError as error:
                self._refuse(str(error))
        self._look()

    def _create(self) -> None:
        with nuke.Undo():
            nuke.Undo.name("Create RefColorize")
            nodes.create()
        self._look()

    def _colorize(self) -> None:
        node = self._present()
        if node is not None:
            cast("nuke.PyScript_Knob", node["colorize"]).execute()
        self._look()

    # ---- the pictures

    def _render_pictures(self) -> None:
        busy = _of(self, lambda panel, error: panel._refuse(str(error)))
        when_idle(_of(self, lambda panel: panel._render_pictures_now()), give_up=busy)

    def _render_pictures_now(self) -> None:
        node = self._present()
        if node is None or self._node is None:
            return
        try:
            pictures = render(node, [key.frame for key in self._node.shot.keys])
        except Busy:
            raise
        except RefColorizeError as error:
            self._refuse(str(error))
        else:
            self._keep_pictures(pictures)

    def _take_picture(self, picture: Picture) -> None:
        if self._node is not None and self._node.job == picture.job:
            self._keep_pictures({picture.frame: picture.data})

    def _keep_pictures(self, pictures: Mapping[int, bytes]) -> None:
        if self._node is not None:
            own = self._pictures.setdefault(self._node.name, {})
            own.update({frame: QtGui.QImage.fromData(data) for frame, data in pictures.items()})
            self.references.show_pictures(own)

    # ---- the core

    def _listen(self) -> None:
        """Take what the threads have found."""
        for news in self._link.news():
            self._take(news)

    def _take(self, news: News) -> None:
        if isinstance(news, Snapshot):
            self._show_snapshot(news)
        elif isinstance(news, Picture):
            self._take_picture(news)
        elif isinstance(news, Page):
            QtGui.QDesktopServices.openUrl(QtCore.QUrl(news.link))
        else:
            self._refuse(news.words)

    def _show_snapshot(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self.core.show_core(core_status(snapshot))
        self._show_job()

    def _show_job(self) -> None:
        """What the core says of the node's job, and of the others."""
        snapshot, node = self._snapshot, self._node
        job = node.job if node else ""
        own = snapshot if snapshot.job == job else Snapshot(job)
        self.queue.show_rows(queue_rows(snapshot.jobs, own=job))
        if node is not None:
            self.references.show_confidence(confidence_curve(own.frames), suggestions(own.frames, node.shot.keys))
            self._show_versions(node, own)
        note = "\n".join(line for line in (self._refusal, warning_text(own)) if line)
        self.note.setText(note)
        self.note.setVisible(bool(note))

    def _show_versions(self, node: Node, own: Snapshot) -> None:
        """Looked up on disk when something has changed, ten times while a job runs, and not with every look."""
        job = own.own()
        tenths = 10 * job["done"] // max(1, job["total"]) if job else 0
        now = (node.name, node.job, node.version, job["state"] if job else "", tenths)
        present = self._present()
        if now != self._versions_at and present is not None:
            self._versions_at = now
            self.versions.show_versions(version_lines(present), node=node.name)

    def _cancel_job(self, job: str) -> None:
        self._refusal = ""
        self._link.cancel(job)

    def _start_core(self) -> None:
        self._refusal = ""
        self.core.show_busy("Starting the core. This takes some seconds.")
        self._link.start_core()

    def _stop_core(self) -> None:
        self._refusal = ""
        self.core.show_busy("Stopping the core")
        self._link.stop_core()

    def _open_page(self) -> None:
        self._refusal = ""
        self._link.open_page()

    def _show_log(self) -> None:
        log = server.log_file()
        if not log.is_file():
            self._refuse(f"There is no log yet at {log}. Start the core first.")
        elif not QtGui.QDesktopServices.openUrl(QtCore.QUrl.fromLocalFile(str(log))):
            self._refuse(f"Nothing on this machine opens {log}. It is a text file.")

    def _refuse(self, why: str) -> None:
        """Say why what was asked for did not happen, until something else is asked for."""
        self._refusal = why
        self._show_job()


def _of(panel: Panel, action: Callable[..., object]) -> Callable[..., None]:
    """An action on a panel, which waits without holding it, and is nothing once the panel is gone."""
    known = weakref.ref(panel)

    def act(*args: object) -> None:
        found = known()
        if found is not None and _is_there(found):
            action(found, *args)

    return act


def _is_there(panel: Panel) -> bool:
    try:
        panel.isVisible()
    except RuntimeError:  # what PySide raises where Nuke has deleted it
        return False
    return True


def _delete(panel: Panel) -> None:
    with suppress(RuntimeError):  # what PySide raises where Nuke has deleted it
        panel.deleteLater()
