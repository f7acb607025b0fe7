# Written by tests/list from the folders: run it instead of editing this.

unit_tests = \
	tests/unit/test-ascii \
	tests/unit/test-base64 \
	tests/unit/test-buf \
	tests/unit/test-build-bridge \
	tests/unit/test-builds \
	tests/unit/test-chunks \
	tests/unit/test-comma \
	tests/unit/test-compare \
	tests/unit/test-df-dispatch \
	tests/unit/test-df-flags \
	tests/unit/test-df-instructions \
	tests/unit/test-df-options \
	tests/unit/test-df-parser \
	tests/unit/test-df-platform \
	tests/unit/test-df-word \
	tests/unit/test-digest \
	tests/unit/test-error \
	tests/unit/test-events \
	tests/unit/test-exec-cdi \
	tests/unit/test-exec-cgroup \
	tests/unit/test-exec-executors \
	tests/unit/test-exec-mounts \
	tests/unit/test-exec-step \
	tests/unit/test-exec-stubs \
	tests/unit/test-exec-users \
	tests/unit/test-exporters \
	tests/unit/test-graph-asked \
	tests/unit/test-graph-refused \
	tests/unit/test-graph \
	tests/unit/test-history \
	tests/unit/test-host \
	tests/unit/test-ids \
	tests/unit/test-ignore-expressions \
	tests/unit/test-image-attributes \
	tests/unit/test-image-document \
	tests/unit/test-image-encode \
	tests/unit/test-image-entries \
	tests/unit/test-image-layer \
	tests/unit/test-image-make \
	tests/unit/test-image-pieces \
	tests/unit/test-image-platform \
	tests/unit/test-image-reference \
	tests/unit/test-image-stream \
	tests/unit/test-io-faults \
	tests/unit/test-io \
	tests/unit/test-json \
	tests/unit/test-jsontext \
	tests/unit/test-limits \
	tests/unit/test-log \
	tests/unit/test-message \
	tests/unit/test-parse \
	tests/unit/test-path \
	tests/unit/test-pattern \
	tests/unit/test-plugins-abi \
	tests/unit/test-plugins \
	tests/unit/test-policy \
	tests/unit/test-producers \
	tests/unit/test-programtext \
	tests/unit/test-progress-displays \
	tests/unit/test-progress \
	tests/unit/test-registry-auth \
	tests/unit/test-registry-faults \
	tests/unit/test-registry-hosts \
	tests/unit/test-registry-http \
	tests/unit/test-registry-leftout \
	tests/unit/test-registry-push \
	tests/unit/test-registry-settings \
	tests/unit/test-registry-tls \
	tests/unit/test-registry \
	tests/unit/test-result \
	tests/unit/test-root \
	tests/unit/test-sbomlayers \
	tests/unit/test-sniff \
	tests/unit/test-solve-content \
	tests/unit/test-solve-import \
	tests/unit/test-solve-keys \
	tests/unit/test-solve-parts \
	tests/unit/test-solve-requests \
	tests/unit/test-solve-source \
	tests/unit/test-solve \
	tests/unit/test-ssh-agent \
	tests/unit/test-store-boot \
	tests/unit/test-store-cache \
	tests/unit/test-store-copytree \
	tests/unit/test-store-faults \
	tests/unit/test-store-fsck \
	tests/unit/test-store-mapped \
	tests/unit/test-store-mount \
	tests/unit/test-store-open \
	tests/unit/test-store-overlay \
	tests/unit/test-store-prune \
	tests/unit/test-store-statcache \
	tests/unit/test-store-usage \
	tests/unit/test-store \
	tests/unit/test-tarheader \
	tests/unit/test-tenon-json \
	tests/unit/test-text \
	tests/unit/test-toml \
	tests/unit/test-tree-copy \
	tests/unit/test-tree-digest \
	tests/unit/test-tree-faults \
	tests/unit/test-tree-user \
	tests/unit/test-tree-view \
	tests/unit/test-values \
	tests/unit/test-yaml
if PLUGIN_EXECUTOR_NATIVE
unit_tests += tests/unit/test-executor-native-filter
endif
if PLUGIN_FRONTEND_GATEWAY
unit_tests += tests/unit/test-frontend-gateway
endif
if HAVE_NGHTTP2
unit_tests += tests/unit/test-grpc-clients
endif
if HAVE_NGHTTP2
unit_tests += tests/unit/test-grpc-hostile
endif
if HAVE_NGHTTP2
unit_tests += tests/unit/test-grpc-interop
endif
if HAVE_NGHTTP2
unit_tests += tests/unit/test-grpc
endif
if HAVE_NGHTTP2
unit_tests += tests/unit/test-serve-limits
endif
if HAVE_NGHTTP2
unit_tests += tests/unit/test-serve-tls
endif
if PLUGIN_SOURCE_GIT
unit_tests += tests/unit/test-source-git
endif
if PLUGIN_SOURCE_HTTP
unit_tests += tests/unit/test-source-http
endif
if PLUGIN_SOURCE_IMAGE
unit_tests += tests/unit/test-source-image
endif
if PLUGIN_SOURCE_LOCAL
unit_tests += tests/unit/test-source-local
endif
if PLUGIN_SOURCE_OCI_LAYOUT
unit_tests += tests/unit/test-source-oci-layout
endif

unit_helpers = \
	tests/unit/dfkit.h \
	tests/unit/executor-record.c \
	tests/unit/fakehost.h \
	tests/unit/grpc-peer.py \
	tests/unit/grpckit.h \
	tests/unit/keykit.h \
	tests/unit/layerkit.h \
	tests/unit/refuse.h \
	tests/unit/registrykit.h \
	tests/unit/storekit.h \
	tests/unit/tlskit.h \
	tests/unit/treekit.h \
	tests/unit/unit.h

fuzz_targets = \
	tests/fuzz/fuzz-answers \
	tests/fuzz/fuzz-cache \
	tests/fuzz/fuzz-chunks \
	tests/fuzz/fuzz-credentials \
	tests/fuzz/fuzz-definition \
	tests/fuzz/fuzz-dockerfile \
	tests/fuzz/fuzz-documents \
	tests/fuzz/fuzz-message \
	tests/fuzz/fuzz-names \
	tests/fuzz/fuzz-patterns \
	tests/fuzz/fuzz-policies \
	tests/fuzz/fuzz-services \
	tests/fuzz/fuzz-stream \
	tests/fuzz/fuzz-toml \
	tests/fuzz/fuzz-unpack \
	tests/fuzz/fuzz-verdicts
if PLUGIN_SOURCE_GIT
fuzz_targets += tests/fuzz/fuzz-git
endif
if HAVE_NGHTTP2
fuzz_targets += tests/fuzz/fuzz-grpc
endif

fuzz_helpers = \
	tests/fuzz/corpus \
	tests/fuzz/dockerfile.dict \
	tests/fuzz/fuzz.h \
	tests/fuzz/jail.h \
	tests/fuzz/run

abi_tests = \
	tests/abi/call-numbers.sh \
	tests/abi/circles.sh \
	tests/abi/cxx.sh \
	tests/abi/docs.sh \
	tests/abi/file-names.sh \
	tests/abi/hardened.sh \
	tests/abi/header.sh \
	tests/abi/heads.sh \
	tests/abi/kept.sh \
	tests/abi/layout.sh \
	tests/abi/lists.sh \
	tests/abi/plugin-names.sh \
	tests/abi/plugin-test.sh \
	tests/abi/rooms.sh \
	tests/abi/statics.sh

abi_helpers = \
	tests/abi/circles \
	tests/abi/cxx \
	tests/abi/kept \
	tests/abi/layout \
	tests/abi/layout.32 \
	tests/abi/layout.64 \
	tests/abi/layout.words \
	tests/abi/statics

cli_tests = \
	tests/cli/attestations.sh \
	tests/cli/cache-buildkit.sh \
	tests/cli/cache-mounts.sh \
	tests/cli/cache-objects.sh \
	tests/cli/cache-registry.sh \
	tests/cli/cache.sh \
	tests/cli/check-script.sh \
	tests/cli/completion.sh \
	tests/cli/configure.sh \
	tests/cli/conformance-runner.sh \
	tests/cli/credentials.sh \
	tests/cli/debian.sh \
	tests/cli/destinations.sh \
	tests/cli/devices.sh \
	tests/cli/diff.sh \
	tests/cli/dist.sh \
	tests/cli/docker-face.sh \
	tests/cli/dockerfiles.sh \
	tests/cli/doctor-root.sh \
	tests/cli/doctor-weak.sh \
	tests/cli/doctor.sh \
	tests/cli/du.sh \
	tests/cli/epoch.sh \
	tests/cli/errors.sh \
	tests/cli/executors.sh \
	tests/cli/exit-codes.sh \
	tests/cli/export-again.sh \
	tests/cli/failures.sh \
	tests/cli/flags.sh \
	tests/cli/frontend-chains.sh \
	tests/cli/frontend-choice.sh \
	tests/cli/frontend-containers.sh \
	tests/cli/frontend-examples.sh \
	tests/cli/frontend-image.sh \
	tests/cli/frontend-python.sh \
	tests/cli/fsck.sh \
	tests/cli/full-output.sh \
	tests/cli/git-source.sh \
	tests/cli/git-ssh.sh \
	tests/cli/harness.sh \
	tests/cli/history.sh \
	tests/cli/hostile-caller.sh \
	tests/cli/http-source.sh \
	tests/cli/ignored-tree.sh \
	tests/cli/image.sh \
	tests/cli/images.sh \
	tests/cli/insecure.sh \
	tests/cli/jobs.sh \
	tests/cli/keys.sh \
	tests/cli/layer-bytes.sh \
	tests/cli/leftovers.sh \
	tests/cli/load.sh \
	tests/cli/local-trouble.sh \
	tests/cli/lock.sh \
	tests/cli/manual.sh \
	tests/cli/mount-bind.sh \
	tests/cli/mount-cache-sharing.sh \
	tests/cli/mount-cache.sh \
	tests/cli/mount-secret.sh \
	tests/cli/mount-ssh.sh \
	tests/cli/mount-table.sh \
	tests/cli/mount-targets.sh \
	tests/cli/mounts-seen.sh \
	tests/cli/nearest.sh \
	tests/cli/network.sh \
	tests/cli/networks.sh \
	tests/cli/nondist.sh \
	tests/cli/oci-layout.sh \
	tests/cli/oci-runtime.sh \
	tests/cli/odd-names.sh \
	tests/cli/old-kernel.sh \
	tests/cli/overlay-store.sh \
	tests/cli/packages.sh \
	tests/cli/platforms.sh \
	tests/cli/plugin-beside.sh \
	tests/cli/plugin-check.sh \
	tests/cli/plugin-content.sh \
	tests/cli/plugin-examples.sh \
	tests/cli/plugin-missing.sh \
	tests/cli/plugin-names.sh \
	tests/cli/plugin-out-of-tree.sh \
	tests/cli/plugin-sizes.sh \
	tests/cli/plugin-trouble.sh \
	tests/cli/plugin-tutorial.sh \
	tests/cli/plugins.sh \
	tests/cli/policy.sh \
	tests/cli/processes.sh \
	tests/cli/progress-look.sh \
	tests/cli/progress-plain.sh \
	tests/cli/progress-tty.sh \
	tests/cli/prune-beside-build.sh \
	tests/cli/prune-du.sh \
	tests/cli/quickstart.sh \
	tests/cli/recipes.sh \
	tests/cli/refusals.sh \
	tests/cli/registry-check.sh \
	tests/cli/registry.sh \
	tests/cli/repro-check.sh \
	tests/cli/resources.sh \
	tests/cli/rpm-spec.sh \
	tests/cli/sandbox.sh \
	tests/cli/seed-page.sh \
	tests/cli/serve.sh \
	tests/cli/shell-terminal.sh \
	tests/cli/shell.sh \
	tests/cli/sign.sh \
	tests/cli/ssh-keys.sh \
	tests/cli/step-codes.sh \
	tests/cli/store-modes.sh \
	tests/cli/tls.sh \
	tests/cli/upkeep.sh \
	tests/cli/version.sh \
	tests/cli/waits.sh \
	tests/cli/why.sh

cli_helpers = \
	tests/cli/attested \
	tests/cli/debian-lib.sh \
	tests/cli/engine \
	tests/cli/follow-recipes \
	tests/cli/foreign-elf \
	tests/cli/foreign.c \
	tests/cli/frontend-lib.sh \
	tests/cli/installed-lib.sh \
	tests/cli/layer-parts \
	tests/cli/layout-registry \
	tests/cli/lib.sh \
	tests/cli/ociread \
	tests/cli/odd-registry \
	tests/cli/plugin-check.c \
	tests/cli/seed-page-net.sh \
	tests/cli/steps.sh \
	tests/cli/terminal.sh \
	tests/cli/tls-front \
	tests/cli/token-server \
	tests/cli/web-server

fault_tests = \
	tests/fault/ctrl-c.sh \
	tests/fault/deep.sh \
	tests/fault/full-disk.sh \
	tests/fault/hostile.sh \
	tests/fault/kill9.sh \
	tests/fault/last-writes.sh \
	tests/fault/once.sh \
	tests/fault/secrets.sh

fault_helpers = \
	tests/fault/bad-registry \
	tests/fault/check-store \
	tests/fault/end-in \
	tests/fault/fail-nth.c \
	tests/fault/kinds.sh \
	tests/fault/lib.sh

security_tests = \
	tests/security/bombs.sh \
	tests/security/cache-decides.sh \
	tests/security/cache-source-swapped.sh \
	tests/security/denied-by-the-sandbox.sh \
	tests/security/files-of-others.sh \
	tests/security/frontend-privileges.sh \
	tests/security/groups-and-capabilities.sh \
	tests/security/host-devices.sh \
	tests/security/ids-of-steps.sh \
	tests/security/ids-out-of-range.sh \
	tests/security/leaked-descriptors.sh \
	tests/security/mount-symlink-race.sh \
	tests/security/network-sandbox.sh \
	tests/security/nodes-on-request.sh \
	tests/security/proc-self-exe-rewrite.sh \
	tests/security/secrets-in-memory.sh \
	tests/security/sockets.sh \
	tests/security/store-of-others.sh \
	tests/security/stub-removal-symlink.sh \
	tests/security/system-mounts.sh \
	tests/security/tar-climbs.sh \
	tests/security/terminal-escapes.sh \
	tests/security/too-large.sh \
	tests/security/users-of-the-machine.sh \
	tests/security/words-that-leak.sh \
	tests/security/workdir-through-proc.sh

security_helpers = \
	tests/security/evil-archive \
	tests/security/evil-layout \
	tests/security/lib.sh \
	tests/security/look-into-step \
	tests/security/make-bomb \
	tests/security/probe.c \
	tests/security/record-terminal \
	tests/security/rude-server

rootless_tests = \
	tests/rootless/bombs.sh \
	tests/rootless/container.sh \
	tests/rootless/frontends.sh \
	tests/rootless/kill9.sh \
	tests/rootless/network.sh \
	tests/rootless/one-id.sh \
	tests/rootless/overlay-store.sh \
	tests/rootless/plugins.sh \
	tests/rootless/sandbox.sh \
	tests/rootless/steps.sh \
	tests/rootless/store.sh

rootless_helpers = \
	tests/rootless/conformance \
	tests/rootless/lib.sh \
	tests/rootless/users.sh
