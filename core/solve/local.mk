# core/solve: keys, cache look-up, scheduler, jobs.

libtenon_core_la_SOURCES += \
	%D%/apart.c \
	%D%/apart.h \
	%D%/buildkitkey.c \
	%D%/buildkitkey.h \
	%D%/buildkitlookup.c \
	%D%/buildkitlookup.h \
	%D%/buildkitrecords.c \
	%D%/buildkitrecords.h \
	%D%/cache.h \
	%D%/cacheexport.c \
	%D%/cachelookup.c \
	%D%/content.c \
	%D%/deps.c \
	%D%/entitled.c \
	%D%/explain.c \
	%D%/file.c \
	%D%/import.c \
	%D%/import.h \
	%D%/jobchains.c \
	%D%/jobmounts.c \
	%D%/jobs.c \
	%D%/key.c \
	%D%/keyparts.c \
	%D%/known.c \
	%D%/known.h \
	%D%/layerset.c \
	%D%/layerset.h \
	%D%/loop.c \
	%D%/mergediff.c \
	%D%/mountids.c \
	%D%/private.h \
	%D%/requests.c \
	%D%/runjob.c \
	%D%/solve.h \
	%D%/solver.c \
	%D%/sourcejob.c \
	%D%/sourcejob.h \
	%D%/sourcemeta.c \
	%D%/state.c \
	%D%/vertexevents.c
