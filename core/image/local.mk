# core/image: OCI documents, references, platforms, layers.

libtenon_core_la_SOURCES += \
	%D%/annotations.c \
	%D%/assemble.h \
	%D%/chainblobs.c \
	%D%/config.c \
	%D%/contents.c \
	%D%/contents.h \
	%D%/deflate.c \
	%D%/diff.c \
	%D%/diff.h \
	%D%/document.c \
	%D%/encoder.c \
	%D%/encoder.h \
	%D%/extract.c \
	%D%/extract.h \
	%D%/huffman.c \
	%D%/huffman.h \
	%D%/image.h \
	%D%/inflate.c \
	%D%/layer.c \
	%D%/layer.h \
	%D%/libarchive.c \
	%D%/linkfield.c \
	%D%/linkfield.h \
	%D%/libarchive.h \
	%D%/lower.c \
	%D%/lower.h \
	%D%/make.c \
	%D%/match.c \
	%D%/match.h \
	%D%/pieces.c \
	%D%/pieces.h \
	%D%/purl.c \
	%D%/platform.c \
	%D%/proof.c \
	%D%/reference.c \
	%D%/stream.h \
	%D%/tar.c \
	%D%/tar.h \
	%D%/tarscan.c \
	%D%/tarscan.h \
	%D%/unpack.c \
	%D%/walk.c
