#!/bin/sh
# tenon(1) has the flags and the verbs that the help has, and no others.
. "$(dirname "$0")/lib.sh"
page=$abs_top_srcdir/docs/tenon.1

run 0 tenon build --help
sed -n 's/^ *\(-.,\)\? *\(--[a-z-]*\).*(not supported yet)$/\2*/p; s/^ *\(-.,\)\? *\(--[a-z-]*\).*/\2/p' "$work/out" |
    grep . | awk '{ n = $0; sub(/\*$/, "", n); if (n != $0) later[n] = 1; all[n] = 1 }
        END { for (n in all) print n (n in later ? "*" : "") }' | sort >"$work/help"
sed -n '/^\.Sh BUILD/,/^\.Sh ENVIRONMENT/p' "$page" | grep '^\.It' | grep -o 'Fl Fl [a-z-]*\*\?' |
    sed 's/Fl Fl /--/' | sort -u >"$work/manual"
diff "$work/help" "$work/manual" || fail "flags of build: the help (<) and the manual (>)"

run 0 tenon --help
sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p' "$work/out" | sort >"$work/help"
sed -n '/^The verbs are/,/^\.Sh/p' "$page" | sed -n 's/^\.Cm //p; ' | tr -d ' .' | tr ',' '\n' | sed 's/^and//' |
    sort >"$work/manual"
diff "$work/help" "$work/manual" || fail "verbs: the help (<) and the manual (>)"
sed -n 's/^ *\(-.,\)\? *\(--[a-z-]*\).*/\2/p' "$work/out" | sort >"$work/help"
sed -n '/^Options come before/,/^The verbs are/p' "$page" | grep '^\.It' | grep -o 'Fl Fl [a-z-]*' |
    sed 's/Fl Fl /--/' | sort >"$work/manual"
diff "$work/help" "$work/manual" || fail "options: the help (<) and the manual (>)"

# Each attribute of an output has its row.
can_try "attributes of outputs" jq || exit 0
sed -n '/^| key/,/^$/s/^| \([^|]*\) |.*/\1/p' "$abs_top_srcdir/docs/outputs.md" | grep -o '`[a-z.-]*`' | tr -d '`' | sort -u >"$work/rows"
for type in image oci docker local tar; do
    run 0 tenon plugins "exporter-$type" --format json
    jq -r '.options[].name' "$work/out" | sort -u | comm -23 - "$work/rows" >"$work/missing"
    [ ! -s "$work/missing" ] || fail "docs/outputs.md: no row of $type has $(xargs <"$work/missing")"
done

# It is a page that the formatter has nothing against.
can_try "the formatter" groff || exit 0
groff -mdoc -Tascii -ww -z "$page" 2>"$work/groff" || fail "groff"
[ ! -s "$work/groff" ] || { cat "$work/groff" >&2; fail "groff complains"; }
