"""
The catalogue of what goes wrong: every kind, its members, and how each is provoked.

One module per kind. `test_verdicts.py` asserts what a real `go` says of each; `python -m verdicts`
prints beside it what modpulse says.
"""
