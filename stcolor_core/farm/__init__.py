"""Jobs for render farms: OpenJD and AWS Deadline Cloud, Deadline 10, OpenCue."""
