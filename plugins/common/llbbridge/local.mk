# common/llbbridge: BuildKit's LLBBridge by the bridge of the host; a convenience library, no
# plugin.
if HAVE_NGHTTP2
noinst_LTLIBRARIES += libtenon-common-llbbridge.la
endif
libtenon_common_llbbridge_la_SOURCES = \
	%D%/attested.c \
	%D%/attested.h \
	%D%/caps.c \
	%D%/codes.h \
	%D%/containers.c \
	%D%/containers.h \
	%D%/exec.c \
	%D%/failure.c \
	%D%/failure.h \
	%D%/gateway.h \
	%D%/imports.c \
	%D%/llbbridge.c \
	%D%/llbbridge.h \
	%D%/platforms.c \
	%D%/policies.c \
	%D%/policies.h \
	%D%/process.c \
	%D%/process.h \
	%D%/reading.c \
	%D%/reading.h \
	%D%/references.c \
	%D%/returned.c \
	%D%/serve.c \
	%D%/serving.c \
	%D%/serving.h \
	%D%/sourcemeta.c \
	%D%/sourcemeta.h \
	%D%/status.c \
	%D%/watch.c \
	%D%/watch.h
libtenon_common_llbbridge_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
libtenon_common_llbbridge_la_CFLAGS = $(AM_CFLAGS) $(NGHTTP2_CFLAGS)
COMMON_LLBBRIDGE_LIBS = libtenon-common-llbbridge.la libtenon-common-message.la \
	$(COMMON_GRPC_LIBS) $(JSON_C_LIBS)
