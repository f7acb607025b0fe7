# core/solve: keys, cache look-up, scheduler, jobs.

libtenon_core_la_SOURCES += \
	%D%/allow.c \
	%D%/cache.h \
	%D%/content.c \
	%D%/deps.c \
	%D%/explain.c \
	%D%/file.c \
	%D%/key.c \
	%D%/import.c \
	%D%/import.h \
	%D%/known.c \
	%D%/layers.c \
	%D%/layers.h \
	%D%/lookup.c \
	%D%/loop.c \
	%D%/meta.c \
	%D%/mounts.c \
	%D%/parts.c \
	%D%/private.h \
	%D%/run.c \
	%D%/show.c \
	%D%/solve.h \
	%D%/solver.c \
	%D%/source.c \
	%D%/source.h \
	%D%/state.c
