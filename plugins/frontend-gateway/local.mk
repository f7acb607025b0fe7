# frontend-gateway.so: frontends in images.

if PLUGIN_FRONTEND_GATEWAY
pluginexec_LTLIBRARIES += frontend-gateway.la
endif
frontend_gateway_la_SOURCES = \
	%D%/attested.c \
	%D%/attested.h \
	%D%/caps.c \
	%D%/choose.c \
	%D%/containers.c \
	%D%/containers.h \
	%D%/exec.c \
	%D%/failure.c \
	%D%/failure.h \
	%D%/gateway.c \
	%D%/gateway.h \
	%D%/image.c \
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
	%D%/status.c \
	%D%/watch.c \
	%D%/watch.h
frontend_gateway_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
frontend_gateway_la_CFLAGS = $(AM_CFLAGS) $(NGHTTP2_CFLAGS)
frontend_gateway_la_LDFLAGS = $(PLUGIN_LDFLAGS) -pthread
frontend_gateway_la_LIBADD = libtenon-common-message.la $(COMMON_GRPC_LIBS) $(JSON_C_LIBS)
