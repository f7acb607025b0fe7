# frontend-gateway.so: frontends in images.

if PLUGIN_FRONTEND_GATEWAY
pluginexec_LTLIBRARIES += frontend-gateway.la
endif
frontend_gateway_la_SOURCES = \
	%D%/choose.c \
	%D%/gateway.c \
	%D%/image.c \
	%D%/image.h
frontend_gateway_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
frontend_gateway_la_CFLAGS = $(AM_CFLAGS) $(NGHTTP2_CFLAGS)
frontend_gateway_la_LDFLAGS = $(PLUGIN_LDFLAGS) -pthread
frontend_gateway_la_LIBADD = $(COMMON_LLBBRIDGE_LIBS)
