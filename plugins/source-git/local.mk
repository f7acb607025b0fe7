# source-git.so: commits of git repositories.

# What needs no libgit2 but its types.
if PLUGIN_SOURCE_GIT
noinst_LTLIBRARIES += libtenon-git-url.la
endif
libtenon_git_url_la_SOURCES = \
	%D%/checkout.h \
	%D%/conn.h \
	%D%/modules.c \
	%D%/refs.c \
	%D%/refs.h \
	%D%/url.c
libtenon_git_url_la_CPPFLAGS = $(PLUGIN_CPPFLAGS) $(LIBGIT2_CFLAGS)
libtenon_git_url_la_LIBADD = libtenon-common-source.la

if PLUGIN_SOURCE_GIT
pluginexec_LTLIBRARIES += source-git.la
endif
source_git_la_SOURCES = \
	%D%/checkout.c \
	%D%/conn.c \
	%D%/count.c \
	%D%/dumb.c \
	%D%/git.c \
	%D%/gitdir.c \
	%D%/http.c \
	%D%/memory.c \
	%D%/remote.c \
	%D%/remote.h \
	%D%/ssh.c
source_git_la_CPPFLAGS = $(PLUGIN_CPPFLAGS) $(LIBGIT2_CFLAGS)
source_git_la_LDFLAGS = $(PLUGIN_LDFLAGS) -pthread
source_git_la_LIBADD = libtenon-git-url.la $(COMMON_SSH_AGENT_LIBS) $(LIBGIT2_LIBS)
