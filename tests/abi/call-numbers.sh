#!/bin/sh
# The table of the profile's system calls is what its script makes of the profile now.
. "$(dirname "$0")/../cli/lib.sh"
cd "$abs_top_srcdir"
make=plugins/executor-native/callnumbers
python3 -c 'import ctypes; ctypes.CDLL("libseccomp.so.2")' 2>/dev/null || skip "no libseccomp"
$make >"$work/callnumbers.h"
diff "$work/callnumbers.h" $make.h || fail "$make > $make.h"
