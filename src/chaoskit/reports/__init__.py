"""Reports for people and machines, pure, from kept records."""
