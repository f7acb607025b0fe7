#!/bin/sh
# tests/lists.mk names what is in the folders: no test is forgotten, none has gone.
. "$(dirname "$0")/../cli/lib.sh"
run 0 "$abs_top_srcdir/tests/list" --check

# A build in the source tree leaves objects, programs and logs there, which are nobody's.
mkdir -p "$work/tree/tests"
(cd "$abs_top_srcdir/tests" && cp -R abi cli fault fuzz list lists.mk rootless security unit "$work/tree/tests")
(cd "$abs_top_srcdir/plugins" && for p in *-*/; do mkdir -p "$work/tree/plugins/$p"; done)
chmod -R u+w "$work/tree" # make distcheck has the sources read-only
cd "$work/tree/tests"
touch unit/test-buf unit/test-buf.o unit/test-buf.log unit/test-buf.trs cli/flags.log abi/lists.trs
run 0 ./list --check
