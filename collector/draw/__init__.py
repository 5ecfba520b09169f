"""Pictures as SVG: values in, markup out; knows nothing of proxies, hosts or languages."""
