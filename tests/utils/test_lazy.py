import subprocess
import sys

from fluxlib.utils.lazy import drop_library_log

SCRIPT = """
import os, sys
from fluxlib.utils.lazy import hide_library_log
with hide_library_log():
    os.write(2, b"E0000 00:00:1795756802.28 121 cuda_platform.cc:52] failed call to cuInit\\n")
    print("a warning of our own", file=sys.stderr)
print("after", file=sys.stderr)
"""


def test_log_lines_of_libraries_are_dropped_and_nothing_else():
    log = (
        "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
        "I0000 00:00:1795264137.051678   26151 port.cc:153] oneDNN custom operations are on.\n"
        "E0000 00:00:1795263194.507409   29459 cuda_platform.cc:52] failed call to cuInit\n"
    )
    assert drop_library_log(log) == ""
    assert drop_library_log(log + "UserWarning: mind this\n") == "UserWarning: mind this"
    assert drop_library_log("WARNING: mind that") == "WARNING: mind that"


def test_what_a_library_logs_as_it_starts_is_not_told_and_all_else_is():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr == "a warning of our own\nafter\n"


def test_tensorflow_starts_without_a_word():
    script = "from fluxlib.prediction.forecaster import _import_lstm; _import_lstm()"
    script += "; import numpy, keras; keras.ops.ones(3)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
