#!/bin/sh
# tests/lists.mk names what is in the folders: no test is forgotten, none has gone.
. "$(dirname "$0")/../cli/lib.sh"
run 0 "$abs_top_srcdir/tests/list" --check
