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
cp "$work/help" "$work/verbs"
sed -n 's/^ *\(-.,\)\? *\(--[a-z-]*\).*/\2/p' "$work/out" | sort >"$work/help"
sed -n '/^Options come before/,/^The verbs are/p' "$page" | grep '^\.It' | grep -o 'Fl Fl [a-z-]*' |
    sed 's/Fl Fl /--/' | sort >"$work/manual"
diff "$work/help" "$work/manual" || fail "options: the help (<) and the manual (>)"

# The pages of the verbs are their help, and there is one for each.
pages=$abs_top_srcdir/docs/man
for verb in $(cat "$work/verbs"); do
    assert_file "$pages/tenon-$verb.1"
    "$pages/verb-page" "$abs_top_builddir/tenon-dev" "$verb" >"$work/page"
    diff "$pages/tenon-$verb.1" "$work/page" ||
        fail "tenon-$verb.1 (<) is not the help (>): docs/man/verb-page --all $abs_top_builddir/tenon-dev"
    grep -q "man/tenon-$verb.1" "$abs_top_srcdir/cli/local.mk" || fail "tenon-$verb.1 is not installed"
done
assert_eq "$(wc -w <"$work/verbs")" "$(ls "$pages"/tenon-*.1 | wc -l)"

# tenon.json(5) has the keys that the command knows.
sed -n '/^} known\[\] = {/,/^};/p; /names\[\] = {\|proxies\[\] = {/,/};/p' "$abs_top_srcdir/cli/configfile.c" |
    grep -v 'words\[\]' | grep -o '"[a-z-]*"' | tr -d '"' | sort -u >"$work/known"
sed -n 's/^\(\.It \)\?\.\?Ic //p' "$pages/tenon.json.5" | tr -d ',' | tr ' ' '\n' | grep '^[a-z-][a-z-]*$' |
    sort -u >"$work/keys"
comm -23 "$work/known" "$work/keys" >"$work/missing"
[ ! -s "$work/missing" ] || fail "tenon.json(5) has not: $(xargs <"$work/missing")"

# A page a kind, each with its operations.
for kind in frontend source mount executor exporter progress cache attester scanner; do
    sh "$pages/kind-page" "$abs_top_srcdir/core/include/tenon-plugin.h" $kind >"$work/tenon-$kind.3"
    table=$kind
    [ $kind != scanner ] || table=attester
    assert_has "$work/tenon-$kind.3" "struct tenon_${table}_ops {"
    grep -q "Xr tenon-$kind 3" "$pages/tenon-plugin.7" || fail "tenon-plugin(7) does not name $kind"
done

# Each attribute of an output has its row.
can_try "attributes of outputs" jq || exit 0
sed -n '/^| key/,/^$/s/^| \([^|]*\) |.*/\1/p' "$abs_top_srcdir/docs/outputs.md" | grep -o '`[a-z.-]*`' | tr -d '`' | sort -u >"$work/rows"
for type in image oci docker local tar; do
    run 0 tenon plugins "exporter-$type" --format json
    jq -r '.options[].name' "$work/out" | sort -u | comm -23 - "$work/rows" >"$work/missing"
    [ ! -s "$work/missing" ] || fail "docs/outputs.md: no row of $type has $(xargs <"$work/missing")"
done

# They are pages that the formatters have nothing against.
if can_try "the formatter" groff; then
    for page in "$page" "$pages"/tenon*.[157] "$work"/tenon-*.3; do
        groff -mdoc -Tascii -ww -z "$page" 2>"$work/groff" || fail "groff: $page"
        [ ! -s "$work/groff" ] || { cat "$work/groff" >&2; fail "groff complains of $page"; }
    done
fi
if can_try "mandoc" mandoc; then
    mandoc -Tlint -Wwarning "$pages"/tenon*.[157] "$work"/tenon-*.3 >"$work/mandoc" ||
        { cat "$work/mandoc" >&2; fail "mandoc complains"; }
fi
