"""One file an artefact; each receives one ``Evidence`` and a path, and nothing else."""
