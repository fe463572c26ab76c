#!/bin/sh
# Makes the golden files of real faces once, outside the checkout, and prints their folder: what the tests read as
# LIMEN_GOLDEN_FACES. Nothing is printed where there is no face collection, and the exit status is then 0 as well.
#
#     faces.sh [CACHE]        CACHE is ~/.cache/limen unless given
#
# The collection is LIMEN_FACES, else ../shared/data beside the checkout. Needs python3 with venv and pip; its
# packages (onnx/requirements.txt) go into CACHE/venv.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/limen}
data=${LIMEN_FACES:-$here/../../../shared/data}
if [ ! -f "$data/manifest.csv" ]; then
    echo "faces.sh: no face collection at $data: set LIMEN_FACES to its folder" >&2
    exit 0
fi

# Made again when the script or the models are others.
stamp=$(cat "$here/make_golden.py" "$here/../zoo.toml" "$here/../onnx/requirements.txt" | sha256sum | cut -c1-16)
out=$cache/golden-faces-$stamp
if [ ! -f "$out/golden.json" ]; then
    mkdir -p "$cache"
    python=$cache/venv/bin/python
    if ! "$python" -c 'import dlib, onnxruntime, PIL' 2>/dev/null; then
        python3 -m venv "$cache/venv" >&2
        "$python" -m pip install --quiet --requirement "$here/../onnx/requirements.txt" >&2
    fi
    # golden.json is written last, into a folder that gets its name when it is whole.
    rm -rf "$out.new"
    "$python" "$here/make_golden.py" --data "$data" --out "$out.new" --packages "$cache/packages" >&2
    rm -rf "$out"
    mv "$out.new" "$out"
fi
echo "$out"
