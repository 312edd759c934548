/* include/donjon/app.h - a program that is a site: int main() { return dj_manage(argc, argv, &app);
 * } */
#pragma once
#include "donjon/middleware.h"
#include "donjon/routes.h"

DJ_BEGIN_DECLS

typedef struct dj_app {
    dj_urls urls;
    const dj_middleware *const
               *middleware; /* the program's own layers, for MIDDLEWARE to name; or NULL */
    size_t      nmiddleware;
    const char *settings; /* default settings file; --settings and DONJON_SETTINGS override */
    const struct dj_check *checks; /* the program's own, donjon/checks.h; or NULL */
    size_t                 nchecks;
    const struct dj_embedded_templates *templates; /* in the program (`donjon embed`); or NULL */
    const struct dj_library *const *libraries; /* tags and filters, for {% load %}; or NULL */
    size_t                          nlibraries;
    const struct dj_context_processor *processors; /* the program's own, for TEMPLATES to name */
    size_t                             nprocessors;
} dj_app;

/* The command line of a site: serve, runserver, check, secret-key, diffsettings, ... `--help`
 * tells. Returns the exit status. */
DJ_CHECKED DJ_NONNULL int dj_manage(int argc, char **argv, const dj_app *app);

DJ_END_DECLS
