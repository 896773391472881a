"""A folder of native files with its dataset.toml becomes a Dataset on one grid."""
