"""What is told of the time that has passed: values, made from what is kept."""
