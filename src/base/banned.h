/* src/base/banned.h - calls that have no safe use here; forced into every file by the build. */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#pragma GCC poison strcpy strcat sprintf vsprintf strtok gets strncpy strncat localtime gmtime asctime ctime rand srand atoi atol \
    atof tmpnam mktemp
