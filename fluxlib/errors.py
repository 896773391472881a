"""What users meet: something is wrong, something is not installed, or something does not apply."""


class FluxError(ValueError):
    """Input or a parameter cannot be used.

    The message is one sentence or two that name the file, line, column or parameter, what was
    found, what was expected and what to do.
    """


class MissingExtraError(FluxError, ImportError):
    """A package that only a part of fluxlib needs is not installed.

    The message says how to install it.
    """


class NotApplicable(Exception):  # noqa: N818 - it is not an error
    """A notebook's question cannot be asked of this dataset (no overlap, one satellite, ...).

    The rest of the notebook is skipped and the run goes on: this is a finding, not a failure.
    """

    def _render_traceback_(self):
        """Show one sentence in a notebook rather than a stack (IPython calls this)."""
        return [f"Not applicable to this dataset: {self}"]


class TooLittleDataError(FluxError, NotApplicable):
    """What was given is sound, but too little, or too much the same, to answer from.

    In one's own code an error like others; in a notebook a finding about the dataset.
    """
