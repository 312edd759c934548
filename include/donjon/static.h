/* include/donjon/static.h - addresses of static files.
 *
 * Files below STATIC_URL are served by the site itself: from STATIC_ROOT, which collectstatic
 * fills, or with DEBUG from where they are written. docs/static-files.md. Django:
 * howto/static-files. */
#pragma once
#include "donjon/request.h"

DJ_BEGIN_DECLS

/* The address of a static file, as `{% static path %}` gives it in a template: below STATIC_URL,
 * and with its hashed name if DEBUG is off. Escape it where it goes into a page.
 *   DJ_ERR_MALFORMED  it was not collected (Django's ValueError)
 *   DJ_ERR_SETTINGS   the staticfiles app is there, and no STATIC_URL */
DJ_CHECKED DJ_NONNULL dj_err dj_static_address(dj_req *req, dj_str path, dj_str *url);

DJ_END_DECLS
