"""What an agent ships: the batch, its rows, its sketches; the collector's only door."""
