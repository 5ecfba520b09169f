"""The collector: receives batches, scores each proxy, answers who is sick and why."""
