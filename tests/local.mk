# tests: one line a unit test program, in the list below.  The program
# tests/unit/test-NAME is made of tests/unit/test-NAME.c alone and is linked with the
# whole core and libcheck.  A shell test (exit 77: skipped) is one line
#   dist_check_SCRIPTS += %D%/cli/NAME.sh
# and helpers that are no tests go to check_PROGRAMS or EXTRA_DIST.

unit_tests =
unit_tests += %D%/unit/test-buf
unit_tests += %D%/unit/test-builds
unit_tests += %D%/unit/test-comma
unit_tests += %D%/unit/test-digest
unit_tests += %D%/unit/test-error
unit_tests += %D%/unit/test-events
unit_tests += %D%/unit/test-exec-cdi
unit_tests += %D%/unit/test-exec-cgroup
unit_tests += %D%/unit/test-exec-executors
unit_tests += %D%/unit/test-exec-mounts
unit_tests += %D%/unit/test-exec-step
unit_tests += %D%/unit/test-exec-stubs
unit_tests += %D%/unit/test-exporters
unit_tests += %D%/unit/test-graph
unit_tests += %D%/unit/test-graph-refused
unit_tests += %D%/unit/test-host
unit_tests += %D%/unit/test-ids
unit_tests += %D%/unit/test-image-attributes
unit_tests += %D%/unit/test-image-document
unit_tests += %D%/unit/test-image-encode
unit_tests += %D%/unit/test-image-layer
unit_tests += %D%/unit/test-image-make
unit_tests += %D%/unit/test-image-platform
unit_tests += %D%/unit/test-image-reference
unit_tests += %D%/unit/test-image-stream
unit_tests += %D%/unit/test-io
unit_tests += %D%/unit/test-io-faults
unit_tests += %D%/unit/test-json
unit_tests += %D%/unit/test-jsontext
unit_tests += %D%/unit/test-parse
unit_tests += %D%/unit/test-path
unit_tests += %D%/unit/test-pattern
unit_tests += %D%/unit/test-plugins
unit_tests += %D%/unit/test-plugins-abi
unit_tests += %D%/unit/test-progress
unit_tests += %D%/unit/test-progress-displays
unit_tests += %D%/unit/test-registry
unit_tests += %D%/unit/test-registry-auth
unit_tests += %D%/unit/test-registry-hosts
unit_tests += %D%/unit/test-registry-http
unit_tests += %D%/unit/test-registry-push
unit_tests += %D%/unit/test-registry-tls
unit_tests += %D%/unit/test-result
unit_tests += %D%/unit/test-root
unit_tests += %D%/unit/test-solve
unit_tests += %D%/unit/test-solve-content
unit_tests += %D%/unit/test-solve-import
unit_tests += %D%/unit/test-solve-keys
unit_tests += %D%/unit/test-solve-parts
unit_tests += %D%/unit/test-solve-source
unit_tests += %D%/unit/test-source-local
unit_tests += %D%/unit/test-ssh-agent
unit_tests += %D%/unit/test-store
unit_tests += %D%/unit/test-store-cache
unit_tests += %D%/unit/test-store-copytree
unit_tests += %D%/unit/test-store-faults
unit_tests += %D%/unit/test-store-mount
unit_tests += %D%/unit/test-store-open
unit_tests += %D%/unit/test-store-overlay
unit_tests += %D%/unit/test-store-prune
unit_tests += %D%/unit/test-store-statcache
unit_tests += %D%/unit/test-store-usage
unit_tests += %D%/unit/test-text
unit_tests += %D%/unit/test-tree-copy
unit_tests += %D%/unit/test-tree-digest
unit_tests += %D%/unit/test-tree-user
unit_tests += %D%/unit/test-tree-view
unit_tests += %D%/unit/test-values

if HAVE_CHECK
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
endif
TESTS += $(dist_check_SCRIPTS)
LOG_COMPILER = $(SHELL) $(top_srcdir)/%D%/bounded
EXTRA_DIST += %D%/unit/executor-record.c %D%/unit/fakehost.h %D%/unit/keykit.h %D%/unit/layerkit.h \
	%D%/unit/refuse.h %D%/unit/registrykit.h %D%/unit/tlskit.h %D%/unit/treekit.h %D%/unit/unit.h

# No LDADD of their own: programs without one get this; some read archives themselves.
LDADD = libtenon-core.la $(CHECK_LIBS) $(ARCHIVE_LIBS)

# Written by cli/layer-bytes.sh on several processors.
check_PROGRAMS += %D%/bytes/layer-bytes
EXTRA_DIST += %D%/bytes/samples.h %D%/bytes/digests %D%/bytes/digests.zstd-1.5.4

# Sanitizers and forked test cases do not like each other.
AM_TESTS_ENVIRONMENT = \
	abs_top_srcdir='$(abs_top_srcdir)'; export abs_top_srcdir; \
	abs_top_builddir='$(abs_top_builddir)'; export abs_top_builddir; \
	TENON_BUILD_PLUGIN_DIR='$(abs_top_builddir)/.libs'; export TENON_BUILD_PLUGIN_DIR;
if SANITIZERS
AM_TESTS_ENVIRONMENT += CK_FORK=no; export CK_FORK;
endif

# The renderers' shared part is no part of the core.
tests_unit_test_progress_CPPFLAGS = $(AM_CPPFLAGS) $(PLUGIN_TEST_CPPFLAGS)
tests_unit_test_progress_LDADD = libtenon-common-progress.la libtenon-core.la $(CHECK_LIBS)

# Of the command's own files, those two.
tests_unit_test_ssh_agent_SOURCES = %D%/unit/test-ssh-agent.c cli/sshagent.c cli/sshkey.c

tests_unit_test_exec_cgroup_CPPFLAGS = $(AM_CPPFLAGS) $(PLUGIN_TEST_CPPFLAGS)
tests_unit_test_exec_cgroup_LDADD = libtenon-common-exec.la libtenon-core.la $(CHECK_LIBS)

dist_check_SCRIPTS += %D%/abi/circles.sh %D%/abi/docs.sh %D%/abi/header.sh %D%/abi/rooms.sh %D%/abi/statics.sh
EXTRA_DIST += %D%/abi/circles %D%/abi/statics

# What tenon does as a command; tests/cli/lib.sh is what they share.
cli_tests =
cli_tests += %D%/cli/cache.sh
cli_tests += %D%/cli/check-script.sh
cli_tests += %D%/cli/conformance-runner.sh
cli_tests += %D%/cli/credentials.sh
cli_tests += %D%/cli/debian.sh
cli_tests += %D%/cli/devices.sh
cli_tests += %D%/cli/dist.sh
cli_tests += %D%/cli/docker-face.sh
cli_tests += %D%/cli/dockerfiles.sh
cli_tests += %D%/cli/doctor-root.sh
cli_tests += %D%/cli/doctor.sh
cli_tests += %D%/cli/du.sh
cli_tests += %D%/cli/epoch.sh
cli_tests += %D%/cli/errors.sh
cli_tests += %D%/cli/executors.sh
cli_tests += %D%/cli/exit-codes.sh
cli_tests += %D%/cli/export-again.sh
cli_tests += %D%/cli/failures.sh
cli_tests += %D%/cli/flags.sh
cli_tests += %D%/cli/full-output.sh
cli_tests += %D%/cli/git-source.sh
cli_tests += %D%/cli/git-ssh.sh
cli_tests += %D%/cli/harness.sh
cli_tests += %D%/cli/http-source.sh
cli_tests += %D%/cli/ignored-tree.sh
cli_tests += %D%/cli/images.sh
cli_tests += %D%/cli/insecure.sh
cli_tests += %D%/cli/jobs.sh
cli_tests += %D%/cli/keys.sh
cli_tests += %D%/cli/layer-bytes.sh
cli_tests += %D%/cli/manual.sh
cli_tests += %D%/cli/mount-bind.sh
cli_tests += %D%/cli/mount-cache-sharing.sh
cli_tests += %D%/cli/mount-cache.sh
cli_tests += %D%/cli/mount-secret.sh
cli_tests += %D%/cli/mount-ssh.sh
cli_tests += %D%/cli/mount-targets.sh
cli_tests += %D%/cli/mounts-seen.sh
cli_tests += %D%/cli/network.sh
cli_tests += %D%/cli/oci-layout.sh
cli_tests += %D%/cli/oci-runtime.sh
cli_tests += %D%/cli/old-kernel.sh
cli_tests += %D%/cli/plugin-missing.sh
cli_tests += %D%/cli/plugin-out-of-tree.sh
cli_tests += %D%/cli/plugin-sizes.sh
cli_tests += %D%/cli/plugins.sh
cli_tests += %D%/cli/processes.sh
cli_tests += %D%/cli/progress-look.sh
cli_tests += %D%/cli/progress-plain.sh
cli_tests += %D%/cli/progress-tty.sh
cli_tests += %D%/cli/prune-beside-build.sh
cli_tests += %D%/cli/prune-du.sh
cli_tests += %D%/cli/quickstart.sh
cli_tests += %D%/cli/registry.sh
cli_tests += %D%/cli/resources.sh
cli_tests += %D%/cli/sandbox.sh
cli_tests += %D%/cli/seed-page.sh
cli_tests += %D%/cli/shell-terminal.sh
cli_tests += %D%/cli/shell.sh
cli_tests += %D%/cli/ssh-keys.sh
cli_tests += %D%/cli/step-codes.sh
cli_tests += %D%/cli/store-modes.sh
cli_tests += %D%/cli/tls.sh
cli_tests += %D%/cli/version.sh
dist_check_SCRIPTS += $(cli_tests)
EXTRA_DIST += %D%/cli/layout-registry %D%/cli/lib.sh %D%/cli/ociread %D%/cli/seed-page-net.sh \
	%D%/cli/steps.sh %D%/cli/terminal.sh %D%/cli/tls-front %D%/cli/token-server %D%/cli/web-server

# What kills, fills, attacks or races it; tests/fault/lib.sh is what they share.
fault_tests =
fault_tests += %D%/fault/kill9.sh
fault_tests += %D%/fault/once.sh
fault_tests += %D%/fault/ctrl-c.sh
fault_tests += %D%/fault/full-disk.sh
fault_tests += %D%/fault/last-writes.sh
fault_tests += %D%/fault/hostile.sh
fault_tests += %D%/fault/deep.sh
fault_tests += %D%/fault/secrets.sh
dist_check_SCRIPTS += $(fault_tests)
EXTRA_DIST += %D%/fault/lib.sh %D%/fault/fail-nth.c %D%/fault/check-store %D%/fault/bad-registry %D%/fault/end-in %D%/fault/kinds.sh

# Known holes stay closed: one test each, named after what it tries, with both
# executors; tests/security/lib.sh is what they share.
security_tests =
security_tests += %D%/security/host-devices.sh
security_tests += %D%/security/leaked-descriptors.sh
security_tests += %D%/security/workdir-through-proc.sh
security_tests += %D%/security/cache-source-swapped.sh
security_tests += %D%/security/stub-removal-symlink.sh
security_tests += %D%/security/proc-self-exe-rewrite.sh
security_tests += %D%/security/groups-and-capabilities.sh
security_tests += %D%/security/denied-by-the-sandbox.sh
security_tests += %D%/security/frontend-privileges.sh
security_tests += %D%/security/tar-climbs.sh
security_tests += %D%/security/mount-symlink-race.sh
security_tests += %D%/security/terminal-escapes.sh
security_tests += %D%/security/secrets-in-memory.sh
dist_check_SCRIPTS += $(security_tests)
# As users that the tests make; tests/rootless/lib.sh is what they share.
rootless_tests =
rootless_tests += %D%/rootless/store.sh
rootless_tests += %D%/rootless/steps.sh
rootless_tests += %D%/rootless/sandbox.sh
rootless_tests += %D%/rootless/one-id.sh
rootless_tests += %D%/rootless/network.sh
rootless_tests += %D%/rootless/kill9.sh
rootless_tests += %D%/rootless/container.sh
dist_check_SCRIPTS += $(rootless_tests)
EXTRA_DIST += %D%/rootless/lib.sh %D%/rootless/conformance
EXTRA_DIST += %D%/security/lib.sh %D%/security/probe.c %D%/security/evil-archive %D%/security/evil-layout
EXTRA_DIST += %D%/security/record-terminal %D%/security/rude-server

# Fuzz targets; as tests, they read their corpus. See tests/fuzz/run.
fuzz_targets = \
	%D%/fuzz/fuzz-definition \
	%D%/fuzz/fuzz-dockerfile \
	%D%/fuzz/fuzz-names \
	%D%/fuzz/fuzz-patterns
check_PROGRAMS += $(fuzz_targets)
TESTS += $(fuzz_targets)
tests_fuzz_fuzz_patterns_LDADD = libtenon-tools.la
tests_fuzz_fuzz_definition_LDADD = libtenon-core.la
df_fuzz_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/plugins/frontend-dockerfile
tests_fuzz_fuzz_dockerfile_CPPFLAGS = $(df_fuzz_CPPFLAGS)
tests_fuzz_fuzz_dockerfile_LDADD = libdf-language.la
tests_fuzz_fuzz_names_CPPFLAGS = $(df_fuzz_CPPFLAGS)
tests_fuzz_fuzz_names_LDADD = libdf-convert.la libtenon-core.la
EXTRA_DIST += %D%/fuzz/fuzz.h %D%/fuzz/run %D%/fuzz/dockerfile.dict %D%/fuzz/corpus

# On other kernels; not a part of `make check`.
EXTRA_DIST += %D%/vm

# Recorded from BuildKit; scripts/check runs it.
EXTRA_DIST += %D%/conformance
# Built by cli/dockerfiles.sh.
EXTRA_DIST += %D%/dockerfiles
# Mistakes that the tests must notice; scripts/check tries a few.
EXTRA_DIST += %D%/mutation %D%/bounded %D%/may-skip

# Of each area what shows most in little time: scripts/check --quick.
smoke_tests = \
	%D%/cli/cache.sh \
	%D%/cli/errors.sh \
	%D%/cli/failures.sh \
	%D%/cli/mount-cache.sh \
	%D%/cli/mount-secret.sh \
	%D%/cli/plugins.sh \
	%D%/cli/progress-plain.sh \
	%D%/cli/progress-tty.sh \
	%D%/cli/prune-du.sh \
	%D%/cli/registry.sh \
	%D%/cli/sandbox.sh \
	%D%/fault/secrets.sh \
	%D%/rootless/steps.sh \
	%D%/security/leaked-descriptors.sh \
	%D%/security/tar-climbs.sh

# make print-tests AREA=unit (cli, fault, ...): what scripts/check runs of an area. Unit
# tests stand in the fragments of plugins, too.
print-tests:
	@case '$(AREA)' in \
	unit) for t in $(TESTS); do \
	    case $$t in %D%/unit/* | %D%/fuzz/* | %D%/abi/*) echo $$t ;; esac; done ;; \
	*) for t in $($(AREA)_tests); do echo $$t; done ;; \
	esac
.PHONY: print-tests

# What tests keep for the next time, and scripts/ in a build directory.
distclean-local:
	rm -rf tests/bases tests/debian-*.tar quickstart plugins/include
	rm -f configure.log make.log check.log conformance.log
