"""What became of the rows of a file."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Account:
    """What became of the rows of one file: ``read == kept + sum(rejected.values())``.

    Attributes
    ----------
    rejected : Counter
        Rows by reason.
    examples : dict
        For each reason the first line (or time) that it befell.
    filled : Counter
        Values by column that were a fill or no physical value, and are NaN now.
    """

    read: int = 0
    kept: int = 0
    rejected: Counter = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    filled: Counter = field(default_factory=Counter)

    def reject(self, reason: str, example: str, count: int = 1) -> None:
        """Move `count` kept rows to those rejected for `reason`."""
        self.kept -= count
        self.rejected[reason] += count
        self.examples.setdefault(reason, example)

    def explain(self) -> str:
        """Return the reasons in a line: "2 duplicate time (2014-01-01 00:00)"."""
        return "; ".join(
            f"{count} {reason} ({self.examples[reason]})" for reason, count in self.rejected.items()
        )
