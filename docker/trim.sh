#!/bin/sh
# Remove from the environment VENV what a container never uses: a third of its size.
set -eu
venv=$1
cd "$venv"/lib/python3.*/site-packages
find . -type d -name tests -prune -exec rm -r {} +
find . -type f \( -name '*.pyi' -o -name '*.pyx' -o -name '*.px[di]' -o -name '*.c' -o -name '*.h' \) -delete
# Parts of Arrow that talk to other servers: 49 MB.
rm -r pyarrow/*flight* pyarrow/*s3*
# It builds environments, for which a container with a read-only root has no room.
rm -r pip pip-* "$venv"/bin/uv "$venv"/bin/uvx
# Whatever of the removed is needed after all ends the build.
"$venv"/bin/python -c 'import pandas, pyarrow.parquet, scipy.stats'
