"""Controls for JupyterLab, one module a notebook."""
