# core/engine: one build from request to exports; the table that plugins call.
libtenon_core_la_SOURCES += \
	%D%/attestation.c \
	%D%/attestation.h \
	%D%/bridge.c \
	%D%/build.c \
	%D%/build.h \
	%D%/build_private.h \
	%D%/buildcheck.c \
	%D%/buildrun.c \
	%D%/cachedocument.c \
	%D%/inlinecache.c \
	%D%/containers.c \
	%D%/frontend.c \
	%D%/host.c \
	%D%/host.h \
	%D%/host_fetch.c \
	%D%/host_fetch.h \
	%D%/host_image.c \
	%D%/host_image.h \
	%D%/host_limits.c \
	%D%/host_limits.h \
	%D%/host_registry.c \
	%D%/host_registry.h \
	%D%/host_store.c \
	%D%/host_store.h \
	%D%/leftovers.c \
	%D%/platformcheck.c \
	%D%/process.c \
	%D%/process.h \
	%D%/remotecache.c \
	%D%/remotecache.h \
	%D%/result.c \
	%D%/result.h \
	%D%/sources.c \
	%D%/sources.h \
	%D%/statement.c
