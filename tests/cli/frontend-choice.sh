#!/bin/sh
# Which frontend a build file gets: what the configuration says of docker/dockerfile and of other
# repositories, what the user gives in the place of an image, what an image says that it can; and
# what it is told.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/frontend-lib.sh"
make_front "LABEL moby.buildkit.frontend.network.none=true" "FROM plain" \
    "LABEL moby.buildkit.frontend.caps=moby.buildkit.frontend.inputs,moby.buildkit.frontend.subrequests,moby.buildkit.frontend.contexts"
run 0 tenon build -o type=registry -t "$registry/other/front:1" "$work/image"
run 0 tenon build -o type=registry -t "$registry/team/front:unable" --target plain "$work/image"
run 0 tenon build -o type=registry -t "$registry/docker/dockerfile:1" "$work/image"
run 0 tenon build -o type=oci,dest="$work/layout",tar=false "$work/image"

cd "$work/context"
echo hello >hello
printf 'FROM scratch\nCOPY hello /dir/hello\n' >Real.Dockerfile
printf '# syntax=%s\n' "$image" >Dockerfile

built="solve:Real.Dockerfile return"

echo "-- repositories that are allowed"
configure() {
    printf '%s\n' "$1" >"$work/tenon.json"
    export TENON_CONFIG="$work/tenon.json"
}
configure '{"frontends": {"allowed": ["docker/dockerfile", "'"$registry"'/team/front"]}}'
does 0 "$built"
said "reference named"
does 1 "$built" --build-arg "BUILDKIT_SYNTAX=$registry/other/front:1"
assert_has "$work/err" "frontends of the repository $registry/other/front are not allowed"
assert_has "$work/err" "add \"$registry/other/front\" to \"allowed\" of \"frontends\" in tenon.json"
does 1 "chain:$registry/other/front:1 exit:1" # nor by another
said "Solve: permission denied"
configure '{"frontends": {"allowed": ["'"$registry"'/other/*"]}}'
does 0 "$built" --build-arg "BUILDKIT_SYNTAX=$registry/other/front:1"
does 1 "$built"
assert_has "$work/err" "$registry/team/front are not allowed"
assert_has "$work/err" "Dockerfile:1"
configure '{"frontends": {"allowed": []}}'
does 1 "$built"
assert_has "$work/err" "are not allowed"
configure '{"frontends": null}'
does 0 "$built"
said "reference named"
configure '{"frontends": {"alowed": []}}'
does 1 "$built"
assert_has "$work/err" 'alowed: unknown key (did you mean "allowed"?)'
configure '{"frontends": {"docker/dockerfile": "elsewhere"}}'
does 1 "$built" -f Real.Dockerfile
assert_has "$work/err" "builtin|image"

echo "-- docker/dockerfile, which is there under another name"
printf '# syntax=%s/docker/dockerfile:1\nFROM scratch\nCOPY hello /\n' "$registry" >Family.Dockerfile
family='"plugins": {"frontend-dockerfile": {"family": ["'"$registry"'/docker/dockerfile"]}}'
configure "{$family}"
does 0 "$built" -f Family.Dockerfile
grep -q "frontend: reference" "$work/err" && fail "the image runs where the plugin would do"
configure '{"frontends": {"docker/dockerfile": "builtin"}, '"$family}"
does 0 "$built" -f Family.Dockerfile
grep -q "frontend: reference" "$work/err" && fail "the image runs although it shall be the plugin"
configure '{"frontends": {"docker/dockerfile": "image"}, '"$family}"
does 0 "$built" -f Family.Dockerfile
said "reference named"
assert_has "$work/err" "resolve image config for docker-image://$registry/docker/dockerfile:1"
configure "{$family}"

echo "-- what is given in its place"
does 0 "$built" -f Family.Dockerfile --build-context "$registry/docker/dockerfile:1=docker-image://$image"
said "reference named"
printf '# syntax=team/elsewhere\n' >Dockerfile
does 0 "$built" --build-context "team/elsewhere=docker-image://$image"
said "reference named"
assert_has "$work/err" "docker-image://$image@sha256:"
does 0 "$built" --build-context "team/elsewhere=oci-layout://$work/layout"
said "reference named"
mkdir root
cp "$program" root/run
does 0 "$built" --build-context "team/elsewhere=root"
said "reference named"
does 1 "$built" --build-context "team/elsewhere=https://example.invalid/x"
assert_has "$work/err" "a frontend is an image, a layout or a directory"
configure '{"frontends": {"allowed": ["team/elsewhere"]}}'
does 1 "$built" --build-context "team/elsewhere=docker-image://$image"
assert_has "$work/err" "$registry/team/front are not allowed"

echo "-- what another frontend says stands for one that is allowed"
unset TENON_CONFIG
does 1 "solve:Real.Dockerfile standin:team/elsewhere=input:given exit:1" --build-arg "BUILDKIT_SYNTAX=$image" # where nobody asks it may
assert_lacks "$work/err" "permission denied"
for allowed in '["'"$registry"'/team/front", "team/elsewhere"]' '["'"$registry"'/team/front"]'; do
    configure '{"frontends": {"allowed": '"$allowed"'}}'
    for with in local:context input:given "oci-layout://x@sha256:$(printf %064d 0)"; do
        does 1 "solve:Real.Dockerfile standin:team/elsewhere=$with exit:1" --build-arg "BUILDKIT_SYNTAX=$image"
        assert_has "$work/err" "in place of the frontend docker.io/team/elsewhere:latest"
    done
done
unset TENON_CONFIG

echo "-- the registry's, or what this store has under its name"
printf 'FROM scratch\nCOPY frontend /bin/frontend\nENTRYPOINT ["/bin/frontend"]\nENV OF=store\n' \
    >"$work/image/Store.Dockerfile"
run 0 tenon build -t "$image" -f "$work/image/Store.Dockerfile" "$work/image"
for flag in "" --pull --pull=missing; do
    # shellcheck disable=SC2086
    does 0 "sandbox $built" --build-arg "BUILDKIT_SYNTAX=$image" $flag
    case $flag in
    *missing) said "env OF=store" ;;
    *) never_said "env OF=store" ;;
    esac
done

echo "-- what it knows"
printf '# syntax=%s\n' "$registry/team/front:unable" >Dockerfile
does 0 "$built"
does 1 "$built" --build-context other=.
assert_has "$work/err" "does not know moby.buildkit.frontend.contexts"
does 1 "$built" --call=outline
assert_has "$work/err" "does not know moby.buildkit.frontend.subrequests"
printf '# syntax=%s\n' "$image" >Dockerfile
does 1 "solve:Real.Dockerfile give:$registry/team/front:unable exit:1"
said "Solve: unimplemented: frontend image $registry/team/front:unable: the frontend does not know moby.buildkit.frontend.inputs"

echo "-- subrequests are the frontend's"
for call in outline targets check; do
    does 0 'answer:{"mine":true}' --call "$call,format=json"
    case $call in
    check) said "asked for frontend.lint" ;;
    *) said "asked for frontend.$call" ;;
    esac
    jq -e .mine "$work/out" >/dev/null || fail "--call=$call: $(cat "$work/out")"
done
does 0 'answer:{}' --call outline
assert_eq told "$(cat "$work/out")"

echo "-- what it is made of"
does 0 "metadata stat:/bin/frontend $built"
said "metadata: mode 400, read-only"
said "frontend: mode 1ed"
