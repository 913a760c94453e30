#!/bin/sh
# Find a Python that is new enough, and let it make the environment. PYTHON=... names one.
set -eu
cd "$(dirname "$0")/.."

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

# The pinned versions were checked with 3.11, so it comes first.
for name in ${PYTHON:-python3.11 python3.12 python3.13 python3 python}; do
    if new_enough "$name"; then
        exec "$name" -m tools.setup_environment
    fi
done
if [ -n "${PYTHON:-}" ]; then
    echo "PYTHON=$PYTHON is not a Python of version 3.11 or newer; name another one, or leave PYTHON out" >&2
else
    echo "napari-sti needs Python 3.11 or newer, and none was found; on Debian: sudo apt-get install python3" >&2
fi
exit 2
