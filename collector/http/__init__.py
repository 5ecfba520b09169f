"""Values in, values out, over HTTP."""
