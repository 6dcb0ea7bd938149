"""Makes dates comparable, one file a step: Stack → Stack, with what was measured added as coordinates."""
