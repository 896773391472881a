#!/usr/bin/env bash
# The one door: sets the project up in .venv when needed, then runs, tests, or opens it.
# Written for bash 3.2, which macOS has.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv="$root/.venv"
stamp="$venv/set-up"

die() {
  echo "run_all.sh: $*" >&2
  exit 1
}

is_supported() {
  "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
}

print_version() {
  "$1" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null || echo "unusable"
}

# Prints the Python to use.
find_python() {
  local name found=""
  if [ -n "${PYTHON:-}" ]; then
    is_supported "$PYTHON" && { echo "$PYTHON"; return; }
    die "PYTHON is $PYTHON ($(print_version "$PYTHON")), but Python 3.11, 3.12 or 3.13 is needed."
  fi
  for name in python3.13 python3.12 python3.11 python3; do
    command -v "$name" >/dev/null 2>&1 || continue
    is_supported "$name" && { echo "$name"; return; }
    found="$found, $name is $(print_version "$name")"
  done
  die "Python 3.11, 3.12 or 3.13 is needed, and there is none on the PATH${found}." \
    "Install one from https://www.python.org, or name it with PYTHON=/path/to/python."
}

# What .venv was made for: the pinned packages, its own Python, and this folder.
print_state() {
  "$venv/bin/python" -c 'import hashlib, sys
pinned = open(sys.argv[1] + "/requirements.txt", "rb").read()
print(hashlib.sha256(pinned).hexdigest(), "%d.%d.%d" % sys.version_info[:3], sys.argv[1])' "$root"
}

# PYTHON, where set, is of another version than .venv's.
wants_other_python() {
  [ -n "${PYTHON:-}" ] && [ "$(print_version "$PYTHON")" != "$(print_version "$venv/bin/python")" ]
}

# uv installs in a fraction of pip's time. pip is there for where uv is not, or finds no packages:
# it does not read pip's own configuration.
install_packages() {
  local uv pip=("$venv/bin/python" -m pip --quiet --disable-pip-version-check install)
  if ! uv=$(command -v uv); then
    uv="$venv/bin/uv"
    [ -x "$uv" ] || "${pip[@]}" --retries 1 uv >/dev/null 2>&1 || true
  fi
  "$uv" pip install --quiet --python "$venv/bin/python" -r "$root/requirements.txt" 2>/dev/null ||
    "${pip[@]}" -r "$root/requirements.txt"
}

set_up() {
  local python
  # Without a stamp the last set-up was killed, and what it left cannot be trusted.
  if [ ! -f "$stamp" ] || ! is_supported "$venv/bin/python" || wants_other_python; then
    python=$(find_python)
    echo "Setting up .venv with Python $(print_version "$python"): a minute or more, once." >&2
    rm -f "$stamp"
    "$python" -m venv --clear "$venv" ||
      die "'$python -m venv' failed. On Debian and Ubuntu, install the package python3-venv."
  else
    echo "Bringing .venv up to date with requirements.txt." >&2
    rm -f "$stamp"
  fi
  install_packages || die "installing requirements.txt failed; see above."
  # The project itself, importable from any folder, without a build.
  echo "$root" >"$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/fluxlib-project.pth"
  print_state >"$stamp.new"
  mv "$stamp.new" "$stamp"
}

needs_set_up() {
  [ ! -f "$stamp" ] || wants_other_python || [ "$(cat "$stamp")" != "$(print_state 2>/dev/null)" ]
}

# Of two first calls at once one sets up, and the other waits and finds it done. The lock belongs to
# the set-up and all that it started, and so is free when the last of them has ended, even if killed.
set_up_alone() {
  local python
  python=$(find_python) || exit
  "$python" -c 'import fcntl, subprocess, sys
lock = open(sys.argv[1], "a")
fcntl.flock(lock, fcntl.LOCK_EX)
sys.exit(subprocess.call(sys.argv[2:], pass_fds=[lock.fileno()]))' \
    "$root/.venv-lock" bash "$root/run_all.sh" --set-up-only
}

if [ "${1:-}" = --set-up-only ]; then
  if needs_set_up; then set_up; fi
  exit
fi

for argument in "$@"; do
  case "$argument" in
    test | lab | fetch | sweep | docs | record | clean | train | now | score) break ;; # the rest is theirs
    -h | --help)
      python=$(find_python)
      exec "$python" -P -B "$root/fluxlib/__main__.py" --help
      ;;
  esac
done

if needs_set_up; then
  set_up_alone || exit
fi

unset MPLBACKEND # set to agg, it removes the figures from notebooks
unset PYTHONDONTWRITEBYTECODE # uv compiles no package: each process would compile them all again
export TF_CPP_MIN_LOG_LEVEL="${TF_CPP_MIN_LOG_LEVEL:-3}"
# A thread that waits sleeps: one that spins takes the core from the thread that it waits for.
export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-PASSIVE}"
export FLUX_CACHE="${FLUX_CACHE:-$root/data/cache}"
exec "$venv/bin/python" -P -m fluxlib "$@"
