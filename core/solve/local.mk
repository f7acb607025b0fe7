# core/solve: keys, cache look-up, scheduler, jobs.
# Add each .c and .h here: libtenon_core_la_SOURCES += %D%/NAME.c %D%/NAME.h
