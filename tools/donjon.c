/* tools/donjon.c - the tool: commands that need no site of their own.
 *
 * Must not know: how a command works. */
#include "manage/manage.h"
#include "embed.h"
#include "startproject.h"

int main(int argc, char **argv)
{
    static const dj_command commands[] = {
        {"check", NULL, "Audits the settings file of any Django project, without running it.",
         dj_manage_check},
        {"embed", NULL, "Writes templates as a C file, for a program that carries them with it.",
         dj_tool_embed},
        {"secret-key", "generate-secret-key", "Makes a new secret key.", dj_manage_secret_key},
        {"startproject", NULL, "Writes a new site: it builds, and its checks are clean.",
         dj_tool_startproject},
        {"version", NULL, "Shows the version of Donjon.", dj_manage_version},
    };
    return dj_commands_run(commands, DJ_COUNT(commands), "Donjon's tool.", argc, argv, NULL);
}
