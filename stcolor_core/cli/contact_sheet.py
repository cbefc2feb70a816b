"""The contact sheet of `stcolor plan`: the frames to paint, as one HTML file that needs no other file."""

from __future__ import annotations

import base64
from html import escape

import cv2

from stcolor_core.arrays import ByteImage
from stcolor_core.images.frame_ranges import name_frames
from stcolor_core.pipeline.key_planning import KeyPlan

__all__ = ["contact_sheet"]

_QUALITY = 88  # of the JPEGs
_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1200px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.3rem; overflow-wrap: anywhere; }
.sheet { display: grid; grid-template-columns: repeat(auto-fill, minmax(260px, 1fr)); gap: 1.25rem; padding: 0; }
figure { margin: 0; }
img { width: 100%; height: auto; display: block; border-radius: 4px; }
figcaption { margin-top: .4rem; }
figcaption b { font-size: 1.1rem; }
table { border-collapse: collapse; margin-top: 2rem; }
th, td { text-align: right; padding: .2rem .9rem .2rem 0; border-bottom: 1px solid #8884; }
th:first-child, td:first-child { text-align: left; }
@media print { figure { break-inside: avoid; } }
"""


def contact_sheet(plan: KeyPlan, *, plate: str) -> str:
    """Return a plan as HTML, with its thumbnails inside.

    Args:
        plan: The plan, with a thumbnail of each keyframe.
        plate: The plate's path, for the title.
    """
    title = escape(f"Keyframes for {plate}")
    figures = []
    for number, (scene, key) in enumerate(plan.order, 1):
        where = name_frames(range(scene.first, scene.last + 1))
        caption = f"<b>{number}. Frame {key.frame}</b><br>colours {100 * key.share:.0f} % of {where}"
        alt = f"Frame {key.frame} of the plate"
        picture = _data_url(plan.thumbnails[key.frame])
        height, width = plan.thumbnails[key.frame].shape
        figures.append(
            f'<figure><img src="{picture}" width="{width}" height="{height}" alt="{alt}">'
            f"<figcaption>{caption}</figcaption></figure>"
        )
    rows = []
    for scene in plan.scenes:
        keys = ", ".join(f"{frame}" for frame in sorted(key.frame for key in scene.keys)) or "none: stays grey"
        rows.append(
            f"<tr><td>{scene.first}-{scene.last}</td><td>{scene.length}</td><td>{keys}</td>"
            f"<td>{100 * scene.share:.0f} %</td></tr>"
        )
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{title}</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
        f"<p>Paint these frames in this order. With all of them about {100 * plan.share:.0f} % of the pixels should be "
        "right.</p>\n"
        f'<div class="sheet">\n{chr(10).join(figures)}\n</div>\n'
        "<table>\n<thead><tr><th>Scene</th><th>Frames</th><th>Keyframes</th><th>Coloured</th></tr></thead>\n"
        f"<tbody>\n{chr(10).join(rows)}\n</tbody>\n</table>\n</body>\n</html>\n"
    )


def _data_url(picture: ByteImage) -> str:
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")
