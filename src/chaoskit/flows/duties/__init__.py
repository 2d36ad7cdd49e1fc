"""What a controller does while it leads: one module for each duty, with what that duty remembers."""
