"""What is done over many runs: files, executors, and who failed."""
