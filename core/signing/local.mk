# core/signing: signatures of images, made and verified.

libtenon_core_la_SOURCES += \
	%D%/certificates.c \
	%D%/certificates.h \
	%D%/imagepolicy.c \
	%D%/imagepolicy.h \
	%D%/signature.c \
	%D%/signature.h \
	%D%/signimage.c \
	%D%/signimage.h \
	%D%/signingkey.c \
	%D%/signingkey.h \
	%D%/verifyattestations.c \
	%D%/verifyimage.c \
	%D%/verifyimage.h \
	%D%/verifying.h \
	%D%/verifysignatures.c \
	%D%/verifysigners.c \
	%D%/verifythreshold.c
