"""From records to batches on the collector's doorstep."""
