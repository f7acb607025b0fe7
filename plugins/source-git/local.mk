# source-git.so: commits of git repositories.  The agent's proxy is mount-ssh's.

# What needs no libgit2 but its types.
if PLUGIN_SOURCE_GIT
noinst_LTLIBRARIES += libtenon-gitkit.la
endif
libtenon_gitkit_la_SOURCES = \
	%D%/checkout.h \
	%D%/conn.h \
	%D%/modules.c \
	%D%/refs.c \
	%D%/refs.h \
	%D%/url.c
libtenon_gitkit_la_CPPFLAGS = $(AM_CPPFLAGS) $(LIBGIT2_CFLAGS)
libtenon_gitkit_la_LIBADD = libtenon-sourcekit.la

if PLUGIN_SOURCE_GIT
pluginexec_LTLIBRARIES += source-git.la
endif
source_git_la_SOURCES = \
	%D%/checkout.c \
	%D%/conn.c \
	%D%/git.c \
	%D%/gitdir.c \
	%D%/http.c \
	%D%/remote.c \
	%D%/remote.h \
	%D%/ssh.c \
	plugins/mount-ssh/filter.c \
	plugins/mount-ssh/proxy.c
source_git_la_CPPFLAGS = $(AM_CPPFLAGS) $(LIBGIT2_CFLAGS) -I$(top_srcdir)/plugins
source_git_la_LDFLAGS = $(PLUGIN_LDFLAGS) -pthread
source_git_la_LIBADD = libtenon-gitkit.la $(LIBGIT2_LIBS)

if PLUGIN_SOURCE_GIT
if HAVE_CHECK
check_PROGRAMS += tests/unit/test-source-git
TESTS += tests/unit/test-source-git
endif
endif
tests_unit_test_source_git_CPPFLAGS = $(AM_CPPFLAGS) $(LIBGIT2_CFLAGS) -I$(top_srcdir)/plugins
tests_unit_test_source_git_LDADD = libtenon-gitkit.la $(LDADD)
