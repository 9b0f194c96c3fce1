"""The doors to the heavy libraries. Importing this package, or the registry, imports none of them."""
