"""Tiny movies for tests, written with PyAV plane by plane, so that a test knows every code value in them."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

Codes = NDArray[Any]
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg on the PATH")


def write_clip(
    path: Path,
    frames: Iterable[Sequence[Codes]],
    *,
    codec: str = "ffv1",
    layout: str = "yuv444p10le",
    rate: Fraction | int = 24,
    times: Sequence[int] | None = None,
    tags: tuple[int, int, int, int] = (2, 2, 2, 0),
    timecode: str | None = None,
    options: Mapping[str, str] | None = None,
    sound: bool = False,
    packet_samples: int = 1024,
) -> Path:
    """Write a movie from planes of codes.

    Args:
        path: The movie.
        frames: The planes of each frame.
        codec: FFmpeg's encoder.
        layout: FFmpeg's layout of the pixels.
        rate: Frames a second.
        times: The time of each frame in units of 1 / (10 * rate); None for a constant rate.
        tags: Primaries, transfer, matrix and range (1 limited, 2 full), as H.273 numbers them.
        timecode: That of the first frame.
        options: The encoder's.
        sound: Whether to add a tone of PCM.
        packet_samples: Samples in a packet of it.
    """
    with av.open(str(path), "w", options={"write_tmcd": "on"} if path.suffix == ".mp4" else {}) as container:
        stream: Any = container.add_stream(codec, rate=Fraction(rate), options=dict(options or {}))
        tone: Any = container.add_stream("pcm_s16le", rate=48000, layout="mono") if sound else None
        if timecode:
            container.metadata["timecode"] = timecode
            stream.metadata["timecode"] = timecode
        context = stream.codec_context
        context.color_primaries, context.color_trc, context.colorspace, context.color_range = tags
        context.time_base = stream.time_base = 1 / Fraction(rate) / (10 if times else 1)
        count = 0
        for number, planes in enumerate(frames):
            height, width = planes[0].shape
            if not number:
                stream.width, stream.height, stream.pix_fmt = width, height, layout
            frame = av.VideoFrame(width, height, layout)
            for place, codes in enumerate(planes):
                fill(frame.planes[place], codes)
            frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range = tags
            frame.pts, frame.time_base = times[number] if times else number, context.time_base
            container.mux(stream.encode(frame))
            count += 1
        container.mux(stream.encode(None))
        if sound:
            samples = round(48000 * count / Fraction(rate))
            wave = (np.sin(np.arange(samples) / 20) * 8000).astype(np.int16)
            for start in range(0, samples, packet_samples):
                heard = av.AudioFrame.from_ndarray(
                    wave[None, start : start + packet_samples], format="s16", layout="mono"
                )
                heard.sample_rate, heard.pts = 48000, start
                container.mux(tone.encode(heard))
            container.mux(tone.encode(None))
    return path


def fill(plane: Any, codes: Codes) -> None:
    rows = plane.buffer_size // plane.line_size
    padded = np.zeros((rows, plane.line_size // codes.itemsize), codes.dtype)
    padded[: codes.shape[0], : codes.shape[1]] = codes
    plane.update(padded.tobytes())


def grey_planes(luma: Codes, *, bits: int, rows: int = 1, columns: int = 1) -> tuple[Codes, Codes, Codes]:
    """Return luma with neutral chroma."""
    height, width = luma.shape
    chroma = np.full((-(-height // rows), -(-width // columns)), 1 << (bits - 1), luma.dtype)
    return luma, chroma, chroma


def ramp(height: int, width: int, *, bits: int, number: int = 0) -> Codes:
    """Return codes that rise to the right, from below black to above white, and differ from frame to frame."""
    kind = np.uint8 if bits == 8 else np.uint16
    least, most = (1 << (bits - 8)) * 4, (1 << (bits - 8)) * 250
    row = np.linspace(least, most, width)
    return np.asarray(np.clip(np.rint(row[None] + np.arange(height)[:, None] + number * 3), least, most), kind)


def decode_with_ffmpeg(path: Path, *, place: int, width: int, height: int, white: int) -> NDArray[np.float32]:
    """Return a frame as the program ffmpeg decodes it: (H, W, 3), 0..1.

    ffmpeg is told where chroma lies, which it does not look up. `white` is the white of its 16
    bits: codes are shifted up, and not stretched to 65535.
    """
    scale = "scale=in_h_chr_pos=0:flags=bilinear+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact"
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-vf", f"select=eq(n\\,{place}),{scale}", "-frames:v", "1"]
    command += ["-f", "rawvideo", "-pix_fmt", "gbrp16le", "-"]
    data = subprocess.run(command, capture_output=True, check=True).stdout
    green, blue, red = np.frombuffer(data, "<u2").reshape(3, height, width)
    return np.stack([red, green, blue], axis=-1).astype(np.float32) / np.float32(white)


def ffprobe(path: Path) -> dict[str, Any]:
    """Return what ffprobe says of a movie."""
    command = ["ffprobe", "-v", "error", "-show_streams", "-show_format", "-count_packets", "-of", "json", str(path)]
    answer: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return answer
