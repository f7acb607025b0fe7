#!/bin/sh
# packaging/tenon.spec can be read, is of this version and interface, and has each plugin in one package.
. "$(dirname "$0")/lib.sh"
need rpmspec
spec=$abs_top_srcdir/packaging/tenon.spec
header=$abs_top_srcdir/core/include/tenon-plugin.h

rpmspec -P "$spec" >"$work/spec" 2>"$work/rpm" || { cat "$work/rpm" >&2; fail "rpmspec -P"; }
assert_eq "$(sed -n 's/^AC_INIT(\[tenon\], \[\(.*\)\])/\1/p' "$abs_top_srcdir/configure.ac")" \
    "$(sed -n 's/^Version: *//p' "$work/spec")"
number() { sed -n "s/^#define TENON_ABI_$1 \\([0-9]*\\).*/\\1/p" "$header"; }
grep -qx "Provides: *tenon-plugin-abi-$(number MAJOR) = $(number MINOR)" "$work/spec" ||
    fail "abi_major and abi_minor are not those of tenon-plugin.h, $(number MAJOR) and $(number MINOR)"

sed -n 's/^TENON_BUNDLED_PLUGIN(\[\([a-z0-9-]*\)\].*/\1/p' "$abs_top_srcdir/configure.ac" | sort >"$work/plugins"
grep -o '/tenon/[0-9]*/[a-z0-9-]*\.so$' "$work/spec" | sed 's,.*/,,; s,\.so$,,' | sort >"$work/packed"
diff "$work/plugins" "$work/packed" || fail "plugins of configure.ac (<) and of the packages (>)"
[ "$(wc -l <"$work/plugins")" -ge 20 ] || fail "fewer than 20 plugins"
# A plugin alone is a package alone in debian/, too.
for file in "$abs_top_srcdir"/debian/tenon-plugin-*.install; do
    plugin=$(basename "$file" .install)
    grep -qx "%package ${plugin#tenon-}" "$work/spec" || fail "no package $plugin"
done
# What a macro makes of its arguments.
! grep '^Summary:.*"' "$work/spec" || fail "a summary with a quote"
grep -qx "Summary: The user's ssh agent in steps" "$work/spec" || fail "no summary of plugin-mount-ssh"
# tenon recommends the plugins that it recommends in debian/.
sed -n '/^Package: tenon$/,/^Suggests:/p' "$abs_top_srcdir/debian/control" |
    sed -n '/^Recommends:/,$s/^ \(tenon-plugin-[a-z-]*\).*/\1/p' | sort >"$work/debian"
sed '/^%package/,$d' "$work/spec" | grep '^Recommends:' | grep -o 'tenon-plugin-[a-z-]*' |
    grep -vx tenon-plugin-executor-native | sort >"$work/rpm"
diff "$work/debian" "$work/rpm" || fail "plugins that debian/control (<) and the spec (>) recommend"
