# core/registry: HTTP and the distribution protocol.

libtenon_core_la_SOURCES += \
	%D%/auth.c \
	%D%/certificate.c \
	%D%/certificate.h \
	%D%/failure.c \
	%D%/failure.h \
	%D%/hosts.c \
	%D%/http.c \
	%D%/http.h \
	%D%/libcurl.c \
	%D%/libcurl.h \
	%D%/private.h \
	%D%/pull.c \
	%D%/push.c \
	%D%/registry.h \
	%D%/request.c
