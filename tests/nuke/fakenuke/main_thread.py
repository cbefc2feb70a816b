"""Nuke's main thread, the only one that may touch nodes, and the queue of requests from other threads."""

from __future__ import annotations

import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["MainThread"]


@dataclass
class _Request:
    call: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    served: threading.Event = field(default_factory=threading.Event)
    result: Any = None

    def serve(self) -> None:
        """Call it; an exception is only printed, as in Nuke."""
        try:
            self.result = self.call(*self.args, **self.kwargs)
        except BaseException:  # noqa: BLE001  (as Nuke: even SystemExit does not get out)
            sys.stderr.write(traceback.format_exc())
        finally:
            self.served.set()


class MainThread:
    """The main thread is the one that makes this object. Requests wait until it calls `pump` or Qt's loop serves them.

    serving: whether a request is being served. on_idle: called when there is nothing to do. modal_turns: number of
    `pump` turns for which requests wait, since a modal dialog is open.
    """

    def __init__(self) -> None:
        self.serving = False
        self.modal_turns = 0
        self.on_idle: Callable[[], None] = lambda: None
        self._thread = threading.current_thread()
        self._requests: queue.Queue[_Request] = queue.Queue()
        self._waker: Any = None
        self._lock = threading.Lock()

    def require(self) -> None:
        """Raise an error if another thread touches Nuke, which may crash it at any time."""
        if threading.current_thread() is not self._thread:
            raise RuntimeError(f"Nuke was touched from {threading.current_thread().name}, not from the main thread")

    def request(self, call: Callable[..., Any], args: Any, kwargs: dict[str, Any] | None) -> _Request:
        """Queue a call."""
        request = _Request(call, args if isinstance(args, tuple) else (args,), dict(kwargs or {}))
        self._requests.put(request)
        self._wake_qt()
        return request

    def wait_for(self, call: Callable[..., Any], args: Any, kwargs: dict[str, Any] | None) -> Any:
        """Queue a call and wait; return its value, or None if it raised an error."""
        if threading.current_thread() is self._thread:
            raise RuntimeError("executeInMainThreadWithResult waits for ever in the main thread itself")
        request = self.request(call, args, kwargs)
        request.served.wait()
        return request.result

    def pump(self, *, until: Callable[[], Any], seconds: float = 60.0) -> Any:
        """Serve requests as Nuke's event loop does, until `until` returns a true value; return that.

        `until` is called after each request, and every 20 ms. Raises TimeoutError. Qt's own events are served too.
        """
        self.require()
        end = time.monotonic() + seconds
        while not (found := until()):
            if time.monotonic() > end:
                raise TimeoutError(f"nothing came of it within {seconds:g} s")
            if (application := _qt_application()[1]) is not None:
                application.processEvents()
            try:
                request = self._requests.get(timeout=0.02)
            except queue.Empty:
                self.modal_turns = max(0, self.modal_turns - 1)
                self.on_idle()
                continue
            if self.modal_turns:
                self._requests.put(request)
                self.modal_turns -= 1
                time.sleep(0.001)  # a turn of Nuke's own loop
            else:
                self._serve(request)
        return found

    def serve_waiting(self) -> None:
        """Serve the requests that are queued now."""
        self.require()
        while not self.modal_turns:
            try:
                request = self._requests.get_nowait()
            except queue.Empty:
                return
            self._serve(request)

    def _serve(self, request: _Request) -> None:
        before, self.serving = self.serving, True
        try:
            request.serve()
        finally:
            self.serving = before

    def _wake_qt(self) -> None:
        """Let a running Qt application serve the queue."""
        qt, application = _qt_application()
        if application is None:
            return
        with self._lock:
            if self._waker is None:
                self._waker = _waker(qt, self.serve_waiting)
                self._waker.moveToThread(application.thread())
        self._waker.woken.emit()


def _qt_application() -> tuple[Any, Any]:
    """Return QtCore and the application, if the process has them."""
    qt = next((sys.modules[name] for name in ("PySide6.QtCore", "PySide2.QtCore") if name in sys.modules), None)
    return qt, None if qt is None else qt.QCoreApplication.instance()


def _waker(qt: Any, serve: Callable[[], None]) -> Any:
    class Waker(qt.QObject):  # type: ignore[misc]
        woken = qt.Signal()

        def __init__(self) -> None:
            super().__init__()
            self.woken.connect(self.serve, qt.Qt.ConnectionType.QueuedConnection)

        def serve(self) -> None:
            serve()

    return Waker()
