# common/grpc: gRPC over HTTP/2, both roles; a convenience library, no plugin.  Whoever links
# it links the toolbox.
if HAVE_NGHTTP2
noinst_LTLIBRARIES += libtenon-common-grpc.la
endif
libtenon_common_grpc_la_SOURCES = \
	%D%/call.c \
	%D%/coding.c \
	%D%/coding.h \
	%D%/connection.c \
	%D%/grpc.h \
	%D%/link.c \
	%D%/outgoing.c \
	%D%/private.h \
	%D%/screen.c \
	%D%/serve.c \
	%D%/state.c
libtenon_common_grpc_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
libtenon_common_grpc_la_CFLAGS = $(AM_CFLAGS) $(NGHTTP2_CFLAGS)
COMMON_GRPC_LIBS = libtenon-common-grpc.la libtenon-tools.la $(NGHTTP2_LIBS)
