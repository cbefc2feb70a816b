"""The keys of info files that Deadline 10 documents.

Job info: "Manual Job Submission" of its manual,
https://docs.thinkboxsoftware.com/products/deadline/10.1/1_User%20Manual/manual/manual-submission.html, which ynput's
`DeadlineJobInfo` (openpype/modules/deadline/abstract_submit_deadline.py) lists key by key. Plug-in info: the keys that
Deadline's own submitters for Nuke and for command lines write.
"""

from __future__ import annotations

import re

__all__ = ["PLUGIN_KEYS", "read_info", "unknown_job_keys"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_JOB_KEYS = _words(
    """
    Plugin Frames Name Comment Department BatchName UserName MachineName Pool SecondaryPool Group Priority
    ChunkSize ConcurrentTasks LimitConcurrentTasksToNumberOfCpus OnJobComplete SynchronizeAllAuxiliaryFiles
    ForceReloadPlugin Sequential SuppressEvents Protected InitialStatus NetworkRoot MinRenderTimeSeconds
    MinRenderTimeMinutes TaskTimeoutSeconds TaskTimeoutMinutes StartJobTimeoutSeconds StartJobTimeoutMinutes
    InitializePluginTimeoutSeconds OnTaskTimeout EnableTimeoutsForScriptTasks EnableFrameTimeouts
    EnableAutoTimeout Interruptible InterruptiblePercentage RemTimeThreshold NotificationTargets
    ClearNotificationTargets NotificationEmails OverrideNotificationMethod EmailNotification PopupNotification
    NotificationNote MachineLimit MachineLimitProgress Whitelist Blacklist LimitGroups JobDependencies
    JobDependencyPercentage IsFrameDependent FrameDependencyOffsetStart FrameDependencyOffsetEnd
    ResumeOnCompleteDependencies ResumeOnDeletedDependencies ResumeOnFailedDependencies RequiredAssets
    ScriptDependencies OverrideJobFailureDetection FailureDetectionJobErrors OverrideTaskFailureDetection
    FailureDetectionTaskErrors IgnoreBadJobDetection SendJobErrorWarning DeleteOnComplete ArchiveOnComplete
    OverrideAutoJobCleanup OverrideJobCleanup JobCleanupDays OverrideJobCleanupType ScheduledType
    ScheduledStartDateTime ScheduledDays JobDelay Scheduled PreJobScript PostJobScript PreTaskScript
    PostTaskScript EventOptIns IncludeEnvironment UseJobEnvironmentOnly CustomPluginDirectory
    OverrideTaskExtraInfoNames TileJob TileJobFrame TileJobTilesInX TileJobTilesInY TileJobTileCount
    MaintenanceJob MaintenanceJobStartFrame MaintenanceJobEndFrame
    """
)
_NUMBERED = re.compile(
    r"(EnvironmentKeyValue|ExtraInfo|ExtraInfoKeyValue|TaskExtraInfoName|OutputFilename|OutputDirectory|AssetDependency"
    r"|JobDependency)\d+|OutputFilename\d+Tile\d+"
)
PLUGIN_KEYS = {
    "CommandLine": _words(
        """
    Executable Arguments StartupDirectory Shell ShellExecute SingleFramesOnly
    """
    ),
    "Nuke": _words(
        """
    SceneFile Version Threads RamUse BatchMode BatchModeIsMovie NukeX UseGpu GpuOverride RenderMode ProxyMode
    Views WriteNode WriteNodesAsSeparateJobs EnforceRenderOrder ContinueOnError StackSize ScriptJob
    ScriptFilename PerformanceProfiler PerformanceProfilerDir
    """
    ),
}


def unknown_job_keys(info: dict[str, str]) -> list[str]:
    """Return the keys of a job info that Deadline does not document."""
    return [key for key in info if key not in _JOB_KEYS and not _NUMBERED.fullmatch(key)]


def read_info(text: str) -> dict[str, str]:
    """Read an info file as Deadline does: one KEY=VALUE on each line, each key once."""
    pairs = [line.split("=", 1) for line in text.splitlines() if line.strip()]
    assert all(len(pair) == 2 for pair in pairs), text
    info = dict(pairs)
    assert len(info) == len(pairs), text
    return info
