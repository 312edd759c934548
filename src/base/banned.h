/* src/base/banned.h - calls that have no safe use here; forced into every file by the build. */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The C library makes macros of some when it fortifies; a poisoned name must be none. */
#undef strcpy
#undef strcat
#undef sprintf
#undef vsprintf
#undef strtok
#undef gets
#undef strncpy
#undef strncat
#undef localtime
#undef gmtime
#undef asctime
#undef ctime
#undef srand
#undef atoi
#undef atol
#undef atof
#undef tmpnam
#undef mktemp
#pragma GCC poison strcpy strcat sprintf vsprintf strtok gets strncpy strncat localtime gmtime     \
    asctime ctime srand atoi atol atof tmpnam mktemp
/* The word is a parameter's name in OpenSSL's headers, so only the function is refused. */
extern int rand(void) __attribute__((unavailable("use donjon/crypto.h")));
