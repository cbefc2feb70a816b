"""The panel of one RefColorize node: references on a time line, the queue, the versions and the core.

A timer reads the node and a thread polls the core, both only while the panel is visible, so a closed panel leaves
nothing running. The panel also shows a script without a node and a machine without a core.

In all widgets, signals are connected only to signals and bound methods, which Qt does not keep alive. A lambda would
hold a reference to its widget. A child that Qt deletes could then hold the last reference to its parent; deleting the
parent deletes the child a second time, and Nuke crashes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import cast

import nuke

from ..core import server
from ..host.main_thread import is_rendering
from ..host.qt import QtCore, QtGui, QtWidgets
from ..jobs import audience, freshness
from ..jobs.progress import confidence_curve
from ..jobs.reference_check import last_flaws
from ..jobs.running_tasks import is_busy, wants_core
from ..node import keyframes, node_results, nodes, output_note, shown_version
from ..node.thumbnails import render
from .follower import Follower
from .node_view import read_node, selected_node, version_rows
from .panel_actions import PanelActions
from .queue_list import NO_JOBS, ON_THE_WAY
from .state import NodeState, Snapshot
from .view import core_status, gains, is_working, mark_keys, note_text, queue_rows, suggestions
from .watch import CoreLink, Page, Picture, Update
from .weak_action import weak_action

__all__ = ["Panel"]

_REFRESH_MILLISECONDS = 300
_SEARCH_SECONDS = 3.0
_UPDATE_MILLISECONDS = 50


class Panel(PanelActions):
    """The dockable panel. `registerWidgetAsPanel` constructs it without arguments."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._search_at = 0.0  # the earliest time to search a script without a node again
        self._selected = ""
        self._snapshot = Snapshot()
        self._error = ""
        self._run_of_error: tuple[object, ...] = ()
        self._is_starting = self._start_failed = False  # the core, since Start was pressed
        self._follower = Follower()
        self._offered: tuple[str, ...] = ()  # the node and its versions on disk, when its knob last offered them
        self._pictures: dict[str, dict[int, QtGui.QImage]] = {}
        self._link = CoreLink()
        self._has_warmed_up = False
        self._refresh_timer, self._update_timer = QtCore.QTimer(self), QtCore.QTimer(self)
        self._refresh_timer.setInterval(_REFRESH_MILLISECONDS)
        self._update_timer.setInterval(_UPDATE_MILLISECONDS)
        self._connect()
        self._show_node(None)
        audience.viewers.add(self)

    def __del__(self) -> None:
        """Delete the Qt widget in the main thread: Python's garbage collector may run in any thread.

        The Python wrapper stays alive until the main thread has deleted the widget.
        """
        if threading.current_thread() is not threading.main_thread():
            nuke.executeInMainThread(_delete, (self,))

    # ---- signals and events

    def _connect(self) -> None:
        self.destroyed.connect(self._link.stop)  # Nuke may delete a panel without hiding it
        self._refresh_timer.timeout.connect(self._refresh)
        self._update_timer.timeout.connect(self._take_updates)
        self.nodes.opened.connect(self._list_nodes)
        self.nodes.activated.connect(self._show_listed_node)
        self.create_node.clicked.connect(self._create_node)
        self.colorize.clicked.connect(self._colorize_or_cancel)
        self.leave_preview.clicked.connect(self._leave_preview)
        self.references.frame_chosen.connect(self._go_to)
        self.references.key_added.connect(self._add_key)
        self.references.key_removed.connect(self._remove_key)
        self.references.key_toggled.connect(self._toggle_key)
        self.references.pictures_requested.connect(self._render_pictures)
        self.references.weakest_requested.connect(self._go_to_weakest)
        self.references.heat_toggled.connect(self._show_heat)
        self.versions.used.connect(self._use_version)
        self.versions.commented.connect(self._comment_version)
        self.versions.clean_up_requested.connect(self._clean_up)
        self.queue.cancelled.connect(self._cancel_job)
        self.core.started.connect(self._start_core)
        self.core.stopped.connect(self._stop_core)
        self.core.log_requested.connect(self._show_log)
        self.core.page_requested.connect(self._open_page)

    def showEvent(self, event: QtGui.QShowEvent) -> None:  # noqa: N802
        """Start to refresh the node and to watch the core."""
        super().showEvent(event)
        self._selected = ""
        self._refresh()
        self._refresh_timer.start()
        self._update_timer.start()

    def hideEvent(self, event: QtGui.QHideEvent) -> None:  # noqa: N802
        """Stop refreshing the node and watching the core."""
        self._refresh_timer.stop()
        self._update_timer.stop()
        self._link.stop()
        super().hideEvent(event)

    def shows(self, name: str) -> bool:
        """Return whether the artist sees the status line of a node here now.

        Args:
            name: The node's full name.
        """
        try:
            return self._node is not None and self._node.name == name and self.isVisible()
        except RuntimeError:  # Nuke has deleted the panel
            return False

    def forget(self) -> None:
        """Forget what is kept of nodes by their names, because the script is closed."""
        self._pictures.clear()
        self._versions_state, self._search_at, self._selected, self._error = (), 0.0, "", ""
        with suppress(RuntimeError):  # Nuke has deleted the panel
            self.references.show_pictures({})

    # ---- the node

    def _refresh(self) -> None:
        """Show the current state of a node: the newly selected one, else the one shown before, else the first one."""
        if is_rendering():
            return  # the timer tries again
        selected = selected_node()
        name = selected.fullName() if selected is not None else ""
        if name == self._selected:
            selected = None
        self._selected = name
        node = selected or self._shown_node() or self._first_node()
        if node is not None:
            shown_version.leave_withdrawn(node)
            output_note.follow(node)
            freshness.follow(node)
        self._show_node(read_node(node) if node is not None else None)

    def _first_node(self) -> nuke.Node | None:
        """Return the script's first node. A search visits all groups, so it is not repeated at every refresh."""
        if time.monotonic() < self._search_at:
            return None
        node = next(iter(nodes.all_nodes()), None)
        self._search_at = 0.0 if node is not None else time.monotonic() + _SEARCH_SECONDS
        return node

    def _show_node(self, node: NodeState | None) -> None:
        previous, self._node = self._node, node
        self._node_section.setVisible(node is not None)
        self._empty_section.setVisible(node is None)
        self._versions.setVisible(node is not None)
        name = node.name if node else ""
        if name != (previous.name if previous else ""):
            self._list_nodes()
            self.references.show_pictures(self._pictures.get(name, {}))
        if self.isVisible():
            self._link.watch(*((node.job, node.frames_path, node.results) if node else ("",)))
        if node is not None:
            self.status.setText(node.status)
        self.leave_preview.setVisible(bool(node and node.preview))
        self._show_job()

    def _list_nodes(self) -> None:
        if is_rendering():
            return
        names = [node.fullName() for node in nodes.all_nodes()]
        self.nodes.clear()
        self.nodes.addItems(names)
        self.nodes.setCurrentIndex(names.index(self._node.name) if self._node and self._node.name in names else -1)

    def _show_listed_node(self, index: int) -> None:
        name = self.nodes.itemText(index)

        def show(panel: PanelActions) -> None:
            node = nuke.toNode(name)
            if node is not None:
                cast("Panel", panel)._show_node(read_node(node))

        self._when_idle(show, once="show node")

    # ---- the pictures

    def _render_pictures(self) -> None:
        add = weak_action(self, Panel._add_pictures)
        self._run_on_node(
            lambda node: add(node.fullName(), render(node, list(keyframes.all_keys(node)))), once="pictures"
        )

    def _take_picture(self, picture: Picture) -> None:
        if self._node is not None and self._node.job == picture.job:
            self._add_pictures(self._node.name, {picture.frame: picture.data})

    def _add_pictures(self, name: str, pictures: Mapping[int, bytes]) -> None:
        """Keep the pictures of a node's keyframes, and show them if the node is shown."""
        images = self._pictures.setdefault(name, {})
        images.update({frame: QtGui.QImage.fromData(data) for frame, data in pictures.items()})
        if self._node is not None and self._node.name == name:
            self.references.show_pictures(images)

    # ---- the core

    def _take_updates(self) -> None:
        """Show what the threads have received from the core."""
        for update in self._link.updates():
            self._take_update(update)

    def _take_update(self, update: Update) -> None:
        if isinstance(update, Snapshot):
            self._show_snapshot(update)
        elif isinstance(update, Picture):
            self._take_picture(update)
        elif isinstance(update, Page):
            QtGui.QDesktopServices.openUrl(QtCore.QUrl(update.link))
        else:
            self._start_failed, self._is_starting = self._is_starting, False
            self._show_error(update.message)

    def _show_snapshot(self, snapshot: Snapshot) -> None:
        if snapshot.health is not None:
            self._error = "" if self._start_failed else self._error
            self._is_starting = self._start_failed = False
        self._snapshot = snapshot
        if not self._has_warmed_up and self._node is not None and self._node.shot.keys:
            self._has_warmed_up = True
            self._link.warm_up_core()
        status = core_status(
            snapshot,
            is_wanted=wants_core(),
            is_starting=server.is_starting(),
            has_failed=server.has_failed_to_start(),
        )
        self.core.show_core(status)
        self._show_job()

    def _show_job(self) -> None:
        """Show the queue, and the confidence, versions and warnings of the node's job."""
        snapshot, node = self._snapshot, self._node
        job = node.job if node else ""
        own = (snapshot if snapshot.job == job else Snapshot(job)).about(node.frames_path if node else "")
        self._is_working = node is not None and (is_working(node, own) or is_busy(node.name))
        rows = queue_rows(snapshot.jobs, own=job, paused=snapshot.paused)
        self.queue.show_rows(rows, empty=ON_THE_WAY if self._is_working else NO_JOBS)
        self.show_working(is_working=self._is_working)
        shown = self._shown_node()
        if node is not None and shown is not None and not is_rendering():
            self._follower.follow(shown, node, snapshot)
        if node is not None:
            marked = mark_keys(node.shot, own.frames, last_flaws(node.name))
            self.references.show_node(replace(node, shot=marked, working=self._is_working))
            self.references.show_confidence(
                confidence_curve(own.shown_frames) or own.curve,
                suggestions(own.shown_frames, node.shot.keys),
                gains(own.shown_frames),
            )
            self._show_versions(node, own)
        if self._run_of_error != (job, self._is_working):
            self._error = ""  # it was about the time before this run
        marks = (node.preview, node.stale) if node else ()
        note = note_text(node.status if node else "", self._error, own, marks=marks)
        self.note.setText(note)
        self.note.setVisible(bool(note))

    def _show_versions(self, node: NodeState, own: Snapshot) -> None:
        """Read the versions from disk if something has changed: ten times during a job, and not at every refresh.

        Frames that are added or removed by hand count as a change if they are those that the node shows. Versions that
        are added or removed always do: by the page, by Clean up, or by another Nuke.
        """
        if is_rendering():
            return
        job = own.own_job()
        tenths = 10 * job["done"] // max(1, job["total"]) if job else 0
        changed = 0 if self._is_working else own.changed
        names = tuple(name for name, _ in own.versions)
        listed = names if self._is_working else own.versions
        run = (job["state"] if job else "", tenths, self._is_working, changed, listed)
        state = (node.name, node.job, node.version, node.stale, *run)
        shown = self._shown_node()
        if state != self._versions_state and shown is not None:
            self._versions_state = state
            self.versions.show_versions(version_rows(shown), node=node.name)
            self._offer(shown, (node.name, *names))

    def _offer(self, node: nuke.Node, listed: tuple[str, ...]) -> None:
        """Let the knob `version` offer the versions on disk, once after some were added or removed."""
        if listed != self._offered:
            self._offered = listed
            with suppress(RuntimeError):  # a published LiveGroup cannot be edited
                node_results.offer_versions_on_disk(node)

    def _cancel_job(self, job: str) -> None:
        self._error = ""
        self._link.cancel(job)

    def _start_core(self) -> None:
        self._error, self._is_starting, self._start_failed = "", True, False
        self.core.show_busy("Starting the core. This takes some seconds.")
        self._link.start_core()

    def _stop_core(self) -> None:
        self._error = ""
        self.core.show_busy("Stopping the core")
        self._link.stop_core()

    def _open_page(self) -> None:
        self._error = ""
        self._link.open_page()

    def _show_log(self) -> None:
        log = server.log_file()
        if not log.is_file():
            self._show_error(f"There is no log yet at {log}. Start the core first.")
        elif not QtGui.QDesktopServices.openUrl(QtCore.QUrl.fromLocalFile(str(log))):
            self._show_error(f"This machine has no program that opens {log}. Open it in a text editor.")

    def _show_error(self, message: str) -> None:
        """Show why an action failed. The message stays until the next action."""
        self._error, self._run_of_error = message, (self._node.job if self._node else "", self._is_working)
        self._show_job()


def _delete(panel: Panel) -> None:
    with suppress(RuntimeError):  # PySide raises it if Nuke has deleted the panel
        panel.deleteLater()
