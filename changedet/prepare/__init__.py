"""Makes dates comparable, one file a step; each step is a function Stack → Stack that adds its measurements as coordinates."""
