"""Files on disk: atomic writes, locks, links, scratch space, cached values, prefetching."""
