"""Auto recovery: from symptom to verified recovery, with a memory."""
