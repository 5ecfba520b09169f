"""What one thing on the network was, and the document that holds all of one command."""
