/* tools/embed.h - `donjon embed DIRECTORY...`: templates as a C file. */
#pragma once
#include "manage/manage.h"

int dj_tool_embed(dj_scope *s, const dj_console *con, int argc, char *const *argv,
                  const struct dj_app *app);
