"""What the core asks of the world: Protocols and their value types, no behaviour."""
