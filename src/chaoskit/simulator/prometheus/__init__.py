"""A Prometheus server: recorded signals, the queries it answers, its alerts."""
