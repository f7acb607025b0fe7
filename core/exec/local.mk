# core/exec: the specification of one step.
libtenon_core_la_SOURCES += \
	%D%/allow.c \
	%D%/cdi.c \
	%D%/cdi.h \
	%D%/describe.c \
	%D%/devices.c \
	%D%/devices.h \
	%D%/diagnose.c \
	%D%/drop.c \
	%D%/env.c \
	%D%/exec.h \
	%D%/keep.c \
	%D%/key.c \
	%D%/mounts.c \
	%D%/net.c \
	%D%/output.c \
	%D%/place.c \
	%D%/private.h \
	%D%/step.c \
	%D%/stubs.c \
	%D%/stubs.h \
	%D%/tree.c
