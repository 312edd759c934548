/* tools/startproject.h - `donjon startproject NAME [DIRECTORY]`. */
#pragma once
#include "manage/manage.h"

int dj_tool_startproject(dj_scope *s, const dj_console *con, int argc, char *const *argv,
                         const struct dj_app *app);
