"""The look of a shot's time line: where its parts lie, and how they are painted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..host.qt import QtCore, QtGui, QtWidgets
from .placing import Scale, frame_labels, pick_evenly, spread_boxes
from .state import Keyframe, ShotState

__all__ = ["TimeLineFace"]

_KEY = QtGui.QColor("#6fb1e8")
_FLAW = QtGui.QColor("#f0b45a")
_HEAD = QtGui.QColor("#f7a11b")
_WEAK = QtGui.QColor("#e8623a")
_SURE = QtGui.QColor("#74b87a")
_MARGIN, _GAP = 8, 4
_THUMB_WIDTHS = (44, 104)
_LABEL_PADDING = 8
_LEADER, _MARK, _CURVE, _RULER = 8, 14, 58, 18
_GRID = (0.5, 0.8, 0.9, 0.97)  # confidences at which the curve has a line


class TimeLineFace(QtWidgets.QWidget):
    """The time line as it is painted, without any behaviour; `TimeLine` adds that."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._shot = ShotState(1, 1, 1)
        self._curve: tuple[tuple[int, float], ...] = ()
        self._weakest: tuple[int, ...] = ()
        self._pictures: Mapping[int, QtGui.QImage] = {}
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QtCore.QSize:  # noqa: N802 (Qt's name)
        """Return the preferred size."""
        return QtCore.QSize(400, self._curve_box().bottom() + _RULER + 2)

    def minimumSizeHint(self) -> QtCore.QSize:  # noqa: N802
        """Return the minimum size."""
        return QtCore.QSize(200, self.sizeHint().height())

    def thumb_boxes(self) -> list[tuple[Keyframe, QtCore.QRect]]:
        """Return each keyframe that has room for a thumbnail, and the thumbnail's box.

        If there is no room for all, those at the play head and at both ends have one, and others at equal distances.
        """
        scale, width = self._scale(), self._thumb_width()
        right = scale.left + scale.width
        count = max(1, int((scale.width + _GAP) // (width + _GAP)))
        keys = pick_evenly(self._shot.keys, count, keep=self._shot.key())
        lefts = spread_boxes([scale.x(key.frame) for key in keys], width=width, gap=_GAP, left=scale.left, right=right)
        height = self._thumb_height()
        return [(key, QtCore.QRect(round(lefts[index]), 4, width, height)) for index, key in enumerate(keys)]

    def point_of_frame(self, frame: int) -> QtCore.QPoint:
        """Return the point in the middle of a frame's column of the curve.

        Args:
            frame: A frame.
        """
        return QtCore.QPoint(round(self._scale().x(frame)), self._curve_box().center().y())

    # ---- geometry

    def _scale(self) -> Scale:
        return Scale(self._shot.first, self._shot.last, _MARGIN, max(1, self.width() - 2 * _MARGIN))

    def _thumb_width(self) -> int:
        least, most = _THUMB_WIDTHS
        label = self._metrics().horizontalAdvance(f"{self._shot.last} off") + _LABEL_PADDING
        room = (self.width() - 2 * _MARGIN) // max(1, len(self._shot.keys)) - _GAP
        return max(least, label, min(most, room))

    def _metrics(self) -> QtGui.QFontMetrics:
        return QtGui.QFontMetrics(self._small_font())

    def _small_font(self) -> QtGui.QFont:
        font = QtGui.QFont(self.font())
        font.setPointSizeF(max(7.0, font.pointSizeF() * 0.85))
        return font

    def _thumb_height(self) -> int:
        return _THUMB_WIDTHS[1] * 9 // 16  # the same for all widths, so that a new keyframe never moves the curve

    def _curve_box(self) -> QtCore.QRect:
        top = 4 + self._thumb_height() + _LEADER + _MARK
        return QtCore.QRect(_MARGIN, top, max(1, self.width() - 2 * _MARGIN), _CURVE)

    def _boxes_in_paint_order(self) -> list[tuple[Keyframe, QtCore.QRect]]:
        """Return the thumbnails' boxes; the one at the play head is painted last, on top."""
        return sorted(self.thumb_boxes(), key=lambda item: item[0].frame == self._shot.frame)

    def _has_head(self) -> bool:
        return self._shot.first <= self._shot.frame <= self._shot.last

    # ---- painting

    def paintEvent(self, _: QtGui.QPaintEvent) -> None:  # noqa: N802
        """Paint the time line."""
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        painter.setFont(self._small_font())
        self._paint_curve(painter)
        self._paint_ruler(painter)
        self._paint_head(painter)
        for key in self._shot.keys:
            self._paint_mark(painter, key)
        self._paint_swatches(painter)
        for key, box in self._boxes_in_paint_order():
            self._paint_key(painter, key, box)
        if self.hasFocus():
            painter.setPen(QtGui.QPen(self.palette().highlight().color(), 1))
            painter.setBrush(QtCore.Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QtCore.QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
        painter.end()

    def _text_color(self, alpha: int = 255) -> QtGui.QColor:
        color = QtGui.QColor(self.palette().windowText().color())
        color.setAlpha(alpha)
        return color

    def _paint_curve(self, painter: QtGui.QPainter) -> None:
        box = self._curve_box()
        painter.setPen(QtCore.Qt.PenStyle.NoPen)
        painter.setBrush(self.palette().base())
        painter.drawRoundedRect(box, 2, 2)
        if not self._curve:
            painter.setPen(self._text_color(120))
            flags = int(QtCore.Qt.AlignmentFlag.AlignCenter) | int(QtCore.Qt.TextFlag.TextWordWrap)
            painter.drawText(box.adjusted(4, 0, -4, 0), flags, "The confidence of the coloured frames appears here")
            return
        painter.setPen(QtGui.QPen(self._text_color(28), 1, QtCore.Qt.PenStyle.DashLine))
        inside = box.adjusted(0, 4, 0, -2)
        for value in _GRID:
            level = round(inside.bottom() - _height(value) * inside.height())
            painter.drawLine(box.left(), level, box.right(), level)
        gradient = QtGui.QLinearGradient(0, inside.bottom(), 0, inside.top())
        for confidence_at, color in ((0.0, _WEAK), (0.45, _WEAK), (0.8, _SURE), (1.0, _SURE)):
            gradient.setColorAt(_height(confidence_at), color)
        for segment in _segments(self._curve):
            self._paint_segment(painter, segment, QtCore.QRectF(inside), QtGui.QBrush(gradient))
        confidence = dict(self._curve)
        for frame in self._weakest:
            height = _height(confidence.get(frame, 0.0)) * inside.height()
            x, y = self._scale().x(frame), inside.bottom() - height
            painter.setPen(QtCore.Qt.PenStyle.NoPen)
            painter.setBrush(_WEAK)
            painter.drawEllipse(QtCore.QPointF(x, y), 3.5, 3.5)
            painter.setPen(QtGui.QPen(_WEAK, 1, QtCore.Qt.PenStyle.DotLine))
            painter.drawLine(QtCore.QPointF(x, y), QtCore.QPointF(x, box.bottom()))

    def _paint_segment(
        self, painter: QtGui.QPainter, segment: Sequence[tuple[int, float]], inside: QtCore.QRectF, brush: QtGui.QBrush
    ) -> None:
        """Paint the curve of consecutive frames, and a transparent area below it."""
        half = self._scale().frame_width / 2
        points = [
            QtCore.QPointF(self._scale().x(frame), inside.bottom() - _height(value) * inside.height())
            for frame, value in segment
        ]
        ends = [
            QtCore.QPointF(points[0].x() - half, points[0].y()),
            QtCore.QPointF(points[-1].x() + half, points[-1].y()),
        ]
        line = QtGui.QPolygonF([ends[0], *points, ends[1]])
        feet = [QtCore.QPointF(ends[1].x(), inside.bottom()), QtCore.QPointF(ends[0].x(), inside.bottom())]
        painter.setOpacity(0.16)
        painter.setPen(QtCore.Qt.PenStyle.NoPen)
        painter.setBrush(brush)
        painter.drawPolygon(QtGui.QPolygonF([ends[0], *points, ends[1], *feet]))
        painter.setOpacity(1.0)
        painter.setPen(QtGui.QPen(brush, 1.6))
        painter.drawPolyline(line)

    def _paint_ruler(self, painter: QtGui.QPainter) -> None:
        box, scale, metrics = self._curve_box(), self._scale(), painter.fontMetrics()
        width = metrics.horizontalAdvance(str(self._shot.last)) + 14
        for frame in frame_labels(scale, width=width):
            if self._has_head() and abs(scale.x(frame) - scale.x(self._shot.frame)) < width:
                continue  # the play head has its own label
            painter.setPen(self._text_color(70))
            painter.drawLine(
                QtCore.QPointF(scale.x(frame), box.bottom() + 1), QtCore.QPointF(scale.x(frame), box.bottom() + 4)
            )
            painter.setPen(self._text_color(150))
            left = min(max(round(scale.x(frame)) - width // 2, 0), self.width() - width)
            label = QtCore.QRect(left, box.bottom() + 4, width, _RULER - 3)
            painter.drawText(label, QtCore.Qt.AlignmentFlag.AlignCenter, str(frame))

    def _paint_head(self, painter: QtGui.QPainter) -> None:
        shot, box, scale = self._shot, self._curve_box(), self._scale()
        if not self._has_head():
            return
        x = scale.x(shot.frame)
        painter.setPen(QtGui.QPen(_HEAD, 1.4))
        painter.drawLine(QtCore.QPointF(x, box.top() - _MARK + 2), QtCore.QPointF(x, box.bottom() + 3))
        text, metrics = str(shot.frame), painter.fontMetrics()
        width = metrics.horizontalAdvance(text) + 8
        left = min(max(round(x) - width // 2, 0), self.width() - width)
        label = QtCore.QRect(left, box.bottom() + 3, width, _RULER - 2)
        painter.setPen(QtCore.Qt.PenStyle.NoPen)
        painter.setBrush(_HEAD)
        painter.drawRoundedRect(label, 2, 2)
        painter.setPen(QtGui.QColor("#1c1c1c"))
        painter.drawText(label, QtCore.Qt.AlignmentFlag.AlignCenter, text)

    def _color_of(self, key: Keyframe) -> QtGui.QColor:
        return _HEAD if key.frame == self._shot.frame else _FLAW if key.flaw else _KEY

    def _paint_mark(self, painter: QtGui.QPainter, key: Keyframe) -> None:
        """Paint a keyframe's mark over its frame: a diamond, half of one for a patch, crossed out without colour."""
        color, x, y = self._color_of(key), self._scale().x(key.frame), self._curve_box().top() - _MARK / 2
        painter.setOpacity(1.0 if key.used else 0.55)
        painter.setPen(QtGui.QPen(color, 1))
        painter.setBrush(QtCore.Qt.BrushStyle.NoBrush)
        corners = ((0, -4), (4, 0), (0, 4), (-4, 0))
        painter.drawPolygon(QtGui.QPolygonF([QtCore.QPointF(x + dx, y + dy) for dx, dy in corners]))
        if key.flaw:
            painter.setPen(QtGui.QPen(color, 2))
            painter.drawLine(QtCore.QPointF(x - 4, y - 4), QtCore.QPointF(x + 4, y + 4))
        elif key.used:
            painter.setBrush(color)
            filled = corners[1:] if key.is_patch else corners
            painter.drawPolygon(QtGui.QPolygonF([QtCore.QPointF(x + dx, y + dy) for dx, dy in filled]))
        painter.setOpacity(1.0)

    def _paint_swatches(self, painter: QtGui.QPainter) -> None:
        """Paint a small square below the mark's line at each frame that has swatches."""
        painter.setPen(QtCore.Qt.PenStyle.NoPen)
        painter.setBrush(_KEY)
        for frame in self._shot.swatches:
            x, y = self._scale().x(frame), self._curve_box().top() + 3
            painter.drawRect(QtCore.QRectF(x - 2.5, y - 2.5, 5, 5))

    def _paint_key(self, painter: QtGui.QPainter, key: Keyframe, box: QtCore.QRect) -> None:
        """Paint the thumbnail of a keyframe, and the line from it to its mark."""
        is_current, color = key.frame == self._shot.frame, self._color_of(key)
        x, y = self._scale().x(key.frame), self._curve_box().top() - _MARK / 2
        painter.setOpacity(1.0 if key.used else 0.55)
        painter.setPen(QtGui.QPen(color, 1))
        painter.drawLine(QtCore.QPointF(box.center().x(), box.bottom() + 1), QtCore.QPointF(x, y - 4))
        self._paint_thumb(painter, key, box)
        painter.setOpacity(1.0)
        painter.setBrush(QtCore.Qt.BrushStyle.NoBrush)
        frame_color = color if is_current or key.flaw else self._text_color(90)
        painter.setPen(QtGui.QPen(frame_color, 1.6 if is_current or key.flaw else 1))
        painter.drawRect(box)

    def _paint_thumb(self, painter: QtGui.QPainter, key: Keyframe, box: QtCore.QRect) -> None:
        middle = QtCore.Qt.AlignmentFlag.AlignCenter
        label = str(key.frame) if key.used else f"{key.frame}\noff"
        picture = self._pictures.get(key.frame)
        painter.fillRect(box, QtGui.QColor("#4a4a4a"))
        if picture is None:
            painter.setPen(QtGui.QColor("#b8b8b8"))
            painter.drawText(box, middle, label)
            return
        painter.drawImage(box, picture, _center_crop(picture.size(), box.size()))
        strip = QtCore.QRect(box.left(), box.bottom() - 13, box.width(), 14)
        painter.fillRect(strip, QtGui.QColor(0, 0, 0, 150))
        painter.setPen(QtGui.QColor("#f0f0f0"))
        painter.drawText(strip, middle, label.replace("\n", " "))


def _height(confidence: float) -> float:
    """Return the height of a confidence in the curve, 0..1: the page's scale, on which 0.97 and 1 can be told apart."""
    return float(1 - (1 - min(1.0, max(0.0, confidence))) ** 0.5)


def _segments(curve: Sequence[tuple[int, float]]) -> list[list[tuple[int, float]]]:
    """Split the curve at missing frames."""
    segments: list[list[tuple[int, float]]] = []
    for point in curve:
        if segments and point[0] == segments[-1][-1][0] + 1:
            segments[-1].append(point)
        else:
            segments.append([point])
    return segments


def _center_crop(picture: QtCore.QSize, box: QtCore.QSize) -> QtCore.QRect:
    """Return the central part of a picture that fills a box without distortion."""
    size = box.scaled(picture, QtCore.Qt.AspectRatioMode.KeepAspectRatio)
    return QtCore.QRect(
        (picture.width() - size.width()) // 2, (picture.height() - size.height()) // 2, size.width(), size.height()
    )
