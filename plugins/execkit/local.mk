# execkit: what the executors share; a convenience library, no plugin.
noinst_LTLIBRARIES += libtenon-execkit.la
libtenon_execkit_la_SOURCES = \
	%D%/cgroup.c \
	%D%/cgroup.h \
	%D%/devices.c \
	%D%/devices.h \
	%D%/guard.c \
	%D%/guard.h \
	%D%/limits.c \
	%D%/limits.h \
	%D%/network.c \
	%D%/network.h \
	%D%/profile.c \
	%D%/profile.h \
	%D%/seccomp.c
EXECKIT_LIBS = libtenon-execkit.la libtenon-tools.la
