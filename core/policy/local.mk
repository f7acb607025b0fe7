# core/policy: which sources a build may use: policies, lock files.

libtenon_core_la_SOURCES += \
	%D%/lockfile.c \
	%D%/lockfile.h \
	%D%/policy.c \
	%D%/policy.h \
	%D%/repository.c \
	%D%/repository.h
