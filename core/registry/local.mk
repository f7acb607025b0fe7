# core/registry: HTTP and the distribution protocol.

libtenon_core_la_SOURCES += \
	%D%/again.c \
	%D%/again.h \
	%D%/answer.c \
	%D%/answer.h \
	%D%/auth.c \
	%D%/certificate.c \
	%D%/certificate.h \
	%D%/challenge.c \
	%D%/challenge.h \
	%D%/check.c \
	%D%/check.h \
	%D%/failure.c \
	%D%/failure.h \
	%D%/handshake.c \
	%D%/handshake.h \
	%D%/hosts.c \
	%D%/http.c \
	%D%/http.h \
	%D%/leftout.c \
	%D%/leftout.h \
	%D%/libcurl.c \
	%D%/libcurl.h \
	%D%/listing.c \
	%D%/memory.c \
	%D%/mirrors.c \
	%D%/patience.c \
	%D%/patience.h \
	%D%/private.h \
	%D%/proxy.c \
	%D%/proxy.h \
	%D%/pull.c \
	%D%/push.c \
	%D%/redirect.c \
	%D%/redirect.h \
	%D%/registry.h \
	%D%/request.c \
	%D%/settings.c \
	%D%/settings.h \
	%D%/status.c \
	%D%/tokenask.h \
	%D%/trust.c \
	%D%/trust.h \
	%D%/url.c \
	%D%/url.h
