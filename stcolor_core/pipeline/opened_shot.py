"""Open and check the files of a shot, and plan its spans: all that is done before a frame is coloured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

import torch

from stcolor_core.files.stat_cache import StatCache
from stcolor_core.images.sequences import FramePattern
from stcolor_core.models import registry
from stcolor_core.pipeline.digest import Digests
from stcolor_core.pipeline.events import Reporter
from stcolor_core.pipeline.footage import ShotFootage
from stcolor_core.pipeline.input_contents import InputContents
from stcolor_core.pipeline.input_record import InputRecord
from stcolor_core.pipeline.inputs import ShotInputs
from stcolor_core.pipeline.keyframe_roles import keep_lone_keyframes, settle_keyframes
from stcolor_core.pipeline.keyframe_verdicts import KeyframeVerdicts
from stcolor_core.pipeline.planning import (
    RunPlan,
    detector_digest,
    load_detector,
    plan_spans,
    requested_frames,
    resolve_tracking,
)
from stcolor_core.pipeline.protection import refuse_results_as_references, refuse_to_write
from stcolor_core.pipeline.reference_flaws import ReferenceFlaws
from stcolor_core.pipeline.reference_reports import leave_out_idle, warn_of_unreferenced
from stcolor_core.pipeline.run_reports import report_transitions, warn_of_open_dissolves
from stcolor_core.pipeline.shot_patches import ShotPatches
from stcolor_core.pipeline.transition_search import find_cuts_between, find_transitions
from stcolor_core.remedies import advise
from stcolor_core.shots.output_folder import require_frame_field
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.spans import Span, spans_containing
from stcolor_core.shots.transitions import Transitions

__all__ = ["OpenedShot"]


class OpenedShot:
    """A shot whose files have been opened and checked.

    Args:
        shot: The shot; its tracking is resolved.
        output: The output's files.
        device: Where the detector of instances runs, if the shot needs one.
        reporter: Takes the events and warnings.
        earlier: The inputs of an earlier run of the shot that is to be completed; None if there is none.

    Attributes:
        contents: Knows files that were only touched by their content.
        inputs: The shot's files.
        footage: The same at working size, as the method takes them.
        flaws: Finds the keyframes that give no colour.
        digests: Finds what decides a frame.
        patches: The shot's patches, and how far they are carried once `plan_spans` has run.

    Raises:
        StcolorError: If a file is missing or damaged, or the shot is refused.
    """

    def __init__(
        self,
        shot: Shot,
        output: FramePattern,
        *,
        device: torch.device,
        reporter: Reporter,
        earlier: InputRecord | None,
    ) -> None:
        self._shot, self._reporter, self._cache = shot, reporter, StatCache()
        self.contents = InputContents(shot.output.path, shot.output.reuse, self._cache)
        model = registry.digest(shot.method.model, optical_flow=shot.method.optical_flow)
        choose = {} if earlier is None else {"choose": earlier.only_recorded}
        self.inputs = ShotInputs(shot, warn=reporter.warn, cache=self._cache, contents=self.contents, **choose)
        require_frame_field(output, self.inputs.frames)
        refuse_to_write(map(output.path, self.inputs.frames), shot, remedy=f"{advise('output')}.")
        refuse_results_as_references(shot, self.inputs)
        instances = shot.method.uses_instances
        detector = load_detector(shot, device) if instances and not shot.mattes else None
        self.flaws = ReferenceFlaws(shot, self.inputs, self._cache)
        self.footage = ShotFootage(
            shot,
            self.inputs,
            use_instances=instances,
            detector=detector,
            flaws=self.flaws,
            warn=reporter.warn,
            queue=reporter.queue,
        )
        self.digests = Digests(
            shot,
            self.inputs,
            canvas=self.footage.canvas,
            model=model,
            detector=detector_digest(shot, self.inputs),
            flaws=self.flaws,
        )
        self.footage.lines.hold()  # until the keyframes are settled
        self.footage.refuse_misfits()
        self.patches = ShotPatches(self.footage, reporter)

    def plan(self) -> RunPlan:
        """Return what a run would write and everything that decides it; no frame is coloured.

        Raises:
            StcolorError: If a file is damaged or has changed, or a requested frame is not in the plate.
        """
        requested = requested_frames(self._shot, self.footage.frames)
        transitions, spans = self.plan_spans(requested)
        digests = self.digest_frames(requested, spans)
        self.warn_of_unreferenced(requested, spans)
        return RunPlan(
            frames=self.footage.frames,
            references=self.footage.references,
            patches=self.footage.patches,
            strangers=self.inputs.strangers,
            parts=self.inputs.parts,
            tracking=resolve_tracking(self._shot),
            transitions=transitions,
            spans=tuple(spans),
            digests=digests,
        )

    def plan_spans(self, requested: frozenset[int]) -> tuple[Transitions, list[Span]]:
        """Return the transitions and the spans; plan the patches.

        Args:
            requested: The frames to write.

        Raises:
            Cancelled: If the run is cancelled while cuts are looked for.
            PlateError: If a file is damaged or has changed since the run began.
        """
        leave_out_idle(self._reporter, self.flaws, self.inputs.references)
        self._settle_keyframes()
        transitions = self._find_transitions(requested)
        keep_lone_keyframes(self.inputs, transitions.scene_starts)
        spans = plan_spans(self._shot, self.footage.frames, self.footage.references, transitions)
        self.patches.plan(transitions.scene_starts)
        return transitions, spans

    def digest_frames(self, requested: frozenset[int], spans: Iterable[Span]) -> dict[int, str]:
        """Return the digest of every requested frame, in ascending order of frames.

        Args:
            requested: The frames to write.
            spans: The spans of `plan_spans`.
        """
        references = requested.intersection(self.footage.references)
        digests = {frame: self.digests.of_reference(frame) for frame in references}
        for span in spans_containing(spans, requested):
            digest = self.digests.of_span(span, self.patches.walks_to(span))
            digests.update(dict.fromkeys(requested.intersection(span.frames), digest))
        return dict(sorted(digests.items()))

    def warn_of_unreferenced(self, requested: frozenset[int], spans: Sequence[Span]) -> None:
        """Warn of the requested frames without a reference in their scene.

        Args:
            requested: The frames to write.
            spans: The spans of `plan_spans`.
        """
        walks, stills = self.patches.walks, bool(self._shot.stills or self.inputs.strangers)
        warn_of_unreferenced(self._reporter, spans, requested, walks=walks, stills=stills, flaws=self.flaws)

    def _settle_keyframes(self) -> None:
        if self._shot.method.register == "off":
            return
        verdicts = KeyframeVerdicts(self._shot, self.inputs, self.footage, self.flaws, self._cache)
        looks, check = self._reporter.looks, self._reporter.raise_if_cancelled
        search = partial(find_cuts_between, looks=looks, cache=self._cache, check=check)
        settle_keyframes(self.inputs, self.footage, verdicts, partial(search, self._shot, self.inputs, self.footage))

    def _find_transitions(self, requested: frozenset[int]) -> Transitions:
        found = find_transitions(
            self._shot,
            self.inputs,
            self.footage,
            requested,
            looks=self._reporter.looks,
            check=self._reporter.raise_if_cancelled,
            cache=self._cache,
        )
        if self._shot.method.cuts == "auto":
            report_transitions(self._reporter, found)
        else:
            warn_of_open_dissolves(self._reporter, found, list(self.footage.frames))
        return found
