# tests: which there are is in lists.mk, which tests/list writes from the folders: a new test is
# a file, and a run of tests/list. Here is what they are linked with and run by.
#
# tests/unit/test-NAME is made of tests/unit/test-NAME.c alone and is linked with the whole
# core and libcheck. Those that want more (a plugin's files, a part of the command) have
# their lines below, plugins' tests too. A shell test ends with 77 to be skipped.
include %D%/lists.mk

if HAVE_CHECK
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
endif
check_PROGRAMS += $(fuzz_targets)
TESTS += $(fuzz_targets)
# What is promised to plugins and kept between rooms; what tenon does as a command; what kills,
# fills or races it; known holes that stay closed; as users that the tests make.
dist_check_SCRIPTS += $(abi_tests) $(cli_tests) $(fault_tests) $(security_tests) $(rootless_tests)
TESTS += $(dist_check_SCRIPTS)
LOG_COMPILER = $(SHELL) $(top_srcdir)/%D%/bounded
EXTRA_DIST += $(unit_helpers) $(fuzz_helpers) $(abi_helpers) $(cli_helpers) $(fault_helpers) \
	$(security_helpers) $(rootless_helpers) %D%/list

# Sanitizers and forked test cases do not like each other.
AM_TESTS_ENVIRONMENT = \
	abs_top_srcdir='$(abs_top_srcdir)'; export abs_top_srcdir; \
	abs_top_builddir='$(abs_top_builddir)'; export abs_top_builddir; \
	TENON_UPKEEP=off; export TENON_UPKEEP; \
	TENON_BUILD_PLUGIN_DIR='$(abs_top_builddir)/.libs'; export TENON_BUILD_PLUGIN_DIR;
if SANITIZERS
AM_TESTS_ENVIRONMENT += CK_FORK=no; export CK_FORK;
endif

# ---- what some are made of and linked with ----------------------------------------------

# No LDADD of their own: programs without one get this; some read archives or speak TLS themselves.
LDADD = libtenon-core.la $(CHECK_LIBS) $(ARCHIVE_LIBS) $(GNUTLS_LIBS)

# A part of several plugins.
tests_unit_test_progress_CPPFLAGS = $(AM_CPPFLAGS) $(PLUGIN_TEST_CPPFLAGS)
tests_unit_test_progress_LDADD = libtenon-common-progress.la libtenon-core.la $(CHECK_LIBS)
tests_unit_test_exec_cgroup_CPPFLAGS = $(AM_CPPFLAGS) $(PLUGIN_TEST_CPPFLAGS)
tests_unit_test_exec_cgroup_LDADD = libtenon-common-exec.la libtenon-core.la $(CHECK_LIBS)
tests_unit_test_exec_users_CPPFLAGS = $(AM_CPPFLAGS) $(PLUGIN_TEST_CPPFLAGS)
tests_unit_test_exec_users_LDADD = libtenon-common-exec.la libtenon-core.la $(CHECK_LIBS)
tests_unit_test_store_mapped_CPPFLAGS = $(AM_CPPFLAGS) $(PLUGIN_TEST_CPPFLAGS)
tests_unit_test_store_mapped_LDADD = libtenon-common-exec.la libtenon-core.la $(CHECK_LIBS)

# gRPC, as plugins have it.
grpc_CPPFLAGS = $(AM_CPPFLAGS) $(PLUGIN_TEST_CPPFLAGS)
grpc_CFLAGS = $(AM_CFLAGS) $(NGHTTP2_CFLAGS)
tests_unit_test_grpc_CPPFLAGS = $(grpc_CPPFLAGS)
tests_unit_test_grpc_CFLAGS = $(grpc_CFLAGS)
tests_unit_test_grpc_LDADD = $(COMMON_GRPC_LIBS) $(LDADD)
tests_unit_test_grpc_hostile_CPPFLAGS = $(grpc_CPPFLAGS)
tests_unit_test_grpc_hostile_CFLAGS = $(grpc_CFLAGS)
tests_unit_test_grpc_hostile_LDADD = $(COMMON_GRPC_LIBS) $(LDADD)
tests_unit_test_grpc_clients_CPPFLAGS = $(grpc_CPPFLAGS)
tests_unit_test_grpc_clients_CFLAGS = $(grpc_CFLAGS)
tests_unit_test_grpc_clients_LDADD = $(COMMON_GRPC_LIBS) $(LDADD)
tests_unit_test_grpc_interop_CPPFLAGS = $(grpc_CPPFLAGS)
tests_unit_test_grpc_interop_CFLAGS = $(grpc_CFLAGS)
tests_unit_test_grpc_interop_LDADD = $(COMMON_GRPC_LIBS) $(LDADD)

# The server of BuildKit's control API.
tests_unit_test_serve_tls_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/serve \
	-I$(top_builddir)/plugins/include
tests_unit_test_serve_tls_LDADD = libtenon-serve.la $(LDADD)
tests_unit_test_serve_limits_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/serve -I$(top_srcdir)/history \
	-I$(top_builddir)/plugins/include
tests_unit_test_serve_limits_LDADD = libtenon-serve.la libtenon-history.la $(LDADD)

# Records of builds, and how the command shows them.
tests_unit_test_history_SOURCES = %D%/unit/test-history.c cli/historytext.c cli/print.c
tests_unit_test_history_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/history -I$(top_srcdir)/cli \
	$(PLUGIN_TEST_CPPFLAGS)
tests_unit_test_history_LDADD = libtenon-history.la $(LDADD)

tests_unit_test_message_CPPFLAGS = $(AM_CPPFLAGS) $(PLUGIN_TEST_CPPFLAGS)
tests_unit_test_message_LDADD = libtenon-common-message.la $(LDADD)

# Of the command's own files, those two.
tests_unit_test_ssh_agent_SOURCES = %D%/unit/test-ssh-agent.c cli/sshagent.c cli/sshkey.c

tests_unit_test_toml_SOURCES = %D%/unit/test-toml.c cli/toml.c cli/buildkitdkeys.c \
	cli/homepath.c
tests_unit_test_toml_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/cli

# The halves of the frontend: language alone, and both.
df_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/plugins/frontend-dockerfile
tests_unit_test_df_instructions_CPPFLAGS = $(df_CPPFLAGS)
tests_unit_test_df_instructions_LDADD = libdf-language.la $(LDADD)
tests_unit_test_df_parser_CPPFLAGS = $(df_CPPFLAGS)
tests_unit_test_df_parser_LDADD = libdf-language.la $(LDADD)
tests_unit_test_df_word_CPPFLAGS = $(df_CPPFLAGS)
tests_unit_test_df_word_LDADD = libdf-language.la $(LDADD)
tests_unit_test_df_dispatch_CPPFLAGS = $(df_CPPFLAGS)
tests_unit_test_df_dispatch_LDADD = libdf-convert.la $(LDADD)
tests_unit_test_df_flags_CPPFLAGS = $(df_CPPFLAGS)
tests_unit_test_df_flags_LDADD = libdf-convert.la $(LDADD)
tests_unit_test_df_options_CPPFLAGS = $(df_CPPFLAGS)
tests_unit_test_df_options_LDADD = libdf-convert.la $(LDADD)
tests_unit_test_df_platform_CPPFLAGS = $(df_CPPFLAGS)
tests_unit_test_df_platform_LDADD = libdf-convert.la $(LDADD)
tests_fuzz_fuzz_dockerfile_CPPFLAGS = $(df_CPPFLAGS)
tests_fuzz_fuzz_dockerfile_LDADD = libdf-language.la
tests_fuzz_fuzz_names_CPPFLAGS = $(df_CPPFLAGS)
tests_fuzz_fuzz_names_LDADD = libdf-convert.la libtenon-core.la

# Other plugins.
tests_unit_test_source_http_CPPFLAGS = $(AM_CPPFLAGS) $(PLUGIN_TEST_CPPFLAGS)
tests_unit_test_source_http_LDADD = libtenon-httpname.la $(LDADD)
tests_unit_test_source_git_CPPFLAGS = $(AM_CPPFLAGS) $(LIBGIT2_CFLAGS) $(PLUGIN_TEST_CPPFLAGS)
tests_unit_test_source_git_LDADD = libtenon-git-url.la $(LDADD)

tests_unit_test_executor_native_filter_SOURCES = %D%/unit/test-executor-native-filter.c \
	plugins/executor-native/callfilter.c plugins/executor-native/callprogram.c
tests_unit_test_executor_native_filter_CPPFLAGS = $(AM_CPPFLAGS) $(PLUGIN_TEST_CPPFLAGS)
tests_unit_test_executor_native_filter_LDADD = libtenon-common-exec.la libtenon-core.la $(CHECK_LIBS) $(SECCOMP_LIBS)

tests_unit_test_frontend_gateway_SOURCES = %D%/unit/test-frontend-gateway.c
tests_unit_test_frontend_gateway_CPPFLAGS = $(grpc_CPPFLAGS)
tests_unit_test_frontend_gateway_CFLAGS = $(grpc_CFLAGS)
tests_unit_test_frontend_gateway_LDADD = $(COMMON_LLBBRIDGE_LIBS) $(LDADD)

# No more than what they read.
tests_fuzz_fuzz_patterns_LDADD = libtenon-tools.la
tests_fuzz_fuzz_definition_LDADD = libtenon-core.la
tests_fuzz_fuzz_message_SOURCES = %D%/fuzz/fuzz-message.c plugins/common/llbbridge/llbbridge.c \
	history/buildmessages.c serve/ctlmessages.c
tests_fuzz_fuzz_message_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/history -I$(top_srcdir)/serve \
	$(PLUGIN_TEST_CPPFLAGS)
tests_fuzz_fuzz_message_LDADD = $(COMMON_MESSAGE_LIBS)
tests_fuzz_fuzz_services_SOURCES = %D%/fuzz/fuzz-services.c serve/budget.c serve/callerror.c \
	serve/clientbytes.c serve/ctlmessages.c serve/dirsend.c serve/filesync.c serve/gomode.c \
	serve/oldtree.c serve/uploads.c history/buildmessages.c plugins/common/llbbridge/llbbridge.c
tests_fuzz_fuzz_services_CPPFLAGS = $(tests_fuzz_fuzz_message_CPPFLAGS)
tests_fuzz_fuzz_services_LDADD = $(COMMON_MESSAGE_LIBS) libtenon-core.la
tests_fuzz_fuzz_verdicts_SOURCES = %D%/fuzz/fuzz-verdicts.c serve/callerror.c serve/policysession.c \
	plugins/common/llbbridge/llbbridge.c plugins/common/llbbridge/sourcemeta.c
tests_fuzz_fuzz_verdicts_CPPFLAGS = $(tests_fuzz_fuzz_message_CPPFLAGS)
tests_fuzz_fuzz_verdicts_LDADD = $(COMMON_MESSAGE_LIBS) libtenon-core.la
tests_fuzz_fuzz_toml_SOURCES = %D%/fuzz/fuzz-toml.c cli/toml.c
tests_fuzz_fuzz_toml_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/cli
tests_fuzz_fuzz_toml_LDADD = libtenon-core.la
tests_fuzz_fuzz_documents_LDADD = libtenon-core.la
tests_fuzz_fuzz_cache_LDADD = libtenon-core.la
tests_fuzz_fuzz_stream_LDADD = libtenon-core.la
tests_fuzz_fuzz_unpack_LDADD = libtenon-core.la $(ARCHIVE_LIBS)
tests_fuzz_fuzz_credentials_LDADD = libtenon-core.la $(GNUTLS_LIBS)
tests_fuzz_fuzz_answers_CPPFLAGS = $(AM_CPPFLAGS) $(PLUGIN_TEST_CPPFLAGS)
tests_fuzz_fuzz_answers_LDADD = libtenon-httpname.la libtenon-core.la
tests_fuzz_fuzz_git_SOURCES = %D%/fuzz/fuzz-git.c plugins/source-git/checkout.c plugins/source-git/count.c
tests_fuzz_fuzz_git_CPPFLAGS = $(AM_CPPFLAGS) $(LIBGIT2_CFLAGS) $(PLUGIN_TEST_CPPFLAGS)
tests_fuzz_fuzz_git_LDADD = libtenon-git-url.la libtenon-core.la $(LIBGIT2_LIBS)
tests_fuzz_fuzz_grpc_CPPFLAGS = $(grpc_CPPFLAGS)
tests_fuzz_fuzz_grpc_CFLAGS = $(grpc_CFLAGS)
tests_fuzz_fuzz_grpc_LDADD = $(COMMON_GRPC_LIBS)

# ---- other trees --------------------------------------------------------------------------

# Written by cli/layer-bytes.sh on several processors.
check_PROGRAMS += %D%/bytes/layer-bytes
EXTRA_DIST += %D%/bytes/samples.h %D%/bytes/digests %D%/bytes/digests.zstd-1.5.4

# A frontend that cli/frontend-image.sh puts into an image; static programs have no sanitizers.
if PLUGIN_FRONTEND_GATEWAY
if !SANITIZERS
check_PROGRAMS += %D%/gateway/frontend
endif
endif
tests_gateway_frontend_SOURCES = %D%/gateway/frontend.c %D%/gateway/frontend.h \
	%D%/gateway/containers.c plugins/common/llbbridge/llbbridge.c
tests_gateway_frontend_CPPFLAGS = $(grpc_CPPFLAGS) -I$(top_srcdir)/plugins/common/llbbridge
tests_gateway_frontend_CFLAGS = $(grpc_CFLAGS)
tests_gateway_frontend_LDADD = libtenon-common-message.la $(COMMON_GRPC_LIBS)
tests_gateway_frontend_LDFLAGS = $(AM_LDFLAGS) -all-static
EXTRA_DIST += %D%/gateway/frontend.py %D%/gateway/client.py %D%/gateway/kept.py %D%/gateway/records.py \
	%D%/gateway/asked.py %D%/gateway/stress.py \
	%D%/gateway/sources.py
EXTRA_DIST += %D%/objects/server.py %D%/objects/actions.py %D%/buildkit-cache/cache.json \
	%D%/buildkit-cache/context %D%/buildkit-cache/record %D%/buildkit-cache/unpack
EXTRA_DIST += %D%/attestations

# On other kernels; not a part of `make check`.
EXTRA_DIST += %D%/vm

# BuildKit's own suites; not a part of `make check`.
EXTRA_DIST += %D%/buildkit

# Recorded from BuildKit; scripts/check runs it.
EXTRA_DIST += %D%/conformance
# Built by cli/dockerfiles.sh.
EXTRA_DIST += %D%/dockerfiles
# Mistakes that the tests must notice; scripts/check tries a few.
EXTRA_DIST += %D%/stores %D%/mutation %D%/bounded %D%/in-memory %D%/may-skip

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

# make print-tests AREA=unit (cli, fault, ...): what scripts/check runs of an area.
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
