"""What counts as a failure: by the history itself, by what was kept; and whether labels can be meant so."""
