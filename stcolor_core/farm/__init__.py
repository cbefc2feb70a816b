"""A shot as a job for a render farm: OpenJD and AWS Deadline Cloud, Deadline 10, OpenCue."""
