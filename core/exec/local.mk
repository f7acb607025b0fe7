# core/exec: the specification of one step.
libtenon_core_la_SOURCES += \
	%D%/bindpoint.c \
	%D%/cdi.c \
	%D%/cdi.h \
	%D%/cdiedits.c \
	%D%/container.c \
	%D%/describe.c \
	%D%/diagnose.c \
	%D%/emptycaches.c \
	%D%/emulation.c \
	%D%/entitlements.c \
	%D%/entitlements.h \
	%D%/env.c \
	%D%/exec.h \
	%D%/failedstep.c \
	%D%/leftover.c \
	%D%/mountkeys.c \
	%D%/net.c \
	%D%/private.h \
	%D%/processors.c \
	%D%/processors.h \
	%D%/program.c \
	%D%/reenter.c \
	%D%/relay.c \
	%D%/step.c \
	%D%/stepids.c \
	%D%/stepmounts.c \
	%D%/stubs.c \
	%D%/stubs.h \
	%D%/tmpfsmode.c \
	%D%/tree.c
