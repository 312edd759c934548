/* src/template/filters/urls.c - filters that make text fit for a URL. */
#include "donjon/url.h"
#include "template/filters/filters.h"

FILTER(filter_urlencode)
{
    dj_str given = DJ_LIT("/");
    dj_buf b = filter_buf(run), safe = filter_buf(run);
    if (arg != NULL && arg->kind != DJ_VAR_NONE) {
        dj_err e = filter_text_needed(run, arg, &given);
        if (e)
            return e;
    }
    for (size_t i = 0; i < given.len; i++) { /* quote() looks at ASCII only */
        if ((unsigned char)given.ptr[i] < 0x80)
            dj_buf_add_byte(&safe, given.ptr[i]);
    }
    dj_buf_add_quoted(&b, in->text, dj_buf_str(&safe));
    return filter_done(run, &b, DJ_SAFE_URL_ENCODED, out);
}

/* Safe text stays what it is in HTML: the '&' of "?a=1&b=2" is not escaped again. */
FILTER(filter_iriencode)
{
    dj_str text = dj_iri_to_uri(dj_run_scope(run), in->text);
    *out = dj_var_made(text, dj_var_is_safe(in) ? DJ_SAFE_HTML : DJ_SAFE_URL_ENCODED);
    return DJ_OK;
}
