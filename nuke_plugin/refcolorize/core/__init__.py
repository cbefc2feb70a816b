"""Find, start and call the core, the program that colours shots."""
