# core/graph: ops, vertices, their encoding and digests.

libtenon_core_la_SOURCES += \
	%D%/builder.c \
	%D%/builder.h \
	%D%/decode.c \
	%D%/decode.h \
	%D%/definition.c \
	%D%/encode.c \
	%D%/freeze.c \
	%D%/graph.c \
	%D%/graph.h \
	%D%/message.c \
	%D%/message.h \
	%D%/name.c \
	%D%/opjson.c \
	%D%/opjson.h \
	%D%/errorplaces.c \
	%D%/errorplaces.h \
	%D%/private.h \
	%D%/wire.c \
	%D%/wire.h
