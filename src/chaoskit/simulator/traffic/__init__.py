"""Requests between pods: who calls whom, what that costs, and the counters and signals it leaves."""
