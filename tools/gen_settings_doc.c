/* tools/gen_settings_doc.c - prints docs/settings.md from settings.def. */
#include "donjon/settings.h"
#include <stdio.h>

int main(void)
{
    size_t                 n;
    const dj_setting_info *table = dj_setting_table(&n);
    dj_scope              *s = dj_scope_open(DJ_SCOPE_MAX_DEFAULT);
    if (s == NULL)
        return 1;
    puts("# Settings\n\nMade by `build/gen-settings-doc` from `src/conf/settings.def`. Types: "
         "`opt_` allows None, `str_list` is a list or "
         "tuple of str, `value` is described by its text.\n");
    for (size_t i = 0; i < n; i++) {
        dj_str def = dj_value_repr(s, table[i].def, 400);
        printf("- **" DJ_FMT "** (" DJ_FMT ", default `" DJ_FMT "%s`): " DJ_FMT "\n",
               DJ_ARG(table[i].name), DJ_ARG(table[i].type), DJ_ARG(def),
               def.len == 400 ? "..." : "", DJ_ARG(table[i].help));
    }
    dj_scope_close(s);
    return 0;
}
