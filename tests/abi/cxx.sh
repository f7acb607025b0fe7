#!/bin/sh
# Plugins can be written in C++ of any standard, without a warning, and are loaded.
. "$(dirname "$0")/../cli/lib.sh"
cxx=${CXX:-c++}
command -v "$cxx" >/dev/null || skip "no C++ compiler"
cxxdir=$abs_top_srcdir/tests/abi/cxx
strict="-Wall -Wextra -Werror -Wno-missing-field-initializers -shared -fPIC -fvisibility=hidden"

made() # STANDARD SOURCE KIND-NAME FLAGS...
{
    standard=$1 source=$2 name=$3
    shift 3
    rm -rf "$work/so" && mkdir "$work/so"
    $cxx -std=$standard $strict "$@" -I"$abs_top_srcdir/core/include" -o "$work/so/$name.so" \
        "$cxxdir/$source.cc" || fail "$source.cc: not $standard"
    chmod 755 "$work" "$work/so" && chmod 644 "$work/so/$name.so"
    nm -D --defined-only "$work/so/$name.so" | grep -q " T $(echo "$name" | tr - _)_LTX_tenon_plugin_query$" ||
        fail "$source.cc, $standard: the one symbol is not C's"
    run 0 tenon --plugin-dir "$work/so" plugins "$name"
}

for standard in c++98 c++11 c++14 c++17 c++20; do
    echo 'int x;' | $cxx -std=$standard -x c++ -c -o "$work/x.o" - 2>/dev/null ||
        { not_tried "$standard: the compiler has it not"; continue; }
    pedantic=-pedantic
    [ $standard != c++98 ] || pedantic= # has no long long, which is what int64_t may be
    made $standard greeting mount-greeting $pedantic
    assert_has "$work/out" "who is greeted"
done
made c++20 designated cache-designated
assert_has "$work/out" "min: what the result is made of"
