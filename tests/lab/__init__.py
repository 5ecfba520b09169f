"""A small network of sick and healthy module proxies, made for one test run and gone after it."""
