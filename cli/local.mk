# cli: the tenon command, one file a verb.

bin_PROGRAMS += tenon
tenon_SOURCES = \
	%D%/cli.h \
	%D%/common.c \
	%D%/config.c \
	%D%/credentials.c \
	%D%/docker.c \
	%D%/dockerface.c \
	%D%/doctor.c \
	%D%/du.c \
	%D%/images.c \
	%D%/main.c \
	%D%/plugins.c \
	%D%/probe.c \
	%D%/probe.h \
	%D%/prune.c \
	%D%/subids.c \
	%D%/subids.h \
	%D%/usage.c \
	%D%/usage.h \
	%D%/userns.c \
	%D%/userns.h \
	%D%/version.c
tenon_LDADD = libtenon-core.la
dist_man_MANS += docs/tenon.1

# tenon build
tenon_SOURCES += \
	%D%/build.c \
	%D%/buildcache.c \
	%D%/buildcache.h \
	%D%/buildflags.c \
	%D%/buildflags.h \
	%D%/buildinput.c \
	%D%/buildinput.h \
	%D%/buildoutput.c \
	%D%/buildoutput.h \
	%D%/renderer.c \
	%D%/renderer.h \
	%D%/session.c \
	%D%/session.h \
	%D%/shell.c \
	%D%/sshagent.c \
	%D%/sshagent.h \
	%D%/sshkey.c \
	%D%/sshkey.h \
	%D%/terminal.c \
	%D%/terminal.h

# The program and the plugins of this build tree, without an installation.
noinst_SCRIPTS += tenon-dev
EXTRA_DIST += %D%/tenon-dev.in
CLEANFILES += tenon-dev
tenon-dev: cli/tenon-dev.in Makefile
	$(AM_V_GEN)rm -f $@ $@.tmp && \
	sed 's|BUILD_DIRECTORY|$(abs_top_builddir)|' $(srcdir)/cli/tenon-dev.in >$@.tmp && \
	chmod 755 $@.tmp && mv $@.tmp $@

# They hold where plugins are installed: configured anew, they are compiled anew.
%D%/common.$(OBJEXT) %D%/plugins.$(OBJEXT) %D%/version.$(OBJEXT): Makefile
