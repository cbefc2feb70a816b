"""Read movies as plates and write results as movies, through PyAV; `import stcolor_core.movies` does not load it."""
