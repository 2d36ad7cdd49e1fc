"""The demo shop: its manifests, the stories in which it fails, and who directs them."""
