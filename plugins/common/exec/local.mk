# common/exec: what the executors share; a convenience library, no plugin.
noinst_LTLIBRARIES += libtenon-common-exec.la
libtenon_common_exec_la_SOURCES = \
	%D%/cgroup.c \
	%D%/cgroup.h \
	%D%/devices.c \
	%D%/devices.h \
	%D%/emulation.c \
	%D%/emulation.h \
	%D%/groupprogram.c \
	%D%/groupprogram.h \
	%D%/guard.c \
	%D%/guard.h \
	%D%/limits.c \
	%D%/limits.h \
	%D%/mountapi.c \
	%D%/mountapi.h \
	%D%/network.c \
	%D%/network.h \
	%D%/nodes.c \
	%D%/nodes.h \
	%D%/ports.c \
	%D%/ports.h \
	%D%/profile.c \
	%D%/profile.h \
	%D%/requests.c \
	%D%/requests.h \
	%D%/running.c \
	%D%/running.h \
	%D%/seccomp.c \
	%D%/sockets.c \
	%D%/sockets.h \
	%D%/usernamespace.c \
	%D%/usernamespace.h
libtenon_common_exec_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
COMMON_EXEC_LIBS = libtenon-common-exec.la libtenon-tools.la
