# TENON_TRY_CFLAG(VARIABLE, FLAG): append FLAG to VARIABLE if the compiler takes it.
AC_DEFUN([TENON_TRY_CFLAG],
[AS_VAR_PUSHDEF([cache], [tenon_cv_cflag_$2])dnl
AC_CACHE_CHECK([whether $CC accepts $2], [cache],
  [tenon_saved_CFLAGS=$CFLAGS
   CFLAGS="$CFLAGS -Werror $2"
   AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
     [AS_VAR_SET([cache], [yes])], [AS_VAR_SET([cache], [no])])
   CFLAGS=$tenon_saved_CFLAGS])
AS_VAR_IF([cache], [yes], [$1="$$1 $2"])
AS_VAR_POPDEF([cache])])

# TENON_WARNINGS: the language level and the warnings we live by. gcc's -Wextra has
# -Wimplicit-fallthrough; clang's knows no comments, and the macros of uthash have them.
AC_DEFUN([TENON_WARNINGS],
[AC_REQUIRE([AC_PROG_CC])
TENON_CFLAGS=
m4_foreach_w([flag], [-std=gnu17 -Wall -Wextra -Wshadow -Wvla -Wundef
  -Wpointer-arith -Wwrite-strings -Wstrict-prototypes -Wmissing-prototypes
  -Wswitch-enum -Wformat=2 -Wno-format-truncation -Wno-stringop-truncation],
  [TENON_TRY_CFLAG([TENON_CFLAGS], flag)
])
AC_ARG_ENABLE([werror],
  [AS_HELP_STRING([--enable-werror], [treat warnings as errors])],
  [], [enable_werror=no])
AS_IF([test "$enable_werror" = yes], [TENON_CFLAGS="$TENON_CFLAGS -Werror"])
AC_SUBST([TENON_CFLAGS])])

# TENON_HARDENING: what a mistake in memory comes up against. Functions with arrays have a canary,
# large frames touch each page of theirs; libc's functions know the size of what they write to,
# where code is optimized (config.h, which comes before each file). glibc then also says whose
# result is not looked at, of which write and chown on the way out of an error are most.
AC_DEFUN([TENON_HARDENING],
[AC_REQUIRE([TENON_WARNINGS])
m4_foreach_w([flag], [-fstack-protector-strong -fstack-clash-protection -Wno-unused-result],
  [TENON_TRY_CFLAG([TENON_CFLAGS], flag)
])
AH_BOTTOM([#if defined __OPTIMIZE__ && !defined _FORTIFY_SOURCE
# if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__ && !defined TENON_SANITIZED
#  define _FORTIFY_SOURCE 2
# endif
#endif])])

# TENON_SANITIZERS: --enable-sanitizers[=LIST].  Modules then keep undefined
# symbols (the runtime is in the program), so -z defs is dropped for them.
AC_DEFUN([TENON_SANITIZERS],
[AC_ARG_ENABLE([sanitizers],
  [AS_HELP_STRING([--enable-sanitizers@<:@=LIST@:>@],
    [build with sanitizers: address,undefined (default list) or thread])],
  [], [enable_sanitizers=no])
AS_CASE([$enable_sanitizers],
  [no], [tenon_sanitizers=],
  [yes], [tenon_sanitizers=address,undefined],
  [tenon_sanitizers=$enable_sanitizers])
AS_IF([test -n "$tenon_sanitizers"],
  [TENON_CFLAGS="$TENON_CFLAGS -fsanitize=$tenon_sanitizers -fno-omit-frame-pointer -fno-sanitize-recover=undefined -DTENON_SANITIZED"
   SANITIZER_LDFLAGS="-fsanitize=$tenon_sanitizers"
   MODULE_DEFS_LDFLAGS=],
  [SANITIZER_LDFLAGS=
   MODULE_DEFS_LDFLAGS="-no-undefined -Wl,-z,defs"])
AC_SUBST([SANITIZER_LDFLAGS])
AC_SUBST([MODULE_DEFS_LDFLAGS])
# Set in Makefile.am, where automake sees the -module; substituted only so that
# it does not take the name for that of a program.
AC_SUBST([PLUGIN_LDFLAGS], [])
AM_CONDITIONAL([SANITIZERS], [test -n "$tenon_sanitizers"])])

# TENON_OPTIONAL_LIBRARY(PREFIX, PKG-CONFIG NAME, COMMENT): HAVE_PREFIX in
# config.h and as a conditional.
AC_DEFUN([TENON_OPTIONAL_LIBRARY],
[PKG_CHECK_MODULES([$1], [$2],
  [have_$1=yes
   AC_DEFINE([HAVE_$1], [1], [Define to 1 if $3.])],
  [have_$1=no])
AM_CONDITIONAL([HAVE_$1], [test "$have_$1" = yes])])

# TENON_SONAME(PREFIX, LIBRARY, FUNCTION): TENON_PREFIX_SONAME is the file that PREFIX_LIBS
# names at run time, for a library that is loaded by name.
AC_DEFUN([TENON_SONAME],
[AC_REQUIRE([LT_INIT])
AC_CACHE_CHECK([the file name of $2], [tenon_cv_soname_$1],
  [tenon_saved_LIBS=$LIBS
   LIBS="$$1_LIBS $LIBS"
   tenon_cv_soname_$1=
   AC_LINK_IFELSE([AC_LANG_PROGRAM([[char $3(void);]], [[return $3();]])],
     [tenon_cv_soname_$1=`${OBJDUMP:-objdump} -p conftest$EXEEXT | sed -n 's/^ *NEEDED *\($2[[^ ]]*\)$/\1/p' | head -n 1`])
   LIBS=$tenon_saved_LIBS])
AS_VAR_IF([tenon_cv_soname_$1], [], [AC_MSG_ERROR([cannot find the file name of $2])])
AC_DEFINE_UNQUOTED([TENON_$1_SONAME], ["$tenon_cv_soname_$1"], [the file name of $2])])
