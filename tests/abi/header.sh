#!/bin/sh
# The plugin header stands alone: C99, C11 and C++11, without implicit padding,
# on 64 and 32 bit.
set -eu
top=${abs_top_srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
printf '#include "tenon-plugin.h"\nint tenon_header_alone(void);\nint tenon_header_alone(void) { return (int)sizeof(struct tenon_host); }\n' >"$tmp/t.c"
cp "$tmp/t.c" "$tmp/t.cc"
flags="-I$top/core/include -Wall -Wextra -pedantic -Wpadded -Wno-missing-declarations -Werror -c -o $tmp/t.o"
for std in c99 c11 gnu17; do
    ${CC:-cc} -std=$std $flags "$tmp/t.c"
    echo "ok: $std"
done
if command -v ${CXX:-c++} >/dev/null; then
    ${CXX:-c++} -x c++ -std=c++11 $flags "$tmp/t.cc"
    echo "ok: c++11"
fi
# What is compiled into plugins by other headers: no warning of theirs either.
for header in tenon-graph.h tenon-json.h; do
    printf '#include "%s"\n' "$header" >"$tmp/u.c"
    helpers="-I$top/core/include -Wall -Wextra -pedantic -Werror -c -o $tmp/u.o"
    ${CC:-cc} -std=c99 -Wshadow $helpers "$tmp/u.c"
    ! command -v ${CXX:-c++} >/dev/null || ${CXX:-c++} -x c++ -std=c++11 $helpers "$tmp/u.c"
    echo "ok: $header"
done
if echo 'int x;' | ${CC:-cc} -m32 -x c -c -o "$tmp/m.o" - 2>/dev/null; then
    ${CC:-cc} -m32 -ffreestanding -std=c99 $flags "$tmp/t.c"
    echo "ok: 32 bit"
    # As on armhf and powerpc: 64-bit numbers begin at a multiple of 8.
    ${CC:-cc} -m32 -malign-double -ffreestanding -std=c99 $flags "$tmp/t.c"
    echo "ok: 32 bit, wide alignment"
fi
