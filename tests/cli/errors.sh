#!/bin/sh
# What is wrong with a build file: the place, the reason, and everything else that
# is wrong with it, so that one run is enough to put it right.
. "$(dirname "$0")/lib.sh"
mkdir "$work/context"
file=$work/context/Dockerfile

printf 'FROM scratch\nRUM echo\nCOPY --form=x a b\nFROM a b\nLABEL\n' >"$file"
run 1 tenon build --progress=plain "$work/context"
assert_has "$work/err" "   2 | >>> RUM echo"
sed -n '/^ERROR: /,$p' "$work/err" >"$work/said"
cat >"$work/wanted" <<'END'
ERROR: failed to build: failed to solve: dockerfile parse error on line 2: unknown instruction: RUM (did you mean RUN?)
more errors:
 - Dockerfile:3: unknown flag: --form (did you mean from?)
 - Dockerfile:4: FROM requires either one or three arguments
 - Dockerfile:5: LABEL requires at least one argument
END
diff "$work/wanted" "$work/said" || fail "the errors"

# What a wrong FROM begins is a stage all the same, and no source of more errors.
printf 'FROM a b\nRUN true\nCOPY a b\n' >"$file"
run 1 tenon build "$work/context"
assert_lacks "$work/err" "more errors"
assert_lacks "$work/err" "no build stage"

# A list has an end, and a file that is no text has one error.
{
    echo "FROM scratch"
    for i in $(seq 30); do echo "FLY $i"; done
} >"$file"
run 1 tenon build "$work/context"
assert_has "$work/err" "Dockerfile:21: unknown instruction: FLY"
assert_has "$work/err" " - 10 more"
assert_lacks "$work/err" "Dockerfile:22:"
printf 'FROM scratch\nFLY\nRUN a\0b\nCRAWL\n' >"$file"
run 1 tenon build "$work/context"
assert_lacks "$work/err" "more errors"

# The other ways to read the file tell the same.
printf 'FROM scratch\nRUM echo\nCRAWL\n' >"$file"
for call in check outline targets; do
    run 1 tenon build --call=$call "$work/context"
    cat "$work/out" "$work/err" >"$work/said"
    assert_has "$work/said" "unknown instruction: RUM"
done
