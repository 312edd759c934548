/* src/http/media_types.c - what a file's extension says about its contents.
 *
 * Must not know: contents. Nothing is sniffed, by us or (nosniff) by the browser. */
#include "http/files.h"

static const dj_media_type types[] = {
#define DJ_MEDIA_TYPE(extension, type, compress)                                                   \
    {DJ_STR_INIT(extension), DJ_STR_INIT(type), compress},
#include "http/media_types.def"
#undef DJ_MEDIA_TYPE
};

static const dj_media_type unknown = {DJ_STR_INIT(""), DJ_STR_INIT("application/octet-stream"),
                                      false};

const dj_media_type *dj_media_type_of(dj_str name)
{
    size_t slash = dj_str_rchr(name, '/');
    if (slash != DJ_NOT_FOUND)
        name = dj_str_from(name, slash + 1);
    dj_str extension = dj_str_from(name, dj_extension_at(name));
    if (extension.len < 2)
        return &unknown;
    extension = dj_str_from(extension, 1);
    for (size_t i = 0; i < DJ_COUNT(types); i++) {
        if (dj_str_eq_nocase(types[i].extension, extension))
            return &types[i];
    }
    return &unknown;
}

bool dj_media_type_is_active(dj_str type)
{
    type = dj_str_trim(dj_str_first(type, dj_str_chr(type, ';')));
    return dj_str_eq_nocase(type, DJ_LIT("text/html")) ||
           dj_str_eq_nocase(type, DJ_LIT("text/xml")) ||
           dj_str_eq_nocase(type, DJ_LIT("application/xml")) || type.len == 0 ||
           (type.len >= 4 && dj_str_eq_nocase(dj_str_from(type, type.len - 4), DJ_LIT("+xml")));
}
