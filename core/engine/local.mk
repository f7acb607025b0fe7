# core/engine: one build from flags to result.
# Add each .c and .h here: libtenon_core_la_SOURCES += %D%/NAME.c %D%/NAME.h
libtenon_core_la_SOURCES += \
	%D%/bridge.c \
	%D%/build.c \
	%D%/build.h \
	%D%/build_private.h \
	%D%/cache.c \
	%D%/cache.h \
	%D%/cachedocument.c \
	%D%/engine.h \
	%D%/host.c \
	%D%/host_image.c \
	%D%/host_image.h \
	%D%/host_store.c \
	%D%/host_store.h \
	%D%/result.c \
	%D%/result.h \
	%D%/session.h
