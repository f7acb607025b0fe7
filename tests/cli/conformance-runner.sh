#!/bin/sh
# The conformance runner notices: each kind of what is recorded, changed in a copy; images
# with faults; and it ends all that it started when it is told to end.
. "$(dirname "$0")/lib.sh"
need python3 docker-registry skopeo busybox zstd

TMPDIR=$work
export TMPDIR
"$abs_top_srcdir/tests/conformance/selftest" || fail "the runner's self-test"
