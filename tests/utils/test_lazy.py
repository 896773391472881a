import subprocess
import sys

SCRIPT = """
import os, sys
from fluxlib.utils.lazy import hide_library_log
with hide_library_log():
    os.write(2, b"E0000 00:00:1795756802.28 121 cuda_platform.cc:52] failed call to cuInit\\n")
    print("a warning of our own", file=sys.stderr)
print("after", file=sys.stderr)
"""


def test_log_lines_of_libraries_are_dropped_and_all_else_is_told():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr == "a warning of our own\nafter\n"


def test_tensorflow_starts_without_a_word():
    script = "from fluxlib.prediction.forecaster import _import_lstm; _import_lstm()"
    script += "; import numpy, keras; keras.ops.ones(3)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
