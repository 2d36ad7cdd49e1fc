"""The API server: what it stores, how requests change it, who may, and what clients see over HTTP."""
