"""Where events come from: the kernel, a capture file."""
