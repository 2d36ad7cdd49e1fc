"""What needs several of the parts: the library's facade, the demo, simulators kept running."""
