"""What the eyes cost and how exact they are: `python -m bench [NAME…]`, see docs/performance.md."""
