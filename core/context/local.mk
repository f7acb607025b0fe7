# core/context: what a unit of work carries: the build it belongs to, what only this user
# has, where its events go, what stops it.
libtenon_core_la_SOURCES += \
	%D%/ctx.c \
	%D%/ctx.h \
	%D%/engine.h \
	%D%/events.c \
	%D%/events.h \
	%D%/kept.c \
	%D%/kept.h \
	%D%/scope.c \
	%D%/scope.h \
	%D%/session.h \
	%D%/waiting.c \
	%D%/waiting.h
